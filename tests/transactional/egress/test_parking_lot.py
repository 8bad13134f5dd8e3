"""The engine's parking lot: what could not be written at once."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from tests.transactional.queue.rows import queue, streams
from tokens.models import Account
from transactional.egress import parking
from transactional.egress.cell import Closed
from transactional.egress.engine import connect
from transactional.egress.parking import ParkingLot, Refused
from transactional.egress.shaping import Gate
from transactional.models import Lane, QueueRow
from transactional.queue import Claimer
from transactional.queue import parking as rows

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_met_a_deadlock_is_parked_all_the_same(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stream,) = streams(account, 1)
    queue(account, stream, 3)
    tried = []

    async def park(connection: Any, parked: Sequence[rows.Parked]) -> None:
        tried.append(len(parked))
        if len(tried) == 1:
            raise psycopg.errors.DeadlockDetected("deadlock detected")
        await rows.park(connection, parked)

    monkeypatch.setattr(parking, "rows", SimpleNamespace(park=park, spread=rows.spread))

    async def work() -> None:
        async with await connect() as connection:
            jobs = (await Claimer((Lane.NORMAL,)).claim(connection, limit=3)).jobs
        lot = ParkingLot(connect, scale=1.0)
        running = asyncio.create_task(lot.run())
        refused = [
            Refused(job, Closed("rate", 60.0), "a.example", Gate(most=5), 0.0) for job in jobs
        ]
        await asyncio.gather(*(lot.park(one) for one in refused))
        lot.stop()
        await running

    asyncio.run(work())
    assert tried == [3, 3]
    assert QueueRow.objects.filter(lease=None, parked="rate a.example").count() == 3
