"""The only place that keeps, past a process's death, what receivers had answered to it: an entry for each conversation.

An entry begins with who is spoken to and under which lease, is changed right before the final dot leaves, and takes
down the answer where it is read, before anything else is done about it. It stands until the outcome is committed. So of
each message that a dead process had under way it is known whether its dot never left, may have left, or was answered how
(`recall.py` acts on it). It costs no system call (`outliving.py`, which also says why the order of what is stored can be
relied upon).

An entry ends, in time, with its first word: the checksum of all that it stands for, told apart by state. It is stored last,
and taken away first. A copy that was cut off, a file of another version and plain garbage therefore say nothing, and
of what nothing is said the durable marker decides as it would without a journal.
"""

import json
import logging
import re
import struct
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from pathlib import Path
from uuid import UUID
from zlib import crc32

from config.steady import boot
from transactional.egress.outliving import Outliving
from transactional.queue import Job
from transactional.wire.reply import Reply, Stage

logger = logging.getLogger(__name__)

VERSION = 2
SIZE = 2048  # octets of an entry
MOST = 4096  # entries of a process: 8 MB; what has no place is under way as it would be without a journal
_FILE = struct.Struct(
    "<8sIII16s8s"
)  # magic, version, SIZE, entries, boot, holder; then its checksum
_NOBODY = bytes(8)
_MAGIC = b"POSTINO\n"
_HEAD_SIZE = 64  # octets before the first entry
_WORD = struct.Struct("=I")  # stored and read whole
_HEAD = struct.Struct("<16s16sdH")  # recipient, lease, when it began, octets of the way
_SAID = struct.Struct("<dHBH")  # when it was said, its code, the stage, octets of the text
_HEAD_AT, _SAID_AT = 4, 768  # from an entry's beginning
_WAY_AT, _TEXT_AT = _HEAD_AT + _HEAD.size, _SAID_AT + _SAID.size
_WAY_MOST, _TEXT_MOST = _SAID_AT - _WAY_AT, SIZE - _TEXT_AT
_STAGES = (Stage.RCPT, Stage.DATA, Stage.BODY, Stage.DOT)
_DOT = _STAGES.index(Stage.DOT)
_NO = _WORD.pack(0)
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


class State(Enum):
    """How far a conversation had come; each value is what its checksum is mixed with."""

    STAYED = 0x53544159  # no final dot of this lease has left
    LEAVING = 0x4C454156  # it may have left
    ANSWERED = 0x414E5357


_STAYED, _LEAVING, _ANSWERED = (state.value for state in State)


@dataclass(frozen=True, slots=True)
class Way:
    """From where to where, as the attempt's row will have it."""

    source_id: int
    source_address: str
    host: str
    address: str
    tls: str = ""
    smarthost_id: int | None = None
    warms_up_at: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a journal says of one conversation. `reply` and `stage` where it was answered."""

    recipient: UUID
    lease: UUID
    state: State
    way: Way
    began: datetime
    at: datetime | None = None
    stage: Stage = Stage.DOT
    reply: Reply = field(default=Reply(250))


class Line:
    """One conversation's entry, told as it goes on (a `Witness` of `transactional.wire`). What is told once its job
    is over, or another conversation of it has begun, goes nowhere: the place may be another's.
    """

    __slots__ = ("_at", "_crc", "_file", "is_open")

    def __init__(self, file: Outliving, at: int, head: bytes) -> None:
        """At a place that says nothing: of whom `head` names nothing has left."""
        self._file = file
        self._at = at
        self._crc = crc32(head)
        self.is_open = True
        memory = file.memory
        memory[at + _HEAD_AT : at + _HEAD_AT + len(head)] = head
        memory[at : at + 4] = _WORD.pack(self._crc ^ _STAYED)

    def leaving(self) -> None:
        """The final dot is about to be handed to the connection."""
        if self.is_open:
            at = self._at
            self._file.memory[at : at + 4] = _WORD.pack(self._crc ^ _LEAVING)

    def answered(self, reply: Reply) -> None:
        """Its answer has been read."""
        if reply.code >= 400 or reply.code < 300:  # 3xx is no answer to a dot
            self._take_down(reply, _DOT)

    def refused(self, reply: Reply, stage: Stage) -> None:
        """The mail was refused for good before its dot."""
        if stage in _STAGES:
            self._take_down(reply, _STAGES.index(stage))

    def end(self) -> int:
        """It says nothing any more; the place that is free now."""
        self.is_open = False
        self._file.memory[self._at : self._at + 4] = _NO
        return self._at

    def _take_down(self, reply: Reply, stage: int) -> None:
        if not self.is_open:
            return
        memory, at = self._file.memory, self._at
        text = "\n".join((reply.enhanced or "", *reply.lines))
        octets = text.encode("utf-8", "replace")[:_TEXT_MOST]
        said = _SAID.pack(time.time(), reply.code, stage, len(octets)) + octets
        memory[at + _SAID_AT : at + _SAID_AT + len(said)] = said
        memory[at : at + 4] = _WORD.pack(crc32(said, self._crc) ^ _ANSWERED)


class Journal:
    """One process's. Not thread-safe: its engine's loop alone writes."""

    def __init__(self, folder: Path, entries: int, holder: bytes = _NOBODY) -> None:
        """Room for so many conversations, MOST at most; `folder` is where the processes of this machine keep theirs.
        `holder`: what this engine's leases begin with.
        """
        entries = min(entries, MOST)
        self._file = Outliving(
            folder,
            _HEAD_SIZE + entries * SIZE,
            what="what receivers said to this process, should it be killed,",
        )
        about = _FILE.pack(_MAGIC, VERSION, SIZE, entries, UUID(boot()).bytes, holder)
        head = about + _WORD.pack(crc32(about))
        self._file.memory[: len(head)] = head
        self._free = [_HEAD_SIZE + n * SIZE for n in reversed(range(entries))]
        self._taken: dict[Job, Line] = {}

    def begin(self, job: Job, way: bytes) -> Line | None:
        """A conversation for this job begins: nothing of it has left, whatever became of those before it. None: there
        is no place for it.
        """
        if job in self._taken:
            self.end(job)
        if not self._free or len(way) > _WAY_MOST:
            return None
        head = _HEAD.pack(job.id.bytes, job.lease.bytes, time.time(), len(way)) + way
        line = self._taken[job] = Line(self._file, self._free.pop(), head)
        return line

    def end(self, job: Job) -> None:
        """Its outcome is committed, or will never be."""
        line = self._taken.pop(job, None)
        if line is not None:
            self._free.append(line.end())

    def close(self) -> None:
        """The process ends as it should. What it could not write down is left for the next."""
        self._file.close(keep=bool(self._taken))
        for line in self._taken.values():
            line.is_open = False
        self._taken.clear()


@lru_cache(maxsize=4096)
def way(
    source_id: int,
    source_address: str,
    host: str,
    address: str,
    port: int,
    tls: str,
    smarthost_id: int | None,
    warms_up_at: str,
) -> bytes:
    """A `Way` as it is kept: the same octets for all mail of a session."""
    parts = (source_id, source_address, host, f"{address}:{port}", tls, smarthost_id, warms_up_at)
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def read(content: bytes) -> list[Entry]:
    """What a journal says of conversations that is beyond doubt. Never raises; of a file that is none of this version, nothing."""
    ours, of_this_boot, _ = _about(content)
    if not ours:
        logger.warning("a journal of another version, or none at all, is forgotten")
        return []
    found = (_entry(content[at : at + SIZE]) for at in range(_HEAD_SIZE, len(content), SIZE))
    # A machine that was started anew may have lost the page that said it left
    return [one for one in found if one and (of_this_boot or one.state is not State.STAYED)]


def holder(content: bytes) -> bytes | None:
    """What the leases of its engine begin with. None: it does not say, or is not of this boot: where machines share the
    folder, another's lock says nothing.
    """
    ours, of_this_boot, whose = _about(content)
    return whose if ours and of_this_boot and whose != _NOBODY else None


def _about(content: bytes) -> tuple[bool, bool, bytes]:
    """Whether it is a journal of this version; whether it is of this boot of the machine; of whose leases."""
    about = content[: _FILE.size]
    if len(content) < _HEAD_SIZE or content[_FILE.size : _FILE.size + 4] != _WORD.pack(
        crc32(about)
    ):
        return False, False, _NOBODY
    magic, version, size, _entries, of, whose = _FILE.unpack(about)
    ours = (magic, version, size) == (_MAGIC, VERSION, SIZE)
    return ours, of == UUID(boot()).bytes, whose


def _entry(octets: bytes) -> Entry | None:
    """None: it says nothing, or nothing that is beyond doubt."""
    if len(octets) < SIZE:
        return None
    (word,) = _WORD.unpack_from(octets)
    recipient, lease, began, length = _HEAD.unpack_from(octets, _HEAD_AT)
    if not word or length > _WAY_MOST:
        return None
    way, head = octets[_WAY_AT : _WAY_AT + length], octets[_HEAD_AT : _WAY_AT + length]
    proof = crc32(head)
    try:
        known = UUID(bytes=recipient), UUID(bytes=lease)
        if word == proof ^ _STAYED:
            return Entry(*known, State.STAYED, _way(way), _moment(began))
        if word == proof ^ _LEAVING:
            return Entry(*known, State.LEAVING, _way(way), _moment(began))
        at, code, stage, length = _SAID.unpack_from(octets, _SAID_AT)
        said = octets[_SAID_AT : _TEXT_AT + length]
        if length > _TEXT_MOST or word != crc32(said, proof) ^ _ANSWERED:
            return None
        if _STAGES[stage] is not Stage.DOT and code < 500:
            return None
        reply = _reply(code, said[_SAID.size :])
        return Entry(
            *known, State.ANSWERED, _way(way), _moment(began), _moment(at), _STAGES[stage], reply
        )
    except (
        ValueError,
        TypeError,
        IndexError,
        OverflowError,
        OSError,
    ):  # proved, and yet none of ours
        return None


def _way(octets: bytes) -> Way:
    way = Way(*json.loads(octets))
    texts = (way.source_address, way.host, way.address, way.tls, way.warms_up_at)
    numbers = (way.source_id, way.smarthost_id or 0)
    "".join(texts).encode()  # half a character is none
    if not all(type(one) is int for one in numbers):
        raise ValueError("not a way")
    return way


def _reply(code: int, text: bytes) -> Reply:
    enhanced, *lines = text.decode("utf-8", "ignore").replace("\0", " ").split("\n")
    if not (200 <= code < 300 or 400 <= code < 600):
        raise ValueError("not an answer")
    return Reply(code, enhanced if _ENHANCED.fullmatch(enhanced) else None, tuple(lines))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
