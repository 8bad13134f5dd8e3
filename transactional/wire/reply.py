"""The only place where SMTP replies become values: parsing, rendering and the class of a reply.

RFC 5321 §4.2 (replies), RFC 3463 and RFC 2034 (enhanced status codes).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

# A peer that never ends its `250-` lines would otherwise fill our memory.
MAX_CONTINUED_BYTES = 65_536
MAX_LINES = 200
# One endless line: the code is in its first octets, so the rest is only counted, not kept.
MAX_LINE_BYTES = 262_144
# What of a reply may reach the database and the screen.
MAX_STORED_BYTES = 4_096
# Short replies repeat ("250 2.1.0 Ok"): parsed once. Longer ones carry queue ids and do not.
_CACHED_LINE_BYTES = 40

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?:\s+|$)")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_UNSENDABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f]")


class ReplyError(Exception):
    """The peer's bytes are no SMTP reply, or one that is too long to read."""


class Stage(StrEnum):
    """How far a delivery had come when its outcome was decided."""

    CONNECT = "connect"
    BANNER = "banner"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    DOT = "dot"


class ReplyClass(StrEnum):
    """What a reply means for the retry, coarsely. The first five may be tried again."""

    OK = "ok"  # 2xx or 3xx
    GREYLISTED = "greylisted"  # 4xx: come back in some minutes from the same address
    THROTTLED = "throttled"  # 4xx: this source sends too much, slow the whole site down
    MAILBOX_FULL = "mailbox_full"  # 4xx or 5xx: the address is good
    TEMPORARY = "temporary"  # any other 4xx
    BAD_RECIPIENT = "bad_recipient"  # 5xx: no such mailbox
    DNS = "dns"  # 5xx: the domain takes no mail
    POLICY_BLOCK = "policy_block"  # 5xx: we, or our content, are refused
    PERMANENT = "permanent"  # any other 5xx


@dataclass(frozen=True, slots=True)
class Reply:
    """One complete reply. `lines` hold the text alone: no code, no enhanced code, no controls."""

    code: int
    enhanced: str | None = None
    lines: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The lines, joined by newlines."""
        return "\n".join(self.lines)

    @property
    def is_positive(self) -> bool:
        """2xx: the command was done."""
        return 200 <= self.code < 300

    @property
    def is_temporary(self) -> bool:
        """4xx: the same command may succeed later."""
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        """5xx: the same command will not succeed."""
        return self.code >= 500

    def __str__(self) -> str:
        status = f"{self.code} {self.enhanced}" if self.enhanced else str(self.code)
        return f"{status} {' '.join(self.lines)}".rstrip()

    def encode(self) -> bytes:
        """The octets to send, each line led by the enhanced code (RFC 2034 §4).

        Control characters become spaces, so no text from elsewhere can add a line.
        """
        lead = f"{self.enhanced} " if self.enhanced else ""
        lines = [lead + _UNSENDABLE.sub(" ", line)[:500] for line in self.lines or ("",)]
        rows = [f"{self.code}-{line}\r\n" for line in lines[:-1]]
        rows.append(f"{self.code} {lines[-1]}\r\n")
        return "".join(rows).encode("utf-8", "replace")


def escape(raw: bytes) -> str:
    r"""Text safe to store and show: octets that are no UTF-8, and controls, become `\xNN`."""
    text = raw.decode("utf-8", "backslashreplace")
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _build(code: int, raw_lines: Iterable[bytes]) -> Reply:
    budget = MAX_STORED_BYTES
    enhanced: str | None = None
    lines: list[str] = []
    for number, raw in enumerate(raw_lines):
        if budget <= 0:
            break
        line = escape(raw[:budget])
        if (found := _ENHANCED.match(line)) and int(found[1]) == code // 100:
            status = f"{found[1]}.{int(found[2])}.{int(found[3])}"
            if number == 0:
                enhanced = status
            if status == enhanced:
                line = line[found.end() :]
        # Escapes and replacement characters take more room than the octets they stand for.
        line = line.encode()[:budget].decode("utf-8", "ignore")
        budget -= len(line.encode()) + 1
        lines.append(line)
    return Reply(code, enhanced, tuple(lines))


def _code(line: bytes) -> int:
    digits = line[:3]
    if not (len(digits) == 3 and digits.isdigit() and b"200" <= digits <= b"599"):
        raise ReplyError(f"not an SMTP reply: {escape(line[:80])}")
    if line[3:4] not in (b" ", b"-", b""):
        raise ReplyError(f"no separator after the code: {escape(line[:80])}")
    return int(digits)


@lru_cache(maxsize=512)
def _single(line: bytes) -> Reply:
    return _build(_code(line), (line[4:],))


class ReplyParser:
    """Turns the peer's octets into replies, whatever the packets' edges. Memory is bounded."""

    __slots__ = ("_dropped", "_lines", "_pending", "_size")

    def __init__(self) -> None:
        self._pending = b""
        self._dropped = 0  # octets of the pending line that were counted and thrown away
        self._lines: list[bytes] = []
        self._size = 0

    @property
    def is_clean(self) -> bool:
        """True when no part of an unfinished reply is held."""
        return not (self._pending or self._lines)

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that `data` completes. Raises ReplyError on nonsense or endless replies."""
        buffer = self._pending + data if self._pending else data
        replies: list[Reply] = []
        start = 0
        while (end := buffer.find(b"\n", start)) >= 0:
            line = buffer[start:end]
            start = end + 1
            if reply := self._line(line[:-1] if line.endswith(b"\r") else line):
                replies.append(reply)
        self._keep(buffer[start:] if start else buffer)
        return replies

    def _keep(self, rest: bytes) -> None:
        if len(rest) > MAX_STORED_BYTES + 4:
            self._dropped += len(rest) - (MAX_STORED_BYTES + 4)
            rest = rest[: MAX_STORED_BYTES + 4]
            if self._dropped > MAX_LINE_BYTES:
                raise ReplyError("reply line without end")
        self._pending = rest

    def _line(self, line: bytes) -> Reply | None:
        length = len(line) + self._dropped
        self._dropped = 0
        if line[3:4] != b"-":
            if not self._lines and length <= _CACHED_LINE_BYTES:
                return _single(line)
            # RFC 5321 §4.2.1 wants one code in all lines; where they differ, the last one decides.
            code, lines = _code(line), (*self._lines, line[4:])
            self._lines, self._size = [], 0
            return _build(code, lines)
        _code(line)
        self._size += length
        if self._size > MAX_CONTINUED_BYTES or len(self._lines) >= MAX_LINES:
            raise ReplyError("multi-line reply without end")
        self._lines.append(line[4 : 4 + MAX_STORED_BYTES])
        return None


_GREYLIST = re.compile(r"gr[ea]y.?list", re.I)
_RATE = re.compile(r"rate.?limit|too many|too fast|throttl|try again slower|unsolicited", re.I)
_FULL = re.compile(r"quota|mailbox (?:is )?full|over.?quota|storage", re.I)
_POLICY = re.compile(
    r"spam|block(?:ed|list)|black.?list|denied|policy|reputation|\brbl\b|dnsbl|listed"
    r"|permanently deferred|\[tss?\d\d\]|\bspf\b|dkim|dmarc|not allowed|prohibited|relay",
    re.I,
)
# RFC 3463 subject.detail of a 5xx reply
_PERMANENT_BY_STATUS = {
    "1.0": ReplyClass.BAD_RECIPIENT,
    "1.1": ReplyClass.BAD_RECIPIENT,
    "1.2": ReplyClass.DNS,
    "1.3": ReplyClass.BAD_RECIPIENT,
    "1.6": ReplyClass.BAD_RECIPIENT,
    "1.7": ReplyClass.POLICY_BLOCK,
    "1.8": ReplyClass.POLICY_BLOCK,
    "1.10": ReplyClass.DNS,
    "2.1": ReplyClass.BAD_RECIPIENT,
    "2.2": ReplyClass.MAILBOX_FULL,
    "4.4": ReplyClass.DNS,
}
_THROTTLE_STATUS = frozenset({"3.2", "4.5", "7.28"})
# "Rate limited because …" of Gmail's: its cause is the sender's domain, or what an incident is for. No
# other mail to the site is to be slower for it
_BECAUSE_STATUS = frozenset(
    {"7.20", "7.21", "7.22", "7.23", "7.24", "7.25", "7.26", "7.27", "7.29", "7.30", "7.32", "7.40"}
)
_BEFORE_RCPT = frozenset({Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS, Stage.MAIL})


def classify(reply: Reply, *, stage: Stage) -> ReplyClass:
    """The class of `reply`, given as the answer at `stage`.

    The enhanced code decides where there is one; words are read only where codes say nothing.
    Before RCPT nothing can be known of the recipient, so never BAD_RECIPIENT there.
    """
    if reply.code < 400:
        return ReplyClass.OK
    if reply.code < 500:
        return _classify_temporary(reply)
    return _classify_permanent(reply, stage)


def _classify_temporary(reply: Reply) -> ReplyClass:
    status = reply.enhanced[2:] if reply.enhanced else ""
    text = reply.text
    if status == "2.2":
        return ReplyClass.MAILBOX_FULL
    if _GREYLIST.search(text):
        return ReplyClass.GREYLISTED
    if status in _BECAUSE_STATUS:
        return ReplyClass.TEMPORARY
    if reply.code == 421 or status in _THROTTLE_STATUS or _RATE.search(text):
        return ReplyClass.THROTTLED
    if not status and reply.code == 452 and _FULL.search(text):
        return ReplyClass.MAILBOX_FULL
    return ReplyClass.TEMPORARY


def _classify_permanent(reply: Reply, stage: Stage) -> ReplyClass:
    status = reply.enhanced[2:] if reply.enhanced else ""
    early = stage in _BEFORE_RCPT
    if status.startswith("7."):
        return ReplyClass.POLICY_BLOCK
    found = _PERMANENT_BY_STATUS.get(status)
    if found and not (early and found is ReplyClass.BAD_RECIPIENT):
        return found
    if status and status != "0.0" and not early:
        return ReplyClass.PERMANENT
    if _POLICY.search(reply.text):
        return ReplyClass.POLICY_BLOCK
    if early:
        refused_us = stage is not Stage.MAIL or reply.code in (550, 553, 554)
        return ReplyClass.POLICY_BLOCK if refused_us and not status else ReplyClass.PERMANENT
    if _FULL.search(reply.text) or (stage is Stage.RCPT and reply.code == 552):
        return ReplyClass.MAILBOX_FULL
    if stage is Stage.RCPT and reply.code in (550, 551, 553):
        return ReplyClass.BAD_RECIPIENT
    return ReplyClass.PERMANENT
