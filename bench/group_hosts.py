"""The second part of `bench.groups`: whole groups of delivery workers, one and two, on one PostgreSQL.

A whole installation whose workers are host `a`, and beside it, in every second run, workers of a host `b` with
queues and an IP of their own (127.0.0.11, 127.0.0.12), out of one pool, so that both claim the same streams. The
receiver takes its time for each message, so neither the CPU nor the receiver is what they wait for.

Compared is the CPU of the server processes behind the delivery workers' own connections, per delivered message: they
claim, mark and finish, which is where two groups meet. Those of other processes (folds, housekeeping) and PostgreSQL's
own (log writer, checkpoints, vacuum, which comes once a minute and so falls into one run or another) are told beside it.
Each run begins alike: tables vacuumed, a checkpoint just made; one and two come in turn as 1 2 2 1. What is used at
rest is taken off. Books: every message arrived once.
"""

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from bench import ledger
from bench.claims import ROOT
from bench.cpu import processor_ms
from bench.installation import Broken, Installation
from bench.lanes import queue_bulk

COUNT = 1500  # messages of a group in one run
RUNS = 6  # with one group and with two
PACE = 0.04  # seconds the receiver takes for a message
SESSIONS = 8
IDLE = 8.0  # seconds over which the rest is measured
HOSTS = {"a": "127.0.0.11", "b": "127.0.0.12"}
WORKERS = ("postino egress", "postino urgent")  # application names begin so
_STALLED = 60.0
_EXTRA = {"WORKER_HOST": "a", "EGRESS_SESSIONS": str(SESSIONS)}
# What a run leaves dead rows in
_TABLES = ("queuerow", "recipient", "message")


@dataclass(frozen=True, slots=True)
class _Cost:
    """CPU of PostgreSQL, in microseconds per delivered message, by whose work it was."""

    workers: float
    others: float
    own: float

    @property
    def all(self) -> float:
        """Of the whole server."""
        return self.workers + self.others + self.own


class _Server:
    """What the server's processes have used, by whose connection it was, in seconds."""

    def __init__(self, place: Installation) -> None:
        self._place = place
        self._names: dict[int, str] = {}
        self._used: dict[int, float] = {}

    def look(self) -> None:
        """Remember what each connection has used; one that ends loses what it used since the last look."""
        rows = self._place.database.execute(
            "SELECT pid, application_name FROM pg_stat_activity WHERE backend_type = 'client backend'"
        ).fetchall()
        for pid, name in rows:
            used = processor_ms(int(pid))
            if used is not None:
                self._names[int(pid)], self._used[int(pid)] = str(name), used / 1000

    def read(self) -> dict[str, float]:
        """Seconds so far: `workers`, `others` (clients) and `all`."""
        self.look()
        if not any(name.startswith(WORKERS) for name in self._names.values()):
            raise Broken("no connection is a delivery worker's")
        spent = {"workers": 0.0, "others": 0.0}
        for pid, used in self._used.items():
            whose = "workers" if self._names[pid].startswith(WORKERS) else "others"
            spent[whose] += used
        return {**spent, "all": self._place.meter.read()["PostgreSQL"]}


def _two_sources(place: Installation) -> None:
    """The account's pool has an IP of each host."""
    database = place.database
    database.execute("UPDATE domains_egresssource SET address = %s, host = 'a'", [HOSTS["a"]])
    found = database.execute(
        "SELECT string_agg(quote_ident(column_name), ',') FROM information_schema.columns"
        " WHERE table_name = 'domains_egresssource' AND is_generated = 'NEVER'"
        " AND column_name NOT IN ('id', 'address', 'host')"
    ).fetchone()
    columns = found[0] if found else ""
    database.execute(
        f"WITH b AS (INSERT INTO domains_egresssource (address, host, {columns})"
        f" SELECT %s, 'b', {columns} FROM domains_egresssource RETURNING id)"
        " INSERT INTO domains_poolmember (pool_id, source_id, owner, weight)"
        " SELECT m.pool_id, b.id, m.owner, m.weight FROM b, domains_poolmember m",
        [HOSTS["b"]],
    )


class _GroupB:
    """The workers of the second host, as they run alone."""

    def __init__(self, place: Installation) -> None:
        queues = {"urgent": "egress.urgent,egress.urgent@b", "egress": "egress,egress@b"}
        environment = {**place.environment, **_EXTRA, "WORKER_HOST": "b"}
        self.processes = [
            subprocess.Popen(
                [sys.executable, "manage.py", "worker", "-Q", those, "-n", f"{name}-b@%h"],
                cwd=ROOT,
                env={**environment, "PGAPPNAME": f"postino {name}-b"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for name, those in queues.items()
        ]

    def close(self) -> None:
        """Stop them as a supervisor does."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(40)


def _run(place: Installation, groups: int, count: int) -> tuple[_Cost, float, dict[str, int]]:
    """What PostgreSQL used, messages a second, and how many left each IP."""
    second = _GroupB(place) if groups > 1 else None
    try:
        time.sleep(3.0)
        place.sink.ask("clear")
        place.sink.ask(f"pace {PACE}")
        place.database.execute("TRUNCATE transactional_deliveryattempt")
        for table in _TABLES:
            place.database.execute(f"VACUUM (ANALYZE) transactional_{table}")
        place.database.execute("CHECKPOINT")
        server = _Server(place)
        idle = server.read()
        time.sleep(IDLE)
        rested = server.read()
        queue_bulk(place, count)
        filled, start = server.read(), time.monotonic()
        while (left := place.queued()) > 0:
            if time.monotonic() > start + _STALLED + count * PACE / SESSIONS * 4:
                raise Broken(f"{left} of {count} are still queued")
            time.sleep(1.0)  # a look costs PostgreSQL something too
            server.look()
        took = time.monotonic() - start
        time.sleep(3.0)  # numbers are folded
        used, lasted = server.read(), time.monotonic() - start
        per = {
            whose: 1e6
            * (used[whose] - filled[whose] - (rested[whose] - idle[whose]) * lasted / IDLE)
            / count
            for whose in used
        }
        if place.sink.ask("count") != count:
            raise ledger.Unbalanced(f"{place.sink.ask('count')} of {count} arrived")
        rows = place.database.execute(
            "SELECT source_address, count(*) FROM transactional_deliveryattempt GROUP BY 1"
        ).fetchall()
        own = per["all"] - per["workers"] - per["others"]
        cost = _Cost(workers=per["workers"], others=per["others"], own=own)
        return cost, count / took, {str(row[0]): int(row[1]) for row in rows}
    finally:
        if second is not None:
            second.close()


def measure(count: int, runs: int) -> float:
    """What the delivery workers' own work costs PostgreSQL more where there are two groups, in per cent.

    Raises Broken where the mail does not leave, Unbalanced where not all of it arrived once.
    """
    found: dict[int, list[_Cost]] = {1: [], 2: []}
    print(f"2. whole groups: {count:,} messages each, {runs} runs of one group and of two, in turn")
    print("   µs of PostgreSQL a message; load average", f"{os.getloadavg()[0]:.1f}")
    with Installation(extra=_EXTRA) as place:
        _two_sources(place)
        time.sleep(12)  # each host reports which IPs it has
        _run(place, 2, 200)  # both are known, connections are open, statements are prepared
        for number in range(runs):
            for size in (1, 2) if number % 2 == 0 else (2, 1):
                cost, rate, left = _run(place, size, count * size)
                found[size].append(cost)
                shares = ", ".join(f"{n} from {ip}" for ip, n in sorted(left.items()))
                print(
                    f"   run {number + 1}, {size} group{'s' * (size > 1)}: workers {cost.workers:.0f},"
                    f" other clients {cost.others:.0f}, its own {cost.own:.0f}, all {cost.all:.0f};"
                    f" {rate:.0f}/s; {shares}",
                    flush=True,
                )
    one, two = (statistics.median(each.workers for each in found[size]) for size in (1, 2))
    whole = [statistics.median(each.all for each in found[size]) for size in (1, 2)]
    print(
        f"   PostgreSQL per message, medians: {whole[0]:.0f} µs with one, {whole[1]:.0f} with two"
    )
    grown = 100 * (two / one - 1)
    print(f"   of it the delivery workers': {one:.0f} and {two:.0f} µs: {grown:+.1f} %")
    return grown
