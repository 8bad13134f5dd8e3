"""The only place that finds the parts of a MIME message: one linear scan, no recursion (RFC 2046 §5)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from transactional.wire import content_type, cte
from transactional.wire.dot import is_canonical
from transactional.wire.header import HeaderError, RawHeader, split_headers, unfold
from transactional.wire.mime import MimeError

#: Octets of one header block. Above it parsers of receivers give up, and ours would work for it.
HEADER_MAX = 102_400
#: Nesting and parts of a message; mail bombs use thousands (most receivers stop at 100 deep).
DEPTH_MAX = 100
PARTS_MAX = 1_000
#: Lines that look like a boundary and are none; text has hundreds, an attack on the scan millions.
FALSE_BOUNDARIES_MAX = 500_000
_BOUNDARY_LINE = 256

_PROTECTED = frozenset({"multipart/signed", "multipart/encrypted"})


#: Octets of a part's header up to which what it says is remembered: mail of one program says the same of
#: its parts in each message.
_KEPT_OCTETS = 300


class _Stated(NamedTuple):
    """What the header of a message or a part says of it."""

    headers: Sequence[RawHeader]
    media_type: str
    parameters: Mapping[str, str]
    encoding: str
    is_attachment: bool
    is_ambiguous: bool


def _stated(block: bytes, strict: bool) -> _Stated:
    headers = split_headers(block, strict=strict)
    told: dict[str, list[bytes]] = {}
    for header in headers:
        if len(header.name) in _LENGTHS and (name := header.name.lower()) in _ABOUT:
            told.setdefault(name, []).append(header.value)
    types, encodings = told.get(_TYPE, ()), told.get(_ENCODING, ())
    kind, parameters = content_type.parse(types[0]) if types else ("text/plain", {})
    encoding = "7bit"
    if encodings:
        encoding = unfold(encodings[0]).decode("ascii", "replace").strip().lower()
    attached = "name" in parameters or any(map(_is_file, told.get(_DISPOSITION, ())))
    twice = len(types) > 1 or len(encodings) > 1
    return _Stated(headers, kind, parameters, encoding, attached, twice)


_TYPE, _ENCODING = "content-type", "content-transfer-encoding"
_DISPOSITION = "content-disposition"
_ABOUT = frozenset({_TYPE, _ENCODING, _DISPOSITION})
_LENGTHS = frozenset(map(len, _ABOUT))
_stated_once = lru_cache(maxsize=512)(_stated)


def _is_file(disposition: bytes) -> bool:
    kind, parameters = content_type.parse(unfold(disposition))
    return kind not in ("inline", "") or "filename" in parameters


@dataclass(slots=True)
class Part:
    """One body part; positions count in the scanned bytes."""

    raw: bytes = field(repr=False)
    start: int
    body: int
    """Where the content begins, after the blank line."""
    end: int
    """Where it ends, before the CRLF that belongs to the boundary."""
    headers: Sequence[RawHeader]
    media_type: str
    parameters: Mapping[str, str]
    encoding: str
    """The content transfer encoding, lower case, `7bit` when none is named."""
    is_attachment: bool
    """True when the part is marked or named as a file."""
    depth: int
    is_container: bool = False
    is_protected: bool = False
    """Signed, encrypted or unreadable: its bytes must stay as they are."""

    def values(self, name: str) -> list[bytes]:
        """Unfolded values of the headers of this lower-case name."""
        size = len(name)
        return [
            unfold(h.value) for h in self.headers if len(h.name) == size and h.name.lower() == name
        ]

    @property
    def is_inline_html(self) -> bool:
        """True for HTML shown as the message, which may be changed."""
        return self.media_type == "text/html" and not self.is_protected and not self.is_attachment

    def decoded(self) -> bytes | None:
        """The content with its transfer encoding undone; None when that is not possible."""
        return cte.decode(self.raw[self.body : self.end], self.encoding)


class Scanned(NamedTuple):
    """A message and its parts in the order of the bytes; the first is the message itself."""

    raw: bytes
    parts: list[Part]

    @property
    def headers(self) -> Sequence[RawHeader]:
        """The headers of the message itself."""
        return self.parts[0].headers

    def leaves(self) -> Iterator[Part]:
        """The parts with content of their own."""
        return (part for part in self.parts if not part.is_container)


def normalise_eol(raw: bytes) -> bytes:
    """Make every bare CR and bare LF a CRLF; MimeError("nul") when there is a NUL."""
    if is_canonical(raw):
        return raw
    if b"\0" in raw:
        raise MimeError("nul", "A message may not contain NUL.")
    unix = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return unix.replace(b"\n", b"\r\n")


def scan(raw: bytes, *, into_messages: bool = False, lenient: bool = False) -> Scanned:
    """Find the parts of a message with CRLF line ends.

    Signed and encrypted multiparts are one protected leaf; so is message/rfc822, unless
    `into_messages`. `lenient` skips lines of the message's header that are no header. Raises
    MimeError: header-too-large, too-deep, too-many-parts, malformed.
    """
    return _Scan(raw, into_messages, lenient).run()


class _Delimiter(NamedTuple):
    start: int  # of the CRLF before it
    end: int  # of its line, before the CRLF
    level: int
    closing: bool


class _Scan:
    """The state of one scan: the boundaries now open, outermost first."""

    def __init__(self, raw: bytes, into_messages: bool, lenient: bool) -> None:
        self._raw = raw
        self._lenient = lenient
        self._into_messages = into_messages
        self._open: list[tuple[bytes, int]] = []  # boundary, depth of its parts
        self._levels: dict[bytes, int] = {}
        self._parts: list[Part] = []
        self._false = 0

    def run(self) -> Scanned:
        start = depth = 0
        while True:
            part = self._part(start, depth)
            if part.is_container and part.media_type.startswith("message/"):
                start, depth = part.body, depth + 1
                continue
            found = self._next(part.body - 2, len(self._raw))
            if found:
                part.end = max(part.body, found.start)
            while found and found.closing:
                self._close(found.level)
                found = self._next(found.end, len(self._raw))
            if not found:
                return Scanned(self._raw, self._parts)
            self._close(found.level + 1)
            start, depth = found.end + 2, self._open[found.level][1]

    def _part(self, start: int, depth: int) -> Part:
        if depth > DEPTH_MAX:
            raise MimeError("too-deep", f"Parts are nested more than {DEPTH_MAX} deep.")
        if len(self._parts) >= PARTS_MAX:
            raise MimeError("too-many-parts", f"The message has more than {PARTS_MAX} parts.")
        raw = self._raw
        start = min(start, len(raw))
        header_end, body = self._header_end(start)
        block = raw[start:header_end]
        read = _stated_once if depth and len(block) <= _KEPT_OCTETS else _stated
        try:
            said = read(block, depth == 0 and not self._lenient)
        except HeaderError as error:
            raise MimeError("malformed", error.message) from error
        part = Part(raw, start, body, len(raw), *said[:5], depth)
        self._parts.append(part)
        self._judge(part, twice=said.is_ambiguous)
        return part

    def _judge(self, part: Part, *, twice: bool) -> None:
        """Leaf, container or protected; a container's boundary is opened."""
        if twice:
            part.is_protected = True  # readers disagree about what this is
        elif part.media_type.startswith("multipart/"):
            boundary = part.parameters.get("boundary", "").rstrip()[:_BOUNDARY_LINE].encode()
            if part.media_type in _PROTECTED or not boundary:
                part.is_protected = True
                return
            if boundary in self._levels:
                raise MimeError("malformed", "A boundary is used inside itself.")
            part.is_container = True
            self._levels[boundary] = len(self._open)
            self._open.append((boundary, part.depth + 1))
        elif part.media_type.startswith("message/"):
            descend = self._into_messages and part.encoding in ("7bit", "8bit", "binary")
            part.is_container = descend and part.media_type == "message/rfc822"
            part.is_protected = not part.is_container

    def _header_end(self, start: int) -> tuple[int, int]:
        """Where the header block ends and where the content begins."""
        raw = self._raw
        if raw.startswith(b"\r\n", start):
            return start, start + 2
        stop = min(start + HEADER_MAX + 4, len(raw))
        blank = raw.find(b"\r\n\r\n", start, stop)
        end = blank + 2 if blank >= 0 else stop
        if self._open:
            early = self._next(start - 2, end)
            if early:  # the part has no content
                return early.start + 2, early.start + 2
        if blank >= 0:
            return end, blank + 4
        if stop < len(raw):
            raise MimeError("header-too-large", f"A header is over {HEADER_MAX} octets.")
        return stop, stop

    def _next(self, start: int, stop: int) -> _Delimiter | None:
        """The next line that is an open boundary's."""
        if not self._levels:
            return None
        raw, at = self._raw, max(start, 0)
        while True:
            at = raw.find(b"\r\n--", at, stop)
            if at < 0:
                return None
            end = raw.find(b"\r\n", at + 4, at + 4 + _BOUNDARY_LINE + 8)
            if end < 0:
                end = min(at + 4 + _BOUNDARY_LINE + 8, len(raw))
            line = raw[at + 4 : end].rstrip(b" \t")
            level = self._levels.get(line)
            closing = level is None and line.endswith(b"--")
            if closing:
                level = self._levels.get(line[:-2])
            if level is not None:
                return _Delimiter(at, end, level, closing)
            self._false += 1
            if self._false > FALSE_BOUNDARIES_MAX:
                raise MimeError("malformed", "Too many lines look like a boundary.")
            at += 2

    def _close(self, level: int) -> None:
        """Close this boundary and those inside it."""
        for boundary, _ in self._open[level:]:
            del self._levels[boundary]
        del self._open[level:]
