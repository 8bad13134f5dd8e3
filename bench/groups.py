"""`python -m bench.groups`: two groups of delivery workers on one PostgreSQL, against one alone.

Two cores cannot show twice the throughput, so what is measured is what one group costs more because another is
there, while the machine has time to spare:

1. **Statements.** A process claims and finishes 80 rows as an engine does, then pauses THINK seconds, over and over.
   By turns of WINDOW seconds it is alone; or another process does the same on a database of its own, which takes as much
   of the processors and of the log; or the other one works on the same queue. What the last costs more than the second is
   contention for the queue; what the second costs more than the first is the machine. Time is the claimer's, CPU that of
   its server process in nanoseconds; meanwhile a third connection samples who waits for a row or a latch. Books: what both
   say they finished is what has left the queues.
2. **Groups.** Whole installations, in `group_hosts.py`.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import psycopg

from bench import group_hosts
from bench.claims import ROOT, migrated, prepare
from bench.installation import Broken

if TYPE_CHECKING:
    from bench.claiming import Spent

LIMIT = 10  # per cent
THINK = 0.08  # seconds between two rounds of a claimer
WINDOW = 4.0  # seconds
WINDOWS = 12  # a multiple of the three kinds
KINDS = ("alone", "beside one elsewhere", "beside one on the queue")
ROWS = 100_000


async def _claimer(dsns: Sequence[str], begin: float, windows: int) -> dict[str, Any]:
    """Rounds by window, as [claim, finish, cpu], each on the queue of its kind; "": none."""
    from bench.claiming import Engine, connected

    engines: list[Engine | None] = [await connected(dsn) if dsn else None for dsn in dsns]
    for engine in filter(None, engines):
        for _ in range(20):
            await engine.round(4)  # statements are prepared
    rounds: list[list[list[float]]] = [[] for _ in range(windows)]
    while (now := time.time()) < begin + windows * WINDOW:
        window = int((now - begin) // WINDOW)
        own = engines[window % len(KINDS)] if now >= begin else None
        if own is None:
            await asyncio.sleep(0.005)
            continue
        spent: Spent | None = await own.round(80)
        if spent is None:
            raise Broken("the queue ran dry")
        rounds[window].append([spent.claim, spent.finish, spent.cpu])
        await asyncio.sleep(THINK)
    finished = sum(engine.finished for engine in filter(None, engines))
    for engine in filter(None, engines):
        await engine.connection.close()
    return {"rounds": rounds, "finished": finished}


def _claim_process(begin: float, windows: int, *dsns: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "bench.groups", "--windows", str(windows)]
    command += ["--claim", str(begin), *dsns]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def statements(windows: int, rows: int, made: Path | None) -> bool:
    """Measure the first part; whether it is within the limit. `made`: as for `claims.migrated`."""
    with migrated(made) as server:
        for name in ("one", "other"):
            prepare(server, name, rows)
        one, other = server.dsn("one"), server.dsn("other")
        begin = time.time() + 6
        children = [
            _claim_process(begin, windows, one, one, one),
            _claim_process(begin, windows, "", other, one),
        ]
        waits = _sample(one, begin, windows)
        told = [json.loads(child.communicate()[0]) for child in children]
        left = sum(_left(dsn) for dsn in (one, other))
    if 2 * rows - left != sum(each["finished"] for each in told):
        sys.exit("the books do not balance")
    print("1. claim and finish of 80 rows, medians in ms")
    print("                           rounds   claim   finish    both   server's CPU")
    found: list[tuple[float, float]] = []
    for kind, name in enumerate(KINDS):
        rounds = [each for window in told[0]["rounds"][kind :: len(KINDS)] for each in window]
        claim, finish = (statistics.median(each[n] for each in rounds) for n in (0, 1))
        wall = statistics.median(each[0] + each[1] for each in rounds)
        cpu = statistics.median(each[2] for each in rounds)
        found.append((wall, cpu))
        print(
            f"   {name:<23}{len(rounds):>7} {claim:>8.2f} {finish:>8.2f} {wall:>7.2f} {cpu:>14.2f}"
        )
    time_grown = 100 * (found[2][0] / found[1][0] - 1)
    cpu_grown = 100 * (found[2][1] / found[0][1] - 1)
    print(f"   the machine: {100 * (found[1][0] / found[0][0] - 1):+.1f} % in time")
    print(
        f"   the queue: {time_grown:+.1f} % in time, {cpu_grown:+.1f} % in the server's CPU; {waits}"
    )
    return _verdict(max(time_grown, cpu_grown))


def _left(dsn: str) -> int:
    with psycopg.connect(dsn) as database:
        found = database.execute("SELECT count(*) FROM transactional_queuerow").fetchone()
        return int(found[0]) if found else 0


def _sample(dsn: str, begin: float, windows: int) -> str:
    """How often somebody waited while both were at work on the same queue."""
    seen: Counter[str] = Counter()
    samples = 0
    with psycopg.connect(dsn, autocommit=True) as database:
        while (now := time.time()) < begin + windows * WINDOW:
            time.sleep(0.02)
            if now < begin or int((now - begin) // WINDOW) % len(KINDS) != len(KINDS) - 1:
                continue
            samples += 1
            waiting = database.execute(
                "SELECT wait_event_type FROM pg_stat_activity WHERE datname = current_database()"
                " AND state = 'active' AND wait_event_type IN ('Lock', 'LWLock')"
            ).fetchall()
            seen.update(row[0] for row in waiting)
    return f"of {samples} looks {seen['Lock']} saw a wait for a row, {seen['LWLock']} for a latch"


def _verdict(grown: float) -> bool:
    fine = grown <= LIMIT
    print(f"   {'within' if fine else 'BEYOND'} the limit of {LIMIT} %", flush=True)
    return fine


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.groups", description=__doc__)
    parser.add_argument(
        "--count", type=int, default=group_hosts.COUNT, help="messages of a group in one run"
    )
    parser.add_argument("--runs", type=int, default=group_hosts.RUNS)
    parser.add_argument("--windows", type=int, default=WINDOWS)
    parser.add_argument("--part", type=int, nargs="+", default=[1, 2], help="1, 2 or both")
    parser.add_argument("--rows", type=int, default=ROWS, help="in each queue of part 1")
    parser.add_argument("--migrated", type=Path, help="a DATA_DIR to begin from, which is used up")
    parser.add_argument("--claim", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if asked.claim:
        django.setup()
        begin, dsns = float(asked.claim[0]), asked.claim[1:]
        print(json.dumps(asyncio.run(_claimer(dsns, begin, asked.windows))))
        return
    print(f"{os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f} at the start")
    fine = []
    if 1 in asked.part:
        fine.append(statements(asked.windows, asked.rows, asked.migrated))
    if 2 in asked.part:
        fine.append(_verdict(group_hosts.measure(asked.count, asked.runs)))
    print("claim contention of two groups: " + ("within the limit" if all(fine) else "BEYOND it"))


if __name__ == "__main__":
    main()
