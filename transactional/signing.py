"""The only maker and reader of what leaves and must come back: open, click and unsubscribe links,
and VERP return-paths. Stateless: reading needs the key ring alone, no database.

A token is base64url without padding (RFC 4648 §5) of: key id, recipient, [link, coding,] MAC,
[target]. A reader takes only what it would have written itself: every alias is refused.
"""

import binascii
import hashlib
import hmac
import re
import uuid
import zlib
from dataclasses import dataclass

from config import keyring

MAC_SIZE = 16  # octets: 128 bits against guessing
VERP_MAC_SIZE = 13  # octets: with key id and recipient 30, which is 48 base32 digits exactly
TOKEN_LIMIT = 8000  # characters: longer request targets are cut or refused on their way
TARGET_LIMIT = 65536  # octets of a decompressed target; ours are far below
LINKS_LIMIT = 65535  # links of one copy that a token can number

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_TOKEN = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_TARGET = re.compile(r"https?://[^\x00-\x20\x7f]", re.IGNORECASE)
_PLAIN, _DEFLATED = 0, 1
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]
_VALUES = {pair: number for number, pair in enumerate(_PAIRS)}
_VERP = re.compile(r"b[a-z2-7]{48}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Click:
    """A link as we wrote it: whose copy, which link of it (from 0), where it leads."""

    recipient_id: uuid.UUID
    link_index: int
    url: str


def open_token(recipient_id: uuid.UUID) -> str:
    """The token of a recipient's pixel."""
    return _recipient_token("open", recipient_id)


def read_open(token: str) -> uuid.UUID | None:
    """The recipient whose pixel this is; None unless it is exactly ours."""
    return _read_recipient("open", token)


def unsubscribe_token(recipient_id: uuid.UUID) -> str:
    """The token of a recipient's unsubscribe link."""
    return _recipient_token("unsubscribe", recipient_id)


def read_unsubscribe(token: str) -> uuid.UUID | None:
    """The recipient whose unsubscribe link this is; None unless it is exactly ours."""
    return _read_recipient("unsubscribe", token)


def web_version_token(recipient_id: uuid.UUID) -> str:
    """The token of a recipient's web version."""
    return _recipient_token("web", recipient_id)


def read_web_version(token: str) -> uuid.UUID | None:
    """The recipient whose web version this is; None unless it is exactly ours."""
    return _read_recipient("web", token)


class Clicks:
    """Makes the tokens of one copy's links: what they share is looked up once."""

    __slots__ = ("_begun", "_shared")

    def __init__(self, recipient_id: uuid.UUID) -> None:
        self._shared = b"%c%b" % (keyring.current_id(), recipient_id.bytes)
        # The MAC as far as all of them begin alike
        self._begun = hashlib.blake2b(
            self._shared, key=keyring.current("click"), digest_size=MAC_SIZE
        )

    def token(self, link_index: int, url: str) -> str | None:
        """The token of a link; None where it cannot be tracked (not http(s), too long, too many)."""
        if not _TARGET.match(url) or not 0 <= link_index <= LINKS_LIMIT:
            return None
        try:
            target = url.encode()
        except UnicodeEncodeError:  # a lone surrogate
            return None
        if len(target) > TARGET_LIMIT:
            return None
        coding = _PLAIN
        if len(target) > 64:  # shorter ones never shrink
            packed = zlib.compress(target, 6)
            if len(packed) < len(target):
                target, coding = packed, _DEFLATED
        own = b"%c%c%c" % (link_index >> 8, link_index & 255, coding)
        mac = self._begun.copy()
        mac.update(own + target)
        token = _encode(b"".join((self._shared, own, mac.digest(), target)))
        return token if len(token) <= TOKEN_LIMIT else None


def click_token(recipient_id: uuid.UUID, link_index: int, url: str) -> str | None:
    """The token of one link alone (see :class:`Clicks`)."""
    return Clicks(recipient_id).token(link_index, url)


def read_click(token: str) -> Click | None:
    """The link behind a token; None unless it is exactly ours."""
    data = _decode(token)
    if data is None or len(data) < 20 + MAC_SIZE:
        return None
    head, given, target = data[:20], data[20 : 20 + MAC_SIZE], data[20 + MAC_SIZE :]
    if not _ours("click", head, given, target):
        return None
    if head[19] == _DEFLATED:
        target = zlib.decompressobj().decompress(target, TARGET_LIMIT)
    link = int.from_bytes(head[17:19], "big")
    return Click(uuid.UUID(bytes=head[1:17]), link, target.decode())


def pixel_url(base: str, recipient_id: uuid.UUID) -> str:
    """Address of a recipient's pixel. `base`: scheme and host, without a final slash."""
    return f"{base}/o/{open_token(recipient_id)}.gif"


def click_url(base: str, recipient_id: uuid.UUID, link_index: int, url: str) -> str | None:
    """Address that counts a click and leads on to `url`; None where it cannot be tracked."""
    token = click_token(recipient_id, link_index, url)
    return None if token is None else f"{base}/c/{token}"


def unsubscribe_url(base: str, recipient_id: uuid.UUID) -> str:
    """Address of a recipient's unsubscribe page, also for List-Unsubscribe (RFC 8058)."""
    return f"{base}/u/{unsubscribe_token(recipient_id)}"


def unsubscribe_all_url(base: str, recipient_id: uuid.UUID) -> str:
    """Address of the page that unsubscribes a recipient from all marketing mail."""
    return f"{unsubscribe_url(base, recipient_id)}/all"


def preferences_token(contact_id: int) -> str:
    """The token of a contact's preference page, for links that no message carries."""
    return _number_token("preferences", contact_id)


def read_preferences(token: str) -> int | None:
    """The contact whose preference page this is; None unless it is exactly ours."""
    return _read_number("preferences", token)


def opt_in_token(request_id: int) -> str:
    """The token by which a person confirms a double opt-in."""
    return _number_token("opt_in", request_id)


def read_opt_in(token: str) -> int | None:
    """The request that is confirmed; None unless it is exactly ours."""
    return _read_number("opt_in", token)


def web_version_url(base: str, recipient_id: uuid.UUID) -> str:
    """Address under which a recipient reads their copy in a browser."""
    return f"{base}/v/{web_version_token(recipient_id)}"


def verp(recipient_id: uuid.UUID, host: str) -> str:
    """The return-path of a recipient's copy, the same at every try; 49 octets before the @.

    By the key that held when the recipient was made, though the ring has been rotated since: what
    greylists a sender by its envelope (RFC 6647 §2.2) must know it again.
    """
    key_id = keyring.id_at((recipient_id.int >> 80) / 1000)  # RFC 9562 §5.7
    key = keyring.key("verp", key_id)
    assert key is not None  # noqa: S101 — the ring has it, or it would not be loaded
    head = b"%c%b" % (key_id, recipient_id.bytes)
    mac = _mac(key, head, size=VERP_MAC_SIZE)
    number = int.from_bytes(head + mac, "big")
    digits = "".join([_PAIRS[(number >> shift) & 1023] for shift in range(230, -1, -10)])
    return f"b{digits}@{host}"


def looks_like_verp(local: str) -> bool:
    """Whether a local part has the form of our return-paths, whoever made it."""
    return local.isascii() and bool(_VERP.fullmatch(local.lower()))


def read_verp(local: str) -> uuid.UUID | None:
    """The recipient behind a return-path's local part, whose case may have been changed."""
    folded = local.lower() if local.isascii() else ""
    if not _VERP.fullmatch(folded):
        return None
    number = 0
    for start in range(1, 49, 2):
        number = number << 10 | _VALUES[folded[start : start + 2]]
    data = number.to_bytes(30, "big")
    return uuid.UUID(bytes=data[1:17]) if _ours("verp", data[:17], data[17:]) else None


def _recipient_token(purpose: str, recipient_id: uuid.UUID) -> str:
    head = b"%c%b" % (keyring.current_id(), recipient_id.bytes)
    return _encode(head + _mac(keyring.current(purpose), head))


def _read_recipient(purpose: str, token: str) -> uuid.UUID | None:
    data = _decode(token)
    if data is None or len(data) != 17 + MAC_SIZE:
        return None
    return uuid.UUID(bytes=data[1:17]) if _ours(purpose, data[:17], data[17:]) else None


def _number_token(purpose: str, number: int) -> str:
    head = b"%c%b" % (keyring.current_id(), number.to_bytes(8, "big"))
    return _encode(head + _mac(keyring.current(purpose), head))


def _read_number(purpose: str, token: str) -> int | None:
    data = _decode(token)
    if data is None or len(data) != 9 + MAC_SIZE:
        return None
    return int.from_bytes(data[1:9], "big") if _ours(purpose, data[:9], data[9:]) else None


def _mac(key: bytes, data: bytes, *, size: int = MAC_SIZE) -> bytes:
    """BLAKE2b with a key (RFC 7693): a MAC by itself, in 1 µs."""
    return hashlib.blake2b(data, key=key, digest_size=size).digest()


def _ours(purpose: str, head: bytes, given: bytes, rest: bytes = b"") -> bool:
    """Whether `given` is the MAC of head and rest under the key that head names."""
    key = keyring.key(purpose, head[0])
    return key is not None and hmac.compare_digest(_mac(key, head + rest, size=len(given)), given)


def _encode(data: bytes) -> str:
    text = binascii.b2a_base64(data, newline=False)
    return text.translate(_TO_URL).rstrip(b"=").decode("ascii")


def _decode(token: str) -> bytes | None:
    """The octets of a token; None for every spelling but the one `_encode` would give."""
    if len(token) > TOKEN_LIMIT or not _TOKEN.fullmatch(token):
        return None
    try:
        padded = token.encode("ascii").translate(_FROM_URL) + b"=" * (-len(token) % 4)
        data = binascii.a2b_base64(padded)
    except binascii.Error:
        return None
    return data if _encode(data) == token else None
