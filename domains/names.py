"""The only place that reads names people type: sending domains and host names."""

import ipaddress
import re
from functools import lru_cache

import idna
from publicsuffix2 import PublicSuffixList

from config.errors import PostinoError, Refusal

LONGEST = 253  # octets of a name as text (RFC 1035 §2.3.4)
# What our own labels need in front: `_dmarc.`, `p<account>r<n>._domainkey.`
ROOM = 40
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# Nobody who has to ask us owns these; mail in their name is refused by their DMARC policy
FREEMAIL = frozenset(
    [
        "aol.com",
        "fastmail.com",
        "free.fr",
        "gmail.com",
        "gmx.com",
        "gmx.de",
        "gmx.net",
        "googlemail.com",
        "hotmail.com",
        "hotmail.it",
        "icloud.com",
        "laposte.net",
        "libero.it",
        "live.com",
        "mac.com",
        "mail.com",
        "mail.ru",
        "me.com",
        "msn.com",
        "orange.fr",
        "outlook.com",
        "outlook.it",
        "proton.me",
        "protonmail.com",
        "qq.com",
        "tim.it",
        "tiscali.it",
        "t-online.de",
        "virgilio.it",
        "web.de",
        "yahoo.co.uk",
        "yahoo.com",
        "yahoo.fr",
        "yahoo.it",
        "yandex.com",
        "yandex.ru",
        "ymail.com",
        "zoho.com",
        "126.com",
        "163.com",
        "alice.it",
    ]
)


def _refuse(message: str, pointer: str) -> PostinoError:
    return PostinoError(Refusal("INVALID_DOMAIN", message, pointer=pointer))


def domain_name(text: str) -> str:
    """A sending domain in lower-case A-labels. Raises PostinoError, saying what is wrong."""
    name = _ascii(text, "name", longest=LONGEST - ROOM)
    if _suffixes().get_tld(name) == name:
        raise _refuse(f"{name} is a public suffix; enter a domain below it that is yours.", "name")
    if name in FREEMAIL:
        raise _refuse(
            f"{name} belongs to a mailbox provider, which alone may send in its name. "
            "Enter a domain of your own.",
            "name",
        )
    return name


def host_name(text: str) -> str:
    """A full host name, as an IP says it in EHLO. Raises PostinoError."""
    return _ascii(text, "ehlo_name", longest=LONGEST)


def organisational(name: str) -> str:
    """The organisational domain of a name: one label below its public suffix (RFC 7489 §3.2)."""
    # A suffix that the list does not know counts as one label (its rule "*")
    suffix = _suffixes().get_tld(name, strict=True) or name.rpartition(".")[2]
    own = suffix.count(".") + 2
    return ".".join(name.split(".")[-own:])


def _ascii(text: str, pointer: str, *, longest: int) -> str:
    """Lower-case A-labels of a name of two labels or more."""
    name = text.strip().rstrip(".").lower()
    if "://" in name or "@" in name or "/" in name:
        raise _refuse("Enter the bare name, like example.com, not an address or a link.", pointer)
    if _is_address(name.strip("[]")):
        raise _refuse("Enter a name, not an IP address.", pointer)
    if "_" in name:
        raise _refuse("A name in mail addresses has no underscore.", pointer)
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii").lower()
        except (idna.IDNAError, UnicodeError) as err:
            raise _refuse("This is not a valid international name.", pointer) from err
    if len(name) > longest:
        raise _refuse(f"The name is too long: {longest} characters at most.", pointer)
    labels = name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise _refuse("This is not a valid name; it looks like example.com.", pointer)
    if len(labels) < 2:
        raise _refuse("Enter a full name with a dot in it, like example.com.", pointer)
    for label in labels:
        if label.startswith("xn--"):
            try:
                idna.decode(label)
            except (idna.IDNAError, UnicodeError) as err:
                raise _refuse("This is not a valid international name.", pointer) from err
    return name


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
