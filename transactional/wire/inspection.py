"""The only place that reads who and what a submitted message says it is (RFC 5322 §3.6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from transactional.wire.address import Address, AddressError, parse_address_list
from transactional.wire.charset import lenient
from transactional.wire.encoded_word import decode_words
from transactional.wire.header import RawHeader, unfold
from transactional.wire.mime import SINGLE, MimeError
from transactional.wire.parts import normalise_eol, scan

_KEPT_OCTETS = 200  # longer values are read anew each time: what is kept stays small


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a message states in its header and which kinds of text it shows."""

    headers: tuple[RawHeader, ...]
    from_: Address
    sender: Address | None
    reply_to: tuple[Address, ...]
    subject: str
    message_id: str | None
    has_html: bool
    has_text: bool
    received: int
    #: Unfolded values of the headers that may be there once, by lower-case name.
    single: Mapping[str, bytes] = field(repr=False)

    @property
    def to(self) -> tuple[Address, ...]:
        """Whom To names, read leniently: nobody where it cannot be read."""
        return _readers(self.single, "to")

    @property
    def cc(self) -> tuple[Address, ...]:
        """Whom Cc names, as `to`."""
        return _readers(self.single, "cc")

    @property
    def date(self) -> str | None:
        """The Date header."""
        return _text(self.single, "date")

    @property
    def text_only(self) -> bool:
        """True when no HTML part is shown."""
        return not self.has_html

    def has(self, name: str) -> bool:
        """True when a header of this name is there."""
        wanted = name.lower()
        return any(header.name.lower() == wanted for header in self.headers)


def inspect(raw: bytes) -> Inspected:
    """Read a message, refusing what has two meanings.

    Exactly one From with exactly one mailbox, at most one of the other single headers, no space
    before a colon, readable Sender and Reply-To. To and Cc are read leniently, when they are asked
    for: the envelope says who gets the mail. Raises MimeError: those of wire.parts.scan, nul,
    no-from, bad-from, bad-sender, bad-reply-to, duplicate-header.
    """
    return inspect_canonical(normalise_eol(raw))


def inspect_canonical(raw: bytes) -> Inspected:
    """`inspect` for a message that has passed `normalise_eol`, which is dear."""
    scanned = scan(raw)
    headers = scanned.headers
    single = _singles(headers)
    sender = _mailboxes(single, "sender")
    if len(sender) > 1:
        raise MimeError("bad-sender", "The Sender header names more than one address.")
    shown = [p.media_type for p in scanned.leaves() if not p.is_protected and not p.is_attachment]
    return Inspected(
        headers=tuple(headers),
        from_=_from(single),
        sender=sender[0] if sender else None,
        reply_to=_mailboxes(single, "reply-to"),
        subject=decode_words(single.get("subject", b"")),
        message_id=_text(single, "message-id"),
        has_html="text/html" in shown,
        has_text="text/plain" in shown,
        received=_received(headers),
        single=single,
    )


def received_count(raw: bytes) -> int:
    """How many hops the mail has behind it, for loop detection. Raises MimeError as scan does."""
    return _received(scan(normalise_eol(raw)).headers)


def _received(headers: Sequence[RawHeader]) -> int:
    return sum(header.name.lower() == "received" for header in headers)


def _singles(headers: Sequence[RawHeader]) -> dict[str, bytes]:
    """Unfolded values by lower-case name of the headers that may be there once."""
    found: dict[str, bytes] = {}
    for header in headers:
        if header.space_before_colon:
            raise MimeError("malformed", f"There is a space before the colon of {header.name}.")
        name = header.name.lower()
        if name in SINGLE or name.startswith("content-"):
            if name in found:
                code = "bad-from" if name == "from" else "duplicate-header"
                raise MimeError(code, f"The {header.name} header is there more than once.")
            found[name] = unfold(header.value)
    return found


def _from(single: Mapping[str, bytes]) -> Address:
    if "from" not in single:
        raise MimeError("no-from", "The message has no From header.")
    found = _mailboxes(single, "from")
    if len(found) != 1:
        raise MimeError("bad-from", "The From header must name exactly one address.")
    return found[0]


def _mailboxes(single: Mapping[str, bytes], name: str) -> tuple[Address, ...]:
    if name not in single:
        return ()
    value = single[name]
    try:
        return _read_once(value) if len(value) <= _KEPT_OCTETS else _read(value)
    except AddressError as error:
        message = f"The {name.title()} header cannot be read: {error.message}"
        raise MimeError(f"bad-{name}", message) from error


def _read(value: bytes) -> tuple[Address, ...]:
    return tuple(parse_address_list(lenient(value)))


# Mail of one program is from the same few senders
_read_once = lru_cache(maxsize=256)(_read)


def _readers(single: Mapping[str, bytes], name: str) -> tuple[Address, ...]:
    try:
        return tuple(parse_address_list(lenient(single.get(name, b"")), groups=True))
    except AddressError:
        return ()


def _text(single: Mapping[str, bytes], name: str) -> str | None:
    return lenient(single[name]) if single.get(name) else None
