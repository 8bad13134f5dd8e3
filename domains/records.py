"""The only place that says which DNS records a domain needs, and with which values."""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Case, QuerySet, When

from domains import hosted
from domains.models import (
    USABLE,
    DkimKey,
    DnsMode,
    Domain,
    DomainState,
    EgressSource,
    KeyState,
)

# Local parts on a domain's return-path host that take reports
DMARC_BOX, TLS_BOX = "dmarc", "tlsrpt"


@dataclass(frozen=True, slots=True)
class Record:
    """One record to publish. `purpose` is dkim, delegation, return_path, spf, dmarc, tracking or
    tls_reports.

    `short_host` is the host as most DNS forms want it: without the domain. `later` are IPs that
    the value names and that break nothing while they are missing, for they do not send yet.
    A DKIM record has an `algorithm`, and the `key_id` and state (`role`) of its key. An alias has
    `behind` it a type and value that the operator's DNS answers with; a record that is `ours` is
    answered by it at the host itself, and nobody has to publish it.
    """

    purpose: str
    type: str
    host: str
    short_host: str
    value: str
    required: bool
    later: tuple[str, ...] = ()
    key_id: int = 0
    role: str = ""
    algorithm: str = ""
    behind: tuple[str, str] = ("", "")
    ours: bool = False


def required(domain: Domain) -> tuple[Record, ...]:
    """The records of a domain as its keys and its account's IPs are now."""
    keys = list(living(domain))
    rows = EgressSource.objects.of(domain.account_id).order_by("pk").values_list("address", "state")
    sources = list(rows)
    # A new IP must not stop a verified domain: the IP waits for the domain's SPF instead
    later = [a for a, state in sources if state not in USABLE]
    if domain.state == DomainState.PENDING:
        later = []
    return records(domain, keys=keys, addresses=[a for a, _ in sources], later=later)


def living(domain: Domain) -> "QuerySet[DkimKey]":
    """A domain's keys that are published, or are to be: what signs comes first, RSA before that."""
    order = Case(When(state=KeyState.ACTIVE, then=0), When(state=KeyState.NEXT, then=1), default=2)
    keys: QuerySet[DkimKey] = domain.dkim_keys.exclude(state=KeyState.RETIRED)
    return keys.order_by(order, "-algorithm", "pk")


def records(
    domain: Domain, *, keys: Sequence[DkimKey], addresses: Iterable[str], later: Sequence[str] = ()
) -> tuple[Record, ...]:
    """The same from rows already read."""
    mode = hosted.mode(domain)
    named = spf(addresses)
    policy = replace(_record(domain, "spf", "TXT", domain.return_path_host, named), later=(*later,))
    others = (
        _record(domain, "dmarc", "TXT", f"_dmarc.{domain.name}", dmarc(domain)),
        _record(
            *(domain, "tracking", "CNAME", domain.tracking_host),
            platform_host() if mode == DnsMode.OWN else hosted.tracking_host(domain),
            required=False,
        ),
        _record(
            *(domain, "tls_reports", "TXT", f"_smtp._tls.{domain.name}", tls_reports(domain)),
            required=False,
        ),
    )
    mail = f"10 {settings.MAIL_HOST}"
    if mode == DnsMode.OWN:
        return (
            *(_key(domain, key) for key in keys),
            _record(domain, "return_path", "MX", domain.return_path_host, mail),
            policy,
            *others,
        )
    back = _record(
        domain, "return_path", "CNAME", domain.return_path_host, hosted.return_path_host(domain)
    )
    return (
        *(_aliases(domain, keys) if mode == DnsMode.ALIASES else _delegation(domain, keys)),
        replace(back, behind=("MX", mail)),
        replace(policy, ours=True),
        *others,
    )


def _record(
    domain: Domain, purpose: str, kind: str, host: str, value: str, *, required: bool = True
) -> Record:
    short = host.removesuffix(f".{domain.name}")
    return Record(purpose, kind, host, short, value, required)


def _key(domain: Domain, key: DkimKey) -> Record:
    """A key's TXT record. Only a key that signs is required."""
    host = f"{key.selector}._domainkey.{domain.name}"
    signs = key.state == KeyState.ACTIVE
    record = _record(domain, "dkim", "TXT", host, key_record(key), required=signs)
    return replace(record, key_id=key.pk, role=key.state, algorithm=key.algorithm)


def _aliases(domain: Domain, keys: Sequence[DkimKey]) -> Iterator[Record]:
    """An alias for each selector, those of keys to come included: no rotation needs an edit."""
    by_selector = {key.selector: key for key in keys}
    wanted = {
        s: algorithm for algorithm in ("rsa", "ed25519") for s in selectors(domain, algorithm)
    }
    wanted |= {selector: key.algorithm for selector, key in by_selector.items()}
    for selector, algorithm in wanted.items():
        key = by_selector.get(selector)
        host = f"{selector}._domainkey.{domain.name}"
        needed = domain.state == DomainState.PENDING or bool(key and key.state == KeyState.ACTIVE)
        alias = hosted.key_host(domain, selector)
        record = _record(domain, "dkim", "CNAME", host, alias, required=needed)
        record = replace(record, algorithm=algorithm)
        if key is not None:
            behind = ("TXT", key_record(key))
            record = replace(record, key_id=key.pk, role=key.state, behind=behind)
        yield record


def _delegation(domain: Domain, keys: Sequence[DkimKey]) -> Iterator[Record]:
    """One delegation, below which we answer for every key."""
    place = hosted.delegated_zone(domain.name)
    yield _record(domain, "delegation", "NS", place, hosted.delegate(domain.account_id))
    for key in keys:
        yield replace(_key(domain, key), ours=True)


def selectors(domain: Domain, algorithm: str) -> tuple[str, str]:
    """The two selectors of an algorithm, which take turns; they carry the account's number."""
    first = f"p{domain.account_id}{algorithm[0]}"
    return f"{first}1", f"{first}2"


def dmarc(domain: Domain, policy: str = "none") -> str:
    """A DMARC policy (RFC 7489 §6.3) whose reports come to us.

    They come to a host below the domain itself, so no other domain has to agree (§7.1).
    """
    return f"v=DMARC1; p={policy}; rua=mailto:{dmarc_address(domain)};"


def dmarc_address(domain: Domain) -> str:
    """Where receivers send aggregate reports about a domain."""
    return f"{DMARC_BOX}@{domain.return_path_host}"


def tls_reports(domain: Domain) -> str:
    """A policy (RFC 8460 §3) that asks for reports about TLS on the way to the domain."""
    return f"v=TLSRPTv1; rua=mailto:{TLS_BOX}@{domain.return_path_host}"


def key_record(key: DkimKey) -> str:
    """The TXT value that publishes a key, or says that it is revoked (RFC 6376 §3.6.1, RFC 8463 §4)."""
    public = "" if key.state == KeyState.RETIRED else key.public_key
    return f"v=DKIM1; k={key.algorithm}; p={public}"


def spf(addresses: Iterable[str]) -> str:
    """The SPF policy (RFC 7208) of a return-path host: these addresses and no others."""
    found = [ipaddress.ip_address(address) for address in addresses]
    return " ".join(["v=spf1", *(f"ip{ip.version}:{ip}" for ip in found), "-all"])


def platform_host() -> str:
    """The host that tracking hosts are aliases of: our public one, if it is a name."""
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host if "." in host else str(settings.PLATFORM_DOMAIN)
    return str(settings.PLATFORM_DOMAIN)
