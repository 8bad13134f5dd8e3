"""The only place that ends DATA: dot-stuffing out, the end-of-data search in (RFC 5321 §4.5.2)."""

_END = b"\r\n.\r\n"
# As much of _END as may already stand in the buffer when the next chunk comes.
_OVERLAP = len(_END) - 1


def is_canonical(raw: bytes) -> bool:
    """True when every CR and LF is half of a CRLF and there is no NUL."""
    pairs = raw.count(b"\r\n")
    return raw.count(b"\n") == pairs and raw.count(b"\r") == pairs and b"\0" not in raw


def stuff(raw: bytes) -> bytes:
    """The bytes to send after 354: every line-initial dot doubled, final `.` line added.

    Raises ValueError for a bare CR, a bare LF or a NUL: some peer would end DATA at one of them
    and read what follows as commands (SMTP smuggling).
    """
    if not is_canonical(raw):
        raise ValueError("bare CR, bare LF or NUL in a message about to be sent")
    dot = b"." if raw.startswith(b".") else b""
    end = b".\r\n" if raw.endswith(b"\r\n") or not raw else b"\r\n.\r\n"
    return b"".join((dot, raw.replace(b"\r\n.", b"\r\n.."), end))


class DataReader:
    """Collects one DATA section chunk by chunk; only CRLF.CRLF ends it.

    Feed until it says True, then read `message()` and `rest`. `bare_newline` and `nul` tell what
    the sender did wrong, for the server to refuse or normalise; neither ever ends the section.
    Past `limit` octets nothing is kept (`overflow`), so memory stays bounded until the end comes.
    """

    __slots__ = ("_buffer", "_dropped", "bare_newline", "limit", "nul", "overflow", "rest")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.overflow = False
        self.bare_newline = False
        self.nul = False
        #: What came after the end: pipelined commands.
        self.rest = b""
        # DATA begins on a fresh line, so ".CRLF" at once is an empty message.
        self._buffer = bytearray(b"\r\n")
        self._dropped = -2

    @property
    def held(self) -> int:
        """Octets in memory."""
        return len(self._buffer)

    @property
    def size(self) -> int:
        """Octets received, dots still doubled; exact once the end has been seen."""
        return self._dropped + len(self._buffer)

    def feed(self, data: bytes) -> bool:
        """Take the next octets from the peer; True when the end of DATA has been seen."""
        buffer = self._buffer
        searched = max(len(buffer) - _OVERLAP, 0)
        buffer += data
        end = buffer.find(_END, searched)
        if end >= 0:
            self.rest = bytes(buffer[end + len(_END) :])
            del buffer[end + 2 :]
            self.overflow = self.overflow or self.size > self.limit
            self._judge()
            return True
        # Two octets at the end may yet turn out to be the dot line.
        if self.overflow or self.size - 2 > self.limit:
            self.drop()
        return False

    def drop(self) -> None:
        """Keep nothing, but for what the end may begin with; no message will come of it."""
        self.overflow = True
        if (more := len(self._buffer) - _OVERLAP) > 0:
            self._dropped += more
            del self._buffer[:more]

    def _judge(self) -> None:
        pairs = self._buffer.count(b"\r\n")
        self.bare_newline = self._buffer.count(b"\r") != pairs or self._buffer.count(b"\n") != pairs
        self.nul = b"\0" in self._buffer

    def message(self) -> bytes:
        """The message, dots undone. Only after the end; ValueError when it overflowed."""
        if self.overflow:
            raise ValueError("the message went over the limit and was not kept")
        return bytes(self._buffer.replace(b"\r\n.", b"\r\n")[2:])
