"""The second part of `bench.groups`: whole groups of delivery workers, one and two, on one PostgreSQL.

A whole installation whose workers are host `a`, and beside it, in every second run, workers of a host `b` with
queues and an IP of their own (127.0.0.11, 127.0.0.12), out of one pool, so that both claim the same streams. The
receiver takes its time for each message, so neither the CPU nor the receiver is what they wait for.

Where two groups meet is what their connections do: claim, mark, finish. Contention is the time in which they wait for each
other there: of the looks, fifty a second, that find a worker's statement under way, how many see it wait for a row or a latch.

Beside it stands PostgreSQL's CPU per delivered message: of the workers' connections, of other processes' (folds,
housekeeping), and its own (log writer, checkpoints, and vacuum, which comes once a minute and so falls into one run or another).
The more workers share the same mail, the fewer rows each of them claims or writes at once, and the more transactions a
message takes: so these are told too. Each run begins alike: tables vacuumed, a checkpoint just made; one and two come in
turn as 1 2 2 1. What is used at rest is taken off. Books: every message arrived once.
"""

import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass

from bench import ledger
from bench.claims import ROOT
from bench.cpu import processor_ms
from bench.installation import Broken, Installation
from bench.lanes import queue_bulk, stream_and_account

COUNT = 1500  # messages of a group in one run
RUNS = 6  # with one group and with two
PACE = 0.04  # seconds the receiver takes for a message
SESSIONS = 8
LOG = "WALWrite"
LOOK = 0.02  # seconds between two looks at what is waited for
IDLE = 8.0  # seconds over which the rest is measured
HOSTS = {"a": "127.0.0.11", "b": "127.0.0.12"}
WORKERS = ("postino egress", "postino urgent")  # application names begin so
_STALLED = 60.0
_EXTRA = {"WORKER_HOST": "a", "EGRESS_SESSIONS": str(SESSIONS)}
# What a run leaves dead rows in
_TABLES = ("queuerow", "recipient", "message")


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of PostgreSQL per delivered message: microseconds of CPU by whose work it was, and transactions of all."""

    workers: float
    others: float
    own: float
    transactions: float
    active: int  # looks that found a statement of a worker under way
    waits: Counter[str]  # what they saw it wait for: locks and latches, by PostgreSQL's names

    @property
    def all(self) -> float:
        """Microseconds of the whole server."""
        return self.workers + self.others + self.own


class _Server:
    """What the server's processes have used, by whose connection it was, in seconds."""

    def __init__(self, place: Installation) -> None:
        self._place = place
        self._names: dict[int, str] = {}
        self._used: dict[int, float] = {}

        self.active = self.looks = 0
        self.waits: Counter[str] = Counter()

    def watch(self, seconds: float) -> None:
        """Look again and again at what the workers' statements wait for."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            rows = self._place.database.execute(
                "SELECT CASE WHEN wait_event_type IN ('Lock', 'LWLock') THEN wait_event END"
                " FROM pg_stat_activity WHERE state = 'active' AND application_name LIKE ANY(%s)",
                [[f"{name}%" for name in WORKERS]],
            ).fetchall()
            self.looks += 1
            self.active += len(rows)
            self.waits.update(row[0] for row in rows if row[0])
            time.sleep(LOOK)

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
        spent = {"workers": 0.0, "others": 0.0, "bench": 0.0}
        for pid, used in self._used.items():
            spent[_whose(self._names[pid])] += used
        spent["all"] = self._place.meter.read()["PostgreSQL"]
        found = self._place.database.execute(
            "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
        return {**spent, "transactions": float(found[0]) if found else 0.0}


def _whose(name: str) -> str:
    if name.startswith(WORKERS):
        return "workers"
    return "others" if name.startswith("postino ") else "bench"


def _two_sources(place: Installation) -> None:
    """The account's pool has an IP of each host."""
    database, (_, account) = place.database, stream_and_account(place)
    database.execute(
        "UPDATE domains_egresssource SET address = %s, host = 'a' WHERE account_id = %s",
        [HOSTS["a"], account],
    )
    found = database.execute(
        "SELECT string_agg(quote_ident(column_name), ',') FROM information_schema.columns"
        " WHERE table_name = 'domains_egresssource' AND is_generated = 'NEVER'"
        " AND column_name NOT IN ('id', 'address', 'host')"
    ).fetchone()
    columns = found[0] if found else ""
    database.execute(
        f"WITH b AS (INSERT INTO domains_egresssource (address, host, {columns})"
        f" SELECT %s, 'b', {columns} FROM domains_egresssource WHERE address = %s RETURNING id)"
        " INSERT INTO domains_poolmember (pool_id, source_id, owner, weight)"
        " SELECT m.pool_id, b.id, m.owner, m.weight FROM b, domains_poolmember m"
        " JOIN domains_egresssource a ON a.id = m.source_id WHERE a.address = %s",
        [HOSTS["b"], HOSTS["a"], HOSTS["a"]],
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
            server.watch(1.0)
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
        cost = _Cost(
            workers=per["workers"],
            others=per["others"],
            own=per["all"] - per["workers"] - per["others"] - per["bench"],
            transactions=per["transactions"] / 1e6 - server.looks / count,
            active=server.active,
            waits=server.waits,
        )
        return cost, count / took, {str(row[0]): int(row[1]) for row in rows}
    finally:
        if second is not None:
            second.close()


def measure(count: int, runs: int) -> float:
    """How much of their statements' time the delivery workers of two groups wait for each other, in per cent.

    Raises Broken where the mail does not leave, Unbalanced where not all of it arrived once.
    """
    found: dict[int, list[_Cost]] = {1: [], 2: []}
    print(f"2. whole groups: {count:,} messages each, {runs} runs of one group and of two, in turn")
    print(f"   µs of PostgreSQL a message; load average {os.getloadavg()[0]:.1f} at the start")
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
                    f"   run {number + 1}, {_named(size)}: {_told(cost)}; {rate:.0f}/s; {shares}",
                    flush=True,
                )
    return {size: _summed(size, costs) for size, costs in found.items()}[2]


def _summed(size: int, costs: list[_Cost]) -> float:
    """Print what this many groups cost; the share of their statements that waited for each other, in per cent."""
    whole = statistics.median(each.all for each in costs)
    workers = statistics.median(each.workers for each in costs)
    transactions = statistics.median(each.transactions for each in costs)
    active = sum(each.active for each in costs)
    waits = sum((each.waits for each in costs), Counter[str]())
    share = 100 * (waits.total() - waits[LOG]) / max(1, active)
    print(
        f"   {_named(size)}, medians: {whole:.0f} µs a message, the workers' {workers:.0f}; {transactions:.2f} transactions"
        f" a message; of {active} statements seen under way {share:.1f} % waited for each other ({_waits(waits)})"
    )
    return share


def _named(size: int) -> str:
    return f"{size} group{'s' * (size > 1)}"


def _waits(waits: Counter[str]) -> str:
    return ", ".join(f"{name} {times}" for name, times in waits.most_common()) or "no wait"


def _told(cost: _Cost) -> str:
    return (
        f"workers {cost.workers:.0f}, other clients {cost.others:.0f}, its own {cost.own:.0f}, all {cost.all:.0f};"
        f" {cost.transactions:.2f} transactions; of {cost.active} statements: {_waits(cost.waits)}"
    )
