"""Claiming and finishing as an engine does, with what each round costs the database server.

Imported only once Django is set up.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from django.utils import timezone

from bench.cpu import processor_ms
from config.ids import uuid7
from transactional import lifecycle, queue
from transactional.egress.engine import BY_KEY
from transactional.models import Lane

ROOM = 80  # what an engine of 40 sessions asks for
LANES = (Lane.URGENT, Lane.NORMAL, Lane.BULK)
_WARM = 20  # rounds before the first that counts: statements are prepared


@dataclass(frozen=True, slots=True)
class Spent:
    """Milliseconds per ROOM rows of one round; `cpu` is that of the connection's server process."""

    claim: float
    finish: float
    cpu: float


class Engine:
    """One connection that claims and finishes, and what its server process has used."""

    def __init__(self, connection: "psycopg.AsyncConnection[Any]", claimer: queue.Claimer) -> None:
        self.connection = connection
        self.claimer = claimer
        self.pid = connection.info.backend_pid
        self.finished = 0

    def _cpu(self) -> float:
        used = processor_ms(self.pid)
        if used is None:
            sys.exit("the connection's server process is gone")
        return used

    async def round(self, room: int) -> Spent | None:
        """Claim so many rows, write their outcomes; None where nothing was due."""
        used, began = self._cpu(), time.perf_counter()
        jobs = (await self.claimer.claim(self.connection, limit=room)).jobs
        claimed = time.perf_counter()
        outcomes = [_delivered(job) for job in jobs]
        written = time.perf_counter()
        _, kept = await lifecycle.flush(self.connection, marks=(), outcomes=outcomes)
        finished = time.perf_counter()
        if len(kept) != len(jobs) or len({job.id for job in jobs}) != len(jobs):
            sys.exit("the books do not balance")
        self.finished += len(jobs)
        if not jobs:
            return None
        per = ROOM / len(jobs)
        return Spent(
            1000 * per * (claimed - began),
            1000 * per * (finished - written),
            per * (self._cpu() - used),
        )


async def connected(dsn: str) -> "Engine":
    """An engine's connection, and its claimer."""
    connection = await psycopg.AsyncConnection.connect(
        dsn, options=BY_KEY, autocommit=True, prepare_threshold=3
    )
    return Engine(connection, queue.Claimer(LANES))


async def measure(
    dsns: Mapping[int, str], rounds: int, *, room: int = ROOM
) -> dict[int, list[Spent]]:
    """Claim and finish this many times in each database, as an engine does.

    Round by round in turn, so that whatever else the machine does hits all of them alike.
    """
    engines = {size: await connected(dsn) for size, dsn in dsns.items()}
    spent: dict[int, list[Spent]] = {size: [] for size in dsns}
    try:
        for number in range(_WARM + rounds):
            for size, engine in engines.items():
                one = await engine.round(room)
                if number >= _WARM and one is not None:
                    spent[size].append(one)
    finally:
        for engine in engines.values():
            await engine.connection.close()
    return spent


def _delivered(job: queue.Job) -> lifecycle.Outcome:
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
    return lifecycle.Outcome(
        job=job, status="delivered", at=now, attempts=1, reply=tried.reply, tries=(tried,)
    )
