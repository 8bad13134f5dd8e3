"""The only place for the framing of message content: dot-stuffing and the end of DATA.

RFC 5321 §4.5.2 (transparency), §2.3.8 (lines end with CR LF and nothing else).
"""

import re
from enum import Enum, auto

END_OF_DATA = b"\r\n.\r\n"
_ANY_NEWLINE = re.compile(rb"\r\n|\r|\n")


def has_bare_newline(data: bytes) -> bool:
    """True where a CR or an LF stands alone: what message smuggling is made of."""
    pairs = data.count(b"\r\n")
    return data.count(b"\n") != pairs or data.count(b"\r") != pairs


def normalise_newlines(data: bytes) -> bytes:
    """Every CR, LF and CR LF as CR LF."""
    return _ANY_NEWLINE.sub(b"\r\n", data)


def stuff(data: bytes) -> bytes:
    """`data` as it goes on the wire: dots doubled, last line ended, final dot appended."""
    if b"\r\n." in data:
        data = data.replace(b"\r\n.", b"\r\n..")
    if data.startswith(b"."):
        data = b"." + data
    if data.endswith(b"\r\n") or not data:
        return data + b".\r\n"
    return data + END_OF_DATA


class DataFault(Enum):
    """Why collected content may not become a message."""

    TOO_BIG = auto()
    BARE_NEWLINE = auto()
    NUL = auto()


class DataCollector:
    """Collects one message's content up to the one true end, CR LF dot CR LF.

    Content over `size_limit` octets is read to its end but not kept. `overflowed` turns true when
    even that has gone on for too long.
    """

    __slots__ = ("_buffer", "_dots", "_drained", "_limit", "overflowed")

    def __init__(self, size_limit: int) -> None:
        # The CR LF of the DATA command itself: it lets a dot on the first line be seen as one.
        self._buffer = bytearray(b"\r\n")
        self._limit = size_limit
        self._dots = 0
        self._drained = 0
        self.overflowed = False

    def feed(self, data: bytes) -> bytes | None:
        """None while the end has not been seen; afterwards the octets that follow it."""
        buffer = self._buffer
        known = len(buffer)
        buffer += data
        end = buffer.find(END_OF_DATA, max(0, known - 4))
        if end >= 0:
            rest = bytes(buffer[end + 5 :])
            del buffer[end + 2 :]
        if end >= 0:
            # Counted again: the final dot may have been taken for stuffing when it came alone.
            excess = len(buffer) - 2 - self._limit
            too_big = excess > 0 and excess > buffer.count(b"\r\n.")
        else:
            self._dots += buffer.count(b"\r\n.", max(0, known - 2))
            # The last three octets may turn out to be the end rather than content.
            too_big = len(buffer) - 5 - self._dots > self._limit
        if self._drained or too_big:
            self._drain()
        return rest if end >= 0 else None

    def _drain(self) -> None:
        self._drained += max(1, len(self._buffer) - 4)
        del self._buffer[:-4]
        # A sender that overshoots by this much will not listen to a reply either.
        self.overflowed = self._drained > 4 * self._limit + 1_048_576

    def finish(self, *, normalise: bool) -> bytes | DataFault:
        """The content without stuffing, or what is wrong with it. Call once, after the end."""
        if self._drained:
            return DataFault.TOO_BIG
        raw = bytes(self._buffer)
        if b"\0" in raw:
            return DataFault.NUL
        # A line's first dot is the sender's stuffing, whatever follows it.
        content = raw.replace(b"\r\n.", b"\r\n")[2:]
        if has_bare_newline(content):
            return normalise_newlines(content) if normalise else DataFault.BARE_NEWLINE
        return content
