"""The only place that rolls destinations up into sites: what shares an MX set is one site.

Limits, warm-up and health are kept per site, for a receiver counts what comes to its servers and not
what comes to each domain behind them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

# Names of the large mailbox providers' exchangers, by how they end. Each is one site, since each
# counts a sender over all the domains it hosts.
PROVIDERS: dict[str, str] = {
    ".google.com": "google",
    ".googlemail.com": "google",
    ".smtp.goog": "google",
    ".yahoodns.net": "yahoo",
    ".olc.protection.outlook.com": "microsoft",  # outlook.com, hotmail.com, live.com
    ".mail.protection.outlook.com": "microsoft-365",  # other people's domains
    ".mx.microsoft": "microsoft-365",
    ".mail.icloud.com": "apple",
}
#: They offer TLS without exception: one that does not is somebody else in the way.
ALWAYS_TLS = frozenset(PROVIDERS.values())
#: They send no reports of spam (ARF): Google tells its rate in Postmaster Tools alone, Apple tells none.
SILENT_ON_SPAM = frozenset({"google", "apple"})
#: What people call them.
NAMES: dict[str, str] = {
    "google": "Google",
    "microsoft": "Microsoft (Outlook.com)",
    "microsoft-365": "Microsoft 365",
    "yahoo": "Yahoo",
    "apple": "Apple iCloud",
}
RELAY = "relay "  # how the key of a relay or smarthost begins, which host and port follow
LONGEST = 120  # characters of a site's key


@dataclass(frozen=True, slots=True)
class Site:
    """Where mail goes, as receivers count it. `key` is stable, whatever order DNS answers in.

    `provider` is google, yahoo, microsoft, microsoft-365, apple, or empty for everyone else.
    """

    key: str
    provider: str = ""


NOWHERE = Site("")


def site(hosts: Sequence[str]) -> Site:
    """The site of a set of mail exchangers. Empty where there are none."""
    names = sorted({host.lower().rstrip(".") for host in hosts})
    found = {provider_of(name) for name in names}
    if len(found) == 1 and (provider := found.pop()):
        return Site(provider, provider)
    return Site(_key(names))


def provider_of(host: str) -> str:
    """The large provider a mail exchanger belongs to; empty for none."""
    dotted = f".{host}"
    return next((name for ending, name in PROVIDERS.items() if dotted.endswith(ending)), "")


def named(key: str) -> str:
    """A site as people read it: a provider by its name, a relay by its address."""
    return NAMES.get(key) or key.removeprefix(RELAY)


def _key(names: Sequence[str]) -> str:
    """One name as it is; several as (a|b).common.part; too long a set by its digest."""
    if len(names) < 2:
        return "".join(names)
    common: list[str] = []
    # The whole of one name may end the other: something must be left of each
    for labels in zip(*(name.split(".")[:0:-1] for name in names), strict=False):
        if len(set(labels)) > 1:
            break
        common.insert(0, labels[0])
    tail = ".".join(common)
    heads = [name.removesuffix(f".{tail}") if tail else name for name in names]
    key = f"({'|'.join(heads)})" + (f".{tail}" if tail else "")
    if len(key) <= LONGEST:
        return key
    digest = hashlib.blake2b("|".join(names).encode(), digest_size=8).hexdigest()
    return f"({len(names)} hosts {digest})" + (f".{tail}"[: LONGEST - 40] if tail else "")
