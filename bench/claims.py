"""`python -m bench.claims`: what claim and finish cost at 100,000 and at 5 million queued rows.

A PostgreSQL of its own, durable, with a database for each size; one stream holds 60 % of the rows and 200 others
share the rest, over two lanes. Each round claims as one engine does and writes the outcomes as one flush does. The
databases take turns round by round, so that whatever else the machine does hits them alike; the server's CPU is that of
the process which serves the connection, in nanoseconds, from /proc.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import django
import psycopg

from config.stack.postgres import EmbeddedPostgres
from config.stack.servers import DATABASE

if TYPE_CHECKING:
    from bench.claiming import Spent

ROOT = Path(__file__).parents[1]
SIZES = (100_000, 5_000_000)
ROUNDS = 200  # each takes two rows of a small stream, which has 500 at the smaller size
LIMIT = 20  # per cent that the largest may cost more than the smallest
_STREAMS = 200
_PER_MESSAGE = (
    50  # recipients that share a message and its body, so that 5 million fit a small disk
)

# Ids in the order of time, as ours are: a millisecond each, ending now
_ID = """encode(int8send(({now} - {rows} + i) << 16 | {kind}) || int8send(i), 'hex')::uuid"""


def identifiers(rows: int, kind: int) -> str:
    """SQL for the id of row `i` of so many: in the order of time, as ours are, ending now."""
    return _ID.format(now=int(time.time() * 1000), rows=rows, kind=kind)


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


def table(found: "Mapping[int, Sequence[Spent]]") -> str:
    """Medians, in milliseconds per 80 rows, and what the largest costs against the smallest."""
    lines = ["ms per 80 rows (median)      claim   finish    both     p95   server's CPU"]
    walls: list[float] = []
    cpus: list[float] = []
    for size, spent in found.items():
        both = sorted(one.claim + one.finish for one in spent)
        claim = statistics.median(one.claim for one in spent)
        finish = statistics.median(one.finish for one in spent)
        walls.append(statistics.median(both))
        cpus.append(statistics.median(one.cpu for one in spent))
        p95 = both[int(len(both) * 0.95)]
        figures = f"{claim:>10.2f} {finish:>8.2f} {walls[-1]:>7.2f} {p95:>7.2f} {cpus[-1]:>10.2f}"
        lines.append(f"  {size:>12,} queued {figures}")
    if len(walls) > 1:
        wall, cpu = (100 * (few[-1] / few[0] - 1) for few in (walls, cpus))
        lines.append(
            f"  the largest against the smallest: {wall:+.0f} %, the server's CPU {cpu:+.0f} %"
        )
        fine = max(wall, cpu) <= LIMIT
        lines.append(f"  {'within' if fine else 'BEYOND'} the limit of {LIMIT} %")
    return "\n".join(lines)


@contextmanager
def migrated(made: Path | None = None) -> Iterator[EmbeddedPostgres]:
    """A server with a database of our tables, which those that are measured begin from; gone in the end.

    `made`: the folder of one that has it already, which is used up.
    """
    with tempfile.TemporaryDirectory(prefix="postino-claims-") as folder:
        Path(folder).chmod(0o755)  # root's PostgreSQL has a uid of its own
        server = EmbeddedPostgres(made or Path(folder) / "data")
        server.start()
        try:
            if made is None:
                server.create_database(DATABASE)
                environment = {**os.environ, "DATABASE_URL": server.dsn(DATABASE)}
                migrate = [sys.executable, "-W", "ignore", "manage.py", "migrate", "-v", "0"]
                subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
            yield server
        finally:
            server.destroy()


def prepare(server: EmbeddedPostgres, name: str, rows: int) -> None:
    """A database with our tables, and so many rows queued in it."""
    with psycopg.connect(server.dsn(), autocommit=True) as database:
        database.execute(f"CREATE DATABASE {name} TEMPLATE {DATABASE}")  # our own names
    with psycopg.connect(server.dsn(name), autocommit=True) as database:
        fill(database, rows)


def run(sizes: Sequence[int], rounds: int, made: Path | None) -> "dict[int, list[Spent]]":
    """Start a server, fill a database of it to each size, measure them in turn.

    `made`: the folder of one whose database is migrated, which is removed in the end.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from bench import claiming

    with migrated(made) as server:
        for size in sizes:
            prepare(server, f"{DATABASE}_{size}", size)
            print(f"{size:,} rows queued", flush=True)
        dsns = {size: server.dsn(f"{DATABASE}_{size}") for size in sizes}
        return asyncio.run(claiming.measure(dsns, rounds))


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.claims", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--migrated", type=Path, help="a DATA_DIR to begin from, which is used up")
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f} at the start")
    print(table(run(asked.sizes, asked.rounds, asked.migrated)))


if __name__ == "__main__":
    main()
