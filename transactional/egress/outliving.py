"""The only place for files that outlive the process which writes them, and for who reads them then.

A file is mapped into memory: what is stored there stands in the kernel's page at once, without a system call, and stays
whatever ends the process. It is locked while its process lives, so a lock that can be had tells of a death. A
machine that loses its power loses the pages; it then lost all of its processes alike.

In which order: SIGKILL ends a process between two instructions of each thread. What stood before has been stored,
and whoever maps or reads the file afterwards on this machine sees it (x86 and ARM alike: a CPU keeps to its own order
of stores, and the kernel's end of a process is a barrier); what stood behind has not. CPython copies at the assignment,
neither later nor in another order. But a copy of many octets may be cut in its middle, and may have begun at its end: so
whatever is longer than a word is believed only by a word that is stored behind it and proves it.
"""

import fcntl
import logging
import mmap
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

MOST = 64 * 1024 * 1024  # octets of a file that are read: ours are far smaller
_FILES = "[0-9]*"  # one that is being made begins with a dot
_passed: set[Path] = set()  # told once that they are none of ours


class Outliving:
    """One process's file of `size` octets, all zero. Where it cannot be made, nothing outlives the process,
    which is logged.
    """

    def __init__(self, folder: Path, size: int, *, what: str) -> None:
        """`what` will not be known then, in words for the log."""
        self._path = folder / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._fd = -1
        self.memory: mmap.mmap | bytearray = bytearray(size)
        try:
            self._open(folder / f".{self._path.name}", size)
        except OSError as err:
            logger.warning("%s will not be known: %s", what, err)

    def _open(self, unseen: Path, size: int) -> None:
        unseen.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(unseen, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            # The disk has a place for all of it, or says now that it has none: a page without one would end us
            written = 0
            while written < size:
                written += os.write(self._fd, bytes(size - written))
            memory = mmap.mmap(self._fd, size)
            unseen.rename(self._path)  # from now on others may ask for its lock
        except OSError:
            unseen.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1
            raise
        self.memory = memory

    def close(self, *, keep: bool = False) -> None:
        """The process is done with it. `keep`: what it says is still to be read."""
        memory, self.memory = self.memory, bytearray(len(self.memory))
        if isinstance(memory, mmap.mmap):
            if not keep:
                self._path.unlink(missing_ok=True)
            memory.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@contextmanager
def of_the_dead(folder: Path) -> Iterator[list[bytes]]:
    """What files of processes say that have died since; forgotten behind the block, unless it raises.

    Two that read at once share them out: each file is read under its lock. What is no file of this user's is left alone.
    """
    held: list[tuple[Path, int]] = []
    found: list[bytes] = []
    try:
        for path in sorted(folder.glob(_FILES)):
            fd = _locked(path)
            if fd is None:
                continue
            held.append((path, fd))
            found.append(_content(fd))
        yield found
        for path, _ in held:
            path.unlink(missing_ok=True)
    finally:
        for _, fd in held:
            os.close(fd)


def _locked(path: Path) -> int | None:
    """The file, locked; None: its process lives, another reads it, or it is none of ours."""
    try:
        # Not through a link, nor waiting for whoever may write to a pipe
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:  # another reader was quicker
        return None
    except OSError as err:
        _pass_by(path, err)
        return None
    try:
        about = os.fstat(fd)
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid():
            _pass_by(path, "not a file of this user's")
        else:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(fd).st_nlink:  # else another has read it between
                return fd
    except BlockingIOError:
        pass
    except OSError as err:
        _pass_by(path, err)
    os.close(fd)
    return None


def _content(fd: int) -> bytes:
    """All of it, up to MOST."""
    size = min(os.fstat(fd).st_size, MOST)
    read = b""
    while len(read) < size and (more := os.pread(fd, size - len(read), len(read))):
        read += more
    return read


def _pass_by(path: Path, why: object) -> None:
    if path not in _passed:
        _passed.add(path)
        logger.warning("%s is left alone: %s", path, why)
