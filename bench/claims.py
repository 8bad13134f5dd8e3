"""`python -m bench.claims`: what claim and finish cost at 100,000 and at 5 million queued rows.

A PostgreSQL of its own, durable, with a database for each size, measured in turn; one stream holds 60 % of the
rows and 200 others share the rest, over two lanes. Each round claims as one engine does and writes the outcomes
as one flush does.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import django
import psycopg

from config.stack.postgres import EmbeddedPostgres
from config.stack.servers import DATABASE

ROOT = Path(__file__).parents[1]
SIZES = (100_000, 5_000_000)
ROUNDS = 300
ROOM = 80  # what an engine of 40 sessions asks for
_TURNS = 3  # each size is measured so many times, interleaved: the machine is noisy
_WARM = 20  # rounds before the first that counts: statements are prepared
_STREAMS = 200
_PER_MESSAGE = (
    50  # recipients that share a message and its body, so that 5 million fit a small disk
)

# Ids in the order of time, as ours are: a millisecond each, ending now
_ID = """encode(int8send(({now} - {rows} + i) << 16 | {kind}) || int8send(i), 'hex')::uuid"""


def identifiers(rows: int, kind: int) -> str:
    """SQL for the id of row `i` of so many: in the order of time, as ours are, ending now."""
    return _ID.format(now=int(time.time() * 1000), rows=rows, kind=kind)


@dataclass(frozen=True, slots=True)
class Spent:
    """Milliseconds of one round; `cpu` is the database server's, as far as it can be told apart."""

    claim: float
    finish: float
    cpu: float


def fill(database: "psycopg.Connection[tuple[object, ...]]", rows: int) -> None:
    """Empty the queue and the log, then queue this many recipients."""
    tables = ("queuerow", "recipient", "message", "body", "event", "deliveryattempt")
    for table in tables:
        database.execute(f"TRUNCATE transactional_{table}")  # our own names
    facts = {"now": int(time.time() * 1000), "rows": rows}
    recipient = _ID.format(**facts, kind=1)
    message = _ID.format(**facts, kind=2)
    of = message.replace("+ i)", f"+ i - i %% {_PER_MESSAGE})").replace(
        "int8send(i)", f"int8send(i - i %% {_PER_MESSAGE})"
    )
    some = f"generate_series(0, %s::bigint - 1, {_PER_MESSAGE}) AS i"
    every = "generate_series(0, %s::bigint - 1) AS i"
    database.execute(
        "INSERT INTO transactional_message (id, account_id, kind, source, credential, from_address,"
        " from_domain, subject, message_id, size, refusal, refusal_text, created_at)"
        f" SELECT {message}, 1, 'transactional', 'api', 'api:1', 'a@b.example', 'b.example',"
        f" 'Receipt', i || '@b.example', 900, '', '', now() FROM {some}",
        [rows],
    )
    database.execute(
        "INSERT INTO transactional_body (id, raw)"
        f" SELECT {message}, convert_to(repeat('x', 900), 'UTF8') FROM {some}",
        [rows],
    )
    database.execute(
        "INSERT INTO transactional_recipient (id, message_id, account_id, address, kind, status,"
        " status_at, attempts, reply)"
        f" SELECT {recipient}, {of}, 1, 'u' || i || '@d.example', 'to', 'queued', now(), 0, ''"
        f" FROM {every}",
        [rows],
    )
    database.execute(
        "INSERT INTO transactional_queuerow (id, message_id, account_id, stream_id, lane, domain,"
        " attempt, due_at, deliver_by, resent)"
        f" SELECT {recipient}, {of}, 1, CASE WHEN i %% 10 < 6 THEN 1 ELSE 2 + i %% {_STREAMS} END,"
        " 1 + i %% 2, 'd' || i %% 5000 || '.example', 0,"
        " now() + make_interval(secs => CASE WHEN i %% 10 = 9 THEN 3600 ELSE -60 END),"
        f" now() + interval '3 days', false FROM {every}",
        [rows],
    )
    database.execute("VACUUM ANALYZE")
    database.execute("CHECKPOINT")


def _cpu(pid: int) -> float:
    """Milliseconds of processor time a process of this machine has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


async def measure(dsn: str, rounds: int, *, room: int = ROOM) -> list[Spent]:
    """Claim and finish this many times over one connection, as an engine does."""
    from django.utils import timezone

    from config.ids import uuid7
    from transactional import lifecycle, queue
    from transactional.egress.engine import BY_KEY
    from transactional.models import Lane

    spent: list[Spent] = []
    claimer = queue.Claimer((Lane.URGENT, Lane.NORMAL, Lane.BULK))
    connecting = psycopg.AsyncConnection.connect(
        dsn, options=BY_KEY, autocommit=True, prepare_threshold=3
    )
    async with await connecting as connection:
        pid = connection.info.backend_pid
        for number in range(_WARM + rounds):
            if number == _WARM:
                used = _cpu(pid)
            began = time.perf_counter()
            jobs = (await claimer.claim(connection, limit=room)).jobs
            claimed = time.perf_counter()
            now = timezone.now()
            tried = lifecycle.Attempt(
                id=uuid7(),
                at=now,
                duration_ms=5,
                source_address="127.0.0.1",
                host="mx.d.example",
                address="127.0.0.1:25",
                tls="TLSv1.3 TLS_AES_256_GCM_SHA384",
                stage="dot",
                code=250,
                reply="250 2.0.0 kept",
                transcript="",
            )
            outcomes = [
                lifecycle.Outcome(
                    job=job,
                    status="delivered",
                    at=now,
                    attempts=1,
                    reply=tried.reply,
                    tries=(lifecycle.Attempt(**{**_fields(tried), "id": uuid7()}),),
                )
                for job in jobs
            ]
            written = time.perf_counter()
            _, kept = await lifecycle.flush(connection, marks=(), outcomes=outcomes)
            finished = time.perf_counter()
            if len(kept) != len(jobs) or (jobs and len({job.id for job in jobs}) != len(jobs)):
                sys.exit("the books do not balance")
            if number >= _WARM and jobs:
                per = 1000 * 80 / len(jobs)
                spent.append(Spent((claimed - began) * per, (finished - written) * per, len(jobs)))
        each = (_cpu(pid) - used) * 80 / sum(one.cpu for one in spent)
    return [Spent(one.claim, one.finish, each) for one in spent]


def _fields(one: object) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}  # type: ignore[attr-defined]


def table(found: dict[int, list[Spent]]) -> str:
    """Medians, in milliseconds per 80 rows, and what the largest costs against the smallest."""
    lines = ["ms per 80 rows (median)      claim   finish    both     p95   server's CPU"]
    sums: list[float] = []
    for size, spent in found.items():
        both = sorted(one.claim + one.finish for one in spent)
        claim = statistics.median(one.claim for one in spent)
        finish = statistics.median(one.finish for one in spent)
        sums.append(statistics.median(both))
        p95 = both[int(len(both) * 0.95)]
        cpu = statistics.mean(one.cpu for one in spent)
        figures = f"{claim:>10.2f} {finish:>8.2f} {sums[-1]:>7.2f} {p95:>7.2f} {cpu:>10.2f}"
        lines.append(f"  {size:>12,} queued {figures}")
    if len(sums) > 1:
        lines.append(f"  the largest against the smallest: {100 * (sums[-1] / sums[0] - 1):+.0f} %")
    return "\n".join(lines)


def _prepare(server: EmbeddedPostgres, name: str, rows: int) -> None:
    """A database with our tables, and so many rows queued in it."""
    server.create_database(name)
    environment = {**os.environ, "DATABASE_URL": server.dsn(name)}
    migrate = [sys.executable, "-W", "ignore", "manage.py", "migrate", "-v", "0"]
    subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
    with psycopg.connect(server.dsn(name), autocommit=True) as database:
        fill(database, rows)


def run(sizes: Sequence[int], rounds: int) -> dict[int, list[Spent]]:
    """Start a server, fill a database of it to each size, measure them in turn."""
    with tempfile.TemporaryDirectory(prefix="postino-claims-") as folder:
        Path(folder).chmod(0o755)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        django.setup()
        server = EmbeddedPostgres(Path(folder) / "data")
        server.start()
        try:
            for size in sizes:
                _prepare(server, f"{DATABASE}_{size}", size)
                print(f"{size:,} rows queued", flush=True)
            found: dict[int, list[Spent]] = {size: [] for size in sizes}
            for _ in range(_TURNS):
                for size in sizes:
                    dsn = server.dsn(f"{DATABASE}_{size}")
                    found[size] += asyncio.run(measure(dsn, rounds // _TURNS))
            return found
        finally:
            server.destroy()


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.claims", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f} at the start")
    print(table(run(asked.sizes, asked.rounds)))


if __name__ == "__main__":
    main()
