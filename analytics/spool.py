"""The only place of hits that are not in the database yet: local segments, one JSON line per hit.

A hit costs one append to a file and never waits for PostgreSQL, Redis or the ingester. Writers
hold a shared lock while they write; the ingester renames the segment, takes the lock for itself
and deletes the file after its commit, so no hit is lost whoever is stopped or killed, and when.
What a power cut can take is what the kernel had not written to disk yet.
"""

import fcntl
import logging
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import orjson
from django.conf import settings

from config.ids import uuid7

logger = logging.getLogger(__name__)

ACTIVE = "active.jsonl"
USER_AGENT_LIMIT = 500  # characters: what a stranger can make us keep
TRIES = 20  # a writer meets a rotation once, not twenty times in a row


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One request of a pixel or a link. `id` becomes the event's: writing it twice is once."""

    id: uuid.UUID
    kind: Literal["open", "click"]
    recipient_id: uuid.UUID
    at: datetime
    ip: str
    user_agent: str
    link_index: int | None = None
    url: str = ""
    hint: str = ""  # what the request said of itself: head, prefetch


Record = Callable[[list[Hit]], Sequence[Hit] | None]


class Lost:
    """Hits that could not be kept (disk full, folder gone): a redirect goes on without them."""

    count = 0


def folder() -> Path:
    """Where this host's segments lie."""
    return Path(settings.DATA_DIR) / "spool"


def new_hit(
    kind: Literal["open", "click"],
    recipient_id: uuid.UUID,
    *,
    ip: str,
    user_agent: str,
    link_index: int | None = None,
    url: str = "",
    hint: str = "",
) -> Hit:
    """A hit of this moment."""
    return Hit(
        id=uuid7(),
        kind=kind,
        recipient_id=recipient_id,
        at=datetime.now(UTC),
        ip=ip[:45],
        user_agent=_clean(user_agent)[:USER_AGENT_LIMIT],
        link_index=link_index,
        url=url,
        hint=hint,
    )


def add(hit: Hit) -> bool:
    """Append a hit; False where it could not be kept. Never raises: the reader's way goes on."""
    try:
        _append(folder() / ACTIVE, _line(hit))
    except OSError as err:
        Lost.count += 1
        logger.error("a hit could not be kept (%s so far): %s", Lost.count, err)
        return False
    return True


def _line(hit: Hit) -> bytes:
    return b"\n" + orjson.dumps(hit) + b"\n"


def _append(path: Path, line: bytes) -> None:
    """One write to the file that bears the segment's name while we hold its lock.

    The line starts with a line end too, so that what a full disk cut short spoils no other hit.
    """
    for _ in range(TRIES):
        fd = _open(path)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # the ingester has it: it bears another name by now
            if not _bears(path, fd):
                continue
            if os.write(fd, line) != len(line):
                raise OSError("short write: the disk is full")
            return
        finally:
            os.close(fd)
    raise OSError("the segment changed at every try")


def _open(path: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, flags, 0o600)


def _bears(path: Path, fd: int) -> bool:
    """Whether the open file still is the one of this name."""
    try:
        named = os.stat(path)
    except FileNotFoundError:
        return False
    held = os.fstat(fd)
    return (held.st_ino, held.st_dev) == (named.st_ino, named.st_dev)


def drain(record: Record) -> int:
    """Hand every segment's hits to `record`, and delete the segment once it has returned.

    Segments left by an earlier, failed run come first; only when all of them are done is the
    active one taken. Hits that `record` returns go back into the spool. What it raises goes
    through and the segment stays. Returns the number of hits that were recorded.
    """
    done = sum(_ingest(path, record) for path in sorted(folder().glob("taken-*.jsonl")))
    taken = folder() / f"taken-{uuid7()}.jsonl"
    try:
        os.rename(folder() / ACTIVE, taken)
    except FileNotFoundError:
        return done
    return done + _ingest(taken, record)


def _ingest(path: Path, record: Record) -> int:
    with _held(path) as lines:
        if lines is None:
            return 0
        hits = [hit for line in lines.split(b"\n") if line and (hit := _read(line)) is not None]
        kept = (record(hits) or ()) if hits else ()
        if kept:
            # Before the segment goes: a hit that is in both, or recorded too, still counts once
            _append(folder() / ACTIVE, b"".join(_line(hit) for hit in kept))
        path.unlink()
        return len(hits) - len(kept)


@contextmanager
def _held(path: Path) -> Iterator[bytes | None]:
    """The bytes of a segment nobody else writes or ingests; None where somebody does."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    with os.fdopen(fd, "rb") as file:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None  # a writer is not through yet, or another ingester has it: later
            return
        yield file.read() if os.fstat(fd).st_nlink else None


def _read(line: bytes) -> Hit | None:
    try:
        found: dict[str, Any] = orjson.loads(line)
        return Hit(
            id=uuid.UUID(str(found["id"])),
            kind="click" if found["kind"] == "click" else "open",
            recipient_id=uuid.UUID(str(found["recipient_id"])),
            at=datetime.fromisoformat(str(found["at"])),
            ip=str(found["ip"]),
            user_agent=str(found["user_agent"]),
            link_index=found["link_index"],
            url=str(found["url"]),
            hint=str(found.get("hint", "")),
        )
    except (ValueError, KeyError, TypeError) as err:
        logger.error("a spooled hit cannot be read, it is left out: %s", err)
        return None


def _clean(text: str) -> str:
    """Text that JSON and PostgreSQL take: no U+0000, no lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
