"""The only place that keeps, past a process's death, which copy it was building.

A note of 16 octets in a file that is mapped into memory: what stands there outlives the process, whatever ended it
(the page is the kernel's), and costs no system call. The file is locked while its process lives, so a lock that can be
had tells of a death. A machine that loses its power loses the note; it then lost all of its processes alike.
"""

import fcntl
import logging
import mmap
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

logger = logging.getLogger(__name__)

_SIZE = 16
_NOTHING = bytes(_SIZE)


class LastWords:
    """One process's note. Not thread-safe: one copy at a time is built."""

    def __init__(self, folder: Path) -> None:
        """Where the folder cannot be written, nothing outlives the process, which is logged."""
        self._path = folder / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._fd = -1
        self._note: mmap.mmap | bytearray = bytearray(_SIZE)
        try:
            self._open(folder / f".{self._path.name}")
        except OSError as err:
            logger.warning("what ends this process will not be known: %s", err)

    def _open(self, unseen: Path) -> None:
        unseen.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(unseen, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        os.write(self._fd, _NOTHING)  # the disk has a place for it, or says now that it has none
        self._note = mmap.mmap(self._fd, _SIZE)
        unseen.rename(self._path)  # from now on others may ask for its lock

    def begin(self, recipient: UUID) -> None:
        """The copy of this recipient is being built."""
        self._note[:] = recipient.bytes

    def end(self) -> None:
        """The process has outlived the build."""
        self._note[:] = _NOTHING

    def close(self) -> None:
        """Leave nothing behind."""
        note = self._note
        self._note = bytearray(_SIZE)
        if isinstance(note, mmap.mmap):
            self._path.unlink(missing_ok=True)
            note.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@contextmanager
def of_the_dead(folder: Path) -> Iterator[list[UUID]]:
    """Whose copies were being built by processes that have died since; forgotten behind the block, unless it raises.

    Two that read at once share them out: each file is read under its lock.
    """
    held: list[tuple[Path, int]] = []
    found: list[UUID] = []
    try:
        for path in sorted(folder.glob("[0-9]*")):
            try:
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:  # another reader was quicker
                continue
            held.append((path, fd))
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # it lives, or another reads it
                held.pop()
                os.close(fd)
                continue
            note = os.pread(fd, _SIZE, 0)
            if len(note) == _SIZE and note != _NOTHING and path.exists():
                found.append(UUID(bytes=note))
        yield found
        for path, _ in held:
            path.unlink(missing_ok=True)
    finally:
        for _, fd in held:
            os.close(fd)
