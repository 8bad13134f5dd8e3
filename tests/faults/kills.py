"""What a kill cut off: the sessions to the sink that the killed processes held, by the kernel's word."""

import os
import random
import signal
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.faults.sink import At

_OPEN = "01"  # of /proc/net/tcp: established


@dataclass(frozen=True)
class Cut:
    """One kill: when it began and was over, and what each session of those it hit was at."""

    began: float
    at: float
    sessions: Mapping[int, At]  # by the port that it was opened from
    others: frozenset[int]  # sessions of those that live on

    def explains(self, port: int, came: float) -> bool:
        """Whether a message that came by that session may have been left without its outcome.

        One that goes on explains nothing; one that had ended in order may have been a killed one's.
        """
        known = port in self.sessions or (bool(self.sessions) and port not in self.others)
        return known and self.at >= came

    def busy(self) -> int:
        """Sessions in a transaction: between RCPT and the answer to the final dot."""
        return sum(at != "idle" for at in self.sessions.values())

    def awaited(self) -> int:
        """Of them, those whose message the sink had and had not answered."""
        return sum(at == "answer" for at in self.sessions.values())


def connections(port: int) -> dict[str, int]:
    """Connections to a port of this machine that are open: the socket's inode, and its own port."""
    found = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        row = line.split()
        if row[2].endswith(f":{port:04X}") and row[3] == _OPEN:
            found[row[9]] = int(row[1].rpartition(":")[2], 16)
    return found


def held_by(pids: Iterable[int], port: int) -> list[int]:
    """From which ports these processes hold connections to that one."""
    known, found = connections(port), set()
    for pid in pids:
        with suppress(FileNotFoundError):  # it has ended meanwhile
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with suppress(FileNotFoundError):
                    link = os.readlink(entry.path)
                    found.add(known.get(link.removeprefix("socket:[").removesuffix("]"), 0))
    return sorted(found - {0})


def signalled(pids: Collection[int], number: signal.Signals) -> None:
    """The same signal to all of them, as far as they live."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def cut(pids: Iterable[int], port: int, seen: Callable[[], Mapping[int, At]]) -> Cut:
    """SIGKILL to all of these in any order.

    They are stopped first: what opens a session after the count could answer for a copy.
    """
    doomed = list(pids)
    random.shuffle(doomed)
    began = time.monotonic()
    signalled(doomed, signal.SIGSTOP)
    at = seen()
    sessions = {mine: at.get(mine, "idle") for mine in held_by(doomed, port)}
    signalled(doomed, signal.SIGKILL)
    return Cut(began, time.monotonic(), sessions, frozenset(at.keys() - sessions.keys()))
