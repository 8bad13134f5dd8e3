"""The only place for header lines: the injection guard, folding, splitting (RFC 5322 §2.2, §3.6)."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from transactional.wire.address import Address
from transactional.wire.encoded_word import decode_words, encode_words

__all__ = [
    "HeaderError",
    "RawHeader",
    "check_line",
    "decode_words",
    "encode_address",
    "encode_address_list",
    "encode_unstructured",
    "guard",
    "guard_name",
    "split_headers",
    "unfold",
]

#: RFC 5322 §2.1.1: lines should be no longer than 78 and must be no longer than 998 octets.
WANTED = 78
HARD = 998

# All C0 but TAB, DEL, all C1 (NEL among them) and the two Unicode line breaks: each is a line
# break to some library. Lone surrogates have no bytes.
_FORBIDDEN = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_FORBIDDEN_LINE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NAME = re.compile(r"[!-9;-~]{1,76}")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+(?: [A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+)*")
_TOKEN = re.compile(r"([ \t]*)([^ \t]+)")
_FOLD = re.compile(rb"\r\n(?=[ \t])")
# A field with its folds: up to a CRLF that none follows, or the end (`|(?!)`: tests/house/test_patterns.py)
_FIELD = re.compile(
    rb"([!-9;-~]++)([ \t]*+):([^\r]*+(?:\r(?:\n[ \t]|(?!\n))[^\r]*+|(?!))*+)(?:\r\n|\Z)"
)


class HeaderError(ValueError):
    """A header name or value that must not reach the wire. `code` is stable, the text is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class RawHeader(NamedTuple):
    """One header field as received."""

    name: str
    """As written, without the colon; compare in lower case."""
    raw: bytes
    """The whole field with its folds and its final CRLF."""
    value: bytes
    """What follows the colon, folds kept, final CRLF removed."""
    space_before_colon: bool = False
    """`From : x`, the obsolete syntax readers disagree about."""


def guard(value: str) -> str:
    """Return the value, or raise HeaderError when a line break or control hides in it.

    Looks into encoded-words too: `=?utf-8?q?=0A?=` is as refused as the line feed itself.
    """
    if _FORBIDDEN.search(value):
        raise HeaderError(
            "control", "A header value may not contain line breaks or control characters."
        )
    if "=?" in value and _FORBIDDEN.search(decode_words(value)):
        raise HeaderError("control", "An encoded word hides a line break or a control character.")
    return value


def guard_name(name: str) -> str:
    """Return a header field name of RFC 5322 §2.2 (1 to 76 printable ASCII, no colon), or raise."""
    if not _NAME.fullmatch(name):
        raise HeaderError(
            "name", "A header name is 1 to 76 printable ASCII characters without a colon."
        )
    return name


def check_line(name: str, value: bytes, *, utf8: bool = False) -> bytes:
    """Check an encoded, folded value once more as bytes and return `name: value CRLF`.

    `utf8` permits raw UTF-8 (RFC 6532), for messages that need SMTPUTF8. Raises HeaderError.
    """
    guard_name(name)
    flat = _FOLD.sub(b"", value) if b"\r\n" in value else value
    if _FORBIDDEN_LINE.search(flat):
        raise HeaderError(
            "control", f"The {name} header contains a line break or control character."
        )
    if not flat.isascii() and not (utf8 and _is_utf8(flat)):
        raise HeaderError("8bit", f"The {name} header is not ASCII.")
    if b"=?" in flat:
        guard(decode_words(flat))
    line = b"%b: %b\r\n" % (name.encode(), value)
    if len(line) > WANTED + 2:
        for piece in line.split(b"\r\n")[:-1]:
            if len(piece) > HARD:
                raise HeaderError(
                    "too-long", f"The {name} header has a line of over {HARD} octets."
                )
            if not piece.strip(b" \t"):
                raise HeaderError("blank-fold", f"The {name} header folds to an empty line.")
    return line


def _is_utf8(data: bytes) -> bool:
    try:
        return not _FORBIDDEN.search(data.decode())
    except UnicodeDecodeError:
        return False


def encode_unstructured(value: str, *, name: str = "Subject") -> bytes:
    """Encode free text as the value of header `name`: folded at 78, RFC 2047 where needed.

    What looks like an encoded-word in the text is itself encoded, so a reader shows it literally.
    White space at both ends is dropped. Raises HeaderError (see :func:`guard`).
    """
    text = guard(value).strip(" \t")
    column = len(name) + 2
    if text.isascii() and "=?" not in text and len(text) + column <= WANTED:
        return text.encode()
    tokens = _TOKEN.findall(text)
    unsafe = [i for i, (space, word) in enumerate(tokens) if _needs_encoding(space + word)]
    lines = _Lines(column)
    first, last = (unsafe[0], unsafe[-1]) if unsafe else (len(tokens), len(tokens))
    for space, word in tokens[:first]:
        lines.add(space.encode(), word.encode())
    if unsafe:
        # Space between encoded-words is not shown, so one run reaches from first to last.
        run = "".join(s + w for s, w in tokens[first : last + 1])
        lead = tokens[first][0] if len(tokens[first][0]) < WANTED // 2 else ""
        lines.add_words(lead.encode(), run[len(lead) :])
    for space, word in tokens[last + 1 :]:
        lines.add(space.encode(), word.encode())
    return lines.value()


def _needs_encoding(token: str) -> bool:
    return not token.isascii() or "=?" in token or len(token) > HARD - WANTED


def encode_address(address: Address, *, name: str = "From") -> bytes:
    """One mailbox as the value of header `name`. A local part beyond ASCII stays UTF-8 (RFC 6532)."""
    return encode_address_list((address,), name=name)


def encode_address_list(addresses: Iterable[Address], *, name: str = "To") -> bytes:
    """Mailboxes, comma-separated and folded, as the value of header `name`. Raises HeaderError."""
    lines = _Lines(len(name) + 2)
    pending = b""  # a mailbox's last token, waiting to learn whether a comma follows
    for address in addresses:
        if pending:
            lines.add(b" ", pending + b",")
        spec = f"{address.quoted_local}@{address.domain_ascii}".encode()
        pending = spec
        if address.name:
            _add_phrase(lines, guard(address.name).strip(" \t"))
            pending = b"<" + spec + b">"
    if pending:
        lines.add(b" ", pending)
    return lines.value()


def _add_phrase(lines: "_Lines", phrase: str) -> None:
    if not phrase.isascii() or "=?" in phrase:
        lines.add_words(b" ", phrase)
        return
    if not _ATOMS.fullmatch(phrase):
        phrase = '"' + phrase.replace("\\", "\\\\").replace('"', '\\"') + '"'
    for space, word in _TOKEN.findall(phrase):
        lines.add(space.encode() or b" ", word.encode())


class _Lines:
    """Collects tokens of one header value and folds before the token that would pass 78 columns."""

    def __init__(self, column: int) -> None:
        self._out: list[bytes] = []
        self._column = column

    def add(self, space: bytes, word: bytes) -> None:
        if not self._out:
            space = b""
        elif self._column + len(space) + len(word) > WANTED:
            self._out.append(b"\r\n")
            self._column = 0
        self._out += (space, word)
        self._column += len(space) + len(word)

    def add_words(self, space: bytes, text: str) -> None:
        # A word of 30 columns or less is not worth squeezing onto the line.
        fold = bool(self._out) and self._column + len(space) > WANTED - 30
        column = len(space) if fold else self._column + (len(space) if self._out else 0)
        for word in encode_words(text, column=column):
            if fold:
                self._out.append(b"\r\n")
                self._column = 0
            if not self._out:
                space = b""
            self._out += (space, word)
            self._column += len(space) + len(word)
            space, fold = b" ", True

    def value(self) -> bytes:
        return b"".join(self._out)


def unfold(value: bytes) -> bytes:
    """Remove the folds (RFC 5322 §2.2.3) and the white space around the value."""
    flat = _FOLD.sub(b"", value) if b"\r\n" in value else value
    return flat.strip(b" \t\r\n")


def split_headers(block: bytes, *, strict: bool = True) -> list[RawHeader]:
    """Split a CRLF header block into fields, keeping every byte.

    A blank line ends the block; its last line may lack CRLF. `strict` raises HeaderError
    ("malformed") on a line that is no field; otherwise such lines are skipped.
    """
    fields: list[RawHeader] = []
    start, size = 0, len(block)
    while start < size and not block.startswith(b"\r\n", start):
        match = _FIELD.match(block, start)
        if match:
            name, space, value = match.groups()
            fields.append(RawHeader(name.decode(), match[0], value, bool(space)))
            start = match.end()
            continue
        if strict:
            raise HeaderError("malformed", "A line in the header is neither a field nor a fold.")
        end = block.find(b"\r\n", start) + 2
        while end > 1 and block[end : end + 1] in (b" ", b"\t"):
            end = block.find(b"\r\n", end) + 2
        start = end if end > 1 else size
    return fields
