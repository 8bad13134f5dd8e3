"""The only place that makes and reads links that show a domain's records without signing in.

A link needs no row: it is base64url of key id, account, domain, end and MAC. A reader takes only
what it would have written itself. A domain that is disconnected ends its links.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from config import keyring
from domains.models import Domain

LASTS = timedelta(days=14)
MAC_SIZE = 18  # octets: 144 bits against guessing, and no padding
_PLAIN = struct.Struct(">BQQI")  # key id, account, domain, end in seconds since 1970
LENGTH = 52  # characters of a link's token: longer text is not looked at


@dataclass(frozen=True, slots=True)
class Shared:
    """What a link opens; `ended` where its time is over."""

    domain: Domain
    ends: datetime
    ended: bool


def ending(now: datetime) -> datetime:
    """When a link made now ends: the midnight (UTC) after two weeks, so that a day has one link."""
    day = (now + LASTS).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=1)


def token(domain: Domain, *, ends: datetime) -> str:
    """The token of a domain's link."""
    return _write(keyring.current_id(), domain.account_id, domain.pk, int(ends.timestamp())) or ""


def read(text: str, *, now: datetime) -> Shared | None:
    """What a token opens; None unless it is exactly ours and the domain is still connected."""
    if len(text) != LENGTH or not text.isascii():
        return None
    try:
        octets = base64.urlsafe_b64decode(text)
    except (ValueError, binascii.Error):
        return None
    if len(octets) != _PLAIN.size + MAC_SIZE:
        return None
    key_id, account_id, domain_id, end = _PLAIN.unpack_from(octets)
    own = _write(key_id, account_id, domain_id, end)
    if own is None or not hmac.compare_digest(own, text):
        return None
    domain = Domain.objects.of(account_id).filter(pk=domain_id).first()
    if domain is None:
        return None
    ends = datetime.fromtimestamp(end, UTC)
    return Shared(domain, ends, ended=now >= ends)


def _write(key_id: int, account_id: int, domain_id: int, end: int) -> str | None:
    """A token under a key; None where the ring has no such key."""
    key = keyring.key("confirm", key_id)
    if key is None:
        return None
    plain = _PLAIN.pack(key_id, account_id, domain_id, end)
    mac = hmac.new(key, b"shared-records:" + plain, hashlib.sha256).digest()[:MAC_SIZE]
    return base64.urlsafe_b64encode(plain + mac).decode("ascii")
