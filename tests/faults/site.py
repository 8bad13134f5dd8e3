"""The installation under test with its recording sink, and the ledger that both must agree on."""

import json
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from config.stack.probes import smtp_greets
from tests.config.stack.process_table import children, command, tree
from tests.faults.kills import Cut, connections, cut
from tests.faults.sink import At
from tests.installation import ROOT, Installation

DRAINED = 60.0  # seconds in which no mail stands still, nor anything else that must go on


@dataclass(frozen=True)
class Copy:
    """One message that came to the sink."""

    to: str
    id: str
    resent: bool
    at: float  # on this machine's monotonic clock, which all processes share
    port: int  # that its session came from


class Sink:
    """The recording sink's process."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "sink.log"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.sink", str(self._path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """Let each message take this long."""
        self._say(seconds)
        yield
        self._say(0.02)

    def _say(self, line: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def who(self) -> dict[int, At]:
        """What each session is at, by the port that it came from."""
        self._say("who")
        assert self._process.stdout is not None
        return {int(port): at for port, at in json.loads(self._process.stdout.readline()).items()}

    def copies(self, prefix: str = "") -> list[Copy]:
        """What came, in order."""
        found = [Copy(**json.loads(line)) for line in self._path.read_text().splitlines()]
        return [copy for copy in found if copy.to.startswith(f"{prefix}-" if prefix else "")]

    def sessions(self) -> int:
        """SMTP sessions open to it now, by the kernel's word."""
        return len(connections(self.port))

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@dataclass(frozen=True)
class Site:
    """What a fault case works on."""

    installation: Installation
    sink: Sink

    def database(self) -> "psycopg.Connection[Any]":
        """A session of our own; again after each kill of the server."""
        url = self.installation.joined["DATABASE_URL"]
        return psycopg.connect(url, autocommit=True, connect_timeout=5)

    def ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """One question."""
        with self.database() as session:
            return session.execute(sql, values).fetchall()

    def queued(self) -> int:
        """Recipients whose mail is not done with."""
        (found,) = self.ask("SELECT count(*) FROM transactional_queuerow")[0]
        return int(found)

    def processes(self) -> list[int]:
        """Every process below `up`."""
        assert self.installation.process is not None
        up = self.installation.process.pid
        return sorted(tree(up) - {up})

    def children(self, text: str) -> list[int]:
        """Those that `up` started itself whose command line contains the text.

        What they start in their turn has the same one for a moment, until it gives itself another.
        """
        assert self.installation.process is not None
        started = children(self.installation.process.pid)
        return sorted(pid for pid in started if text in command(pid))

    def kill(self, pids: Iterable[int]) -> Cut:
        """SIGKILL to all of these in any order; what it cut off."""
        return cut(pids, self.sink.port, self.sink.who)

    def whole(self) -> bool:
        """Whether every door answers, and the database behind it."""
        greets = [
            smtp_greets("127.0.0.1", int(self.installation.ports[name]))()
            for name in ("SMTP_PORT", "INBOUND_PORT")
        ]
        try:
            self.queued()
        except (psycopg.Error, KeyError):
            return False
        return all(greets) and self.installation.status() == 200


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether it came true in time; a database that is away is not an answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if condition():
                return True
        except psycopg.Error:
            pass
        time.sleep(0.2)
    return False


def drained(site: Site) -> int:
    """Rows that are stuck: still there when for DRAINED seconds none has left."""
    least, since = site.queued(), time.monotonic()
    while least and time.monotonic() - since < DRAINED:
        time.sleep(0.2)
        now = site.queued()
        if now < least:
            least, since = now, time.monotonic()
    return least


@dataclass(frozen=True)
class Verdict:
    """What the books say of one case."""

    acknowledged: int
    delivered: int
    lost: list[str]
    copies: int
    unmarked: list[str]
    wrong: list[str]
    copied: frozenset[str]
    followed: tuple[Copy, ...]  # those that another came after
    recalled: int  # answers that a killed process had read, and another wrote down

    def __str__(self) -> str:
        return (
            f"{self.acknowledged} acknowledged, {self.delivered} delivered,"
            f" {len(self.lost)} lost, {self.copies} second copies"
            f" ({len(self.unmarked)} unmarked), {len(self.wrong)} in a wrong state"
        )


def recalled(site: Site, prefix: str) -> int:
    """How many tries stand in the books by a dead process's journal alone."""
    sql = """
    SELECT count(*) FROM transactional_deliveryattempt a
    JOIN transactional_recipient r ON r.id = a.recipient_id
    WHERE r.address LIKE %s AND a.decisions @> '[{"code": "recalled"}]'
    """
    return int(site.ask(sql, f"{prefix}-%")[0][0])


def balance(site: Site, prefix: str, acknowledged: Iterable[str]) -> Verdict:
    """Compare what was acknowledged, what came, and what the database says of it."""
    wanted = {f"{key}@far.example" for key in acknowledged}
    came = site.sink.copies(prefix)
    states = dict(
        site.ask(
            "SELECT id::text, status FROM transactional_recipient WHERE address LIKE %s",
            f"{prefix}-%",
        )
    )
    doubted = {
        found
        for (found,) in site.ask(
            "SELECT recipient_id::text FROM transactional_event WHERE type = 'uncertain'"
        )
    }
    by_id: dict[str, list[Copy]] = defaultdict(list)
    for copy in came:
        by_id[copy.id].append(copy)
    # Whichever came first: of all copies of a message one is not marked at most, and its story tells of them
    unmarked = [
        one
        for one, copies in by_id.items()
        if len(copies) > 1 and (sum(not copy.resent for copy in copies) > 1 or one not in doubted)
    ]
    delivered = {one for one, status in states.items() if status == "delivered"}
    other = Counter(status for status in states.values() if status != "delivered")
    return Verdict(
        acknowledged=len(wanted),
        delivered=len(by_id),
        lost=sorted(wanted - {copy.to for copy in came}),
        copies=len(came) - len(by_id),
        unmarked=unmarked,
        wrong=sorted(delivered ^ by_id.keys()) + [f"{n} {status}" for status, n in other.items()],
        copied=frozenset(one for one, copies in by_id.items() if len(copies) > 1),
        followed=tuple(copy for copies in by_id.values() for copy in copies[:-1]),
        recalled=recalled(site, prefix),
    )
