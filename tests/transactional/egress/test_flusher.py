"""Markers and outcomes that meet another's locks: nobody hears of it, and nothing is late."""

import asyncio
from typing import Any

import psycopg
import pytest
from django.db import connection as other
from django.db import transaction

from tests.transactional.queue.rows import queue, streams
from tokens.models import Account
from transactional import lifecycle
from transactional import queue as rows
from transactional.egress.engine import connect
from transactional.egress.flusher import Flusher
from transactional.models import Lane, QueueRow
from transactional.queue import Claimer, Job

pytestmark = pytest.mark.django_db(transaction=True)


async def claimed(limit: int) -> list[Job]:
    async with await connect() as connection:
        return list((await Claimer((Lane.NORMAL,)).claim(connection, limit=limit)).jobs)


def test_a_marker_that_met_a_deadlock_is_written_all_the_same(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stream,) = streams(account, 1)
    queue(account, stream, 3)
    real, tried = lifecycle.flush, []

    async def flush(connection: Any, **batch: Any) -> Any:
        tried.append(len(batch["marks"]))
        if len(tried) == 1:
            raise psycopg.errors.DeadlockDetected("deadlock detected")
        return await real(connection, **batch)

    monkeypatch.setattr(lifecycle, "flush", flush)

    async def work() -> list[bool]:
        jobs = await claimed(3)
        flusher = Flusher(connect, busy=lambda: 10)
        running = asyncio.create_task(flusher.run())
        said = await asyncio.gather(*(flusher.mark(job, beyond=job is jobs[0]) for job in jobs))
        flusher.stop()
        await running
        return list(said)

    assert asyncio.run(work()) == [True] * 3
    assert tried == [3, 3]
    assert QueueRow.objects.exclude(dot_at=None).count() == 3
    assert QueueRow.objects.filter(beyond=True).count() == 1


def test_leases_are_renewed_beside_a_row_that_is_being_written(account: Account) -> None:
    (stream,) = streams(account, 1)
    queue(account, stream, 3)
    jobs = asyncio.run(claimed(3))
    values = {"ids": [job.id for job in jobs], "leases": [jobs[0].lease], "seconds": 500.0}

    async def renew() -> set[Any]:
        async with await connect() as connection:
            await connection.execute("SET lock_timeout = '5 s'")
            done = await connection.execute(rows.RENEW, values)
            return {row[0] for row in await done.fetchall()}

    with transaction.atomic(), other.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM transactional_queuerow WHERE id = %s FOR UPDATE", [jobs[1].id]
        )
        assert asyncio.run(renew()) == {jobs[0].id, jobs[2].id}
    assert asyncio.run(renew()) == {job.id for job in jobs}
