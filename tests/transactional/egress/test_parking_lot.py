"""The engine's parking lot: what could not be written at once."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from tests.transactional.queue.rows import queue, streams
from tokens.models import Account
from transactional.egress import parking
from transactional.egress.cell import Closed
from transactional.egress.engine import connect
from transactional.egress.parking import ParkingLot, Refused
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
        refused = [Refused(job, Closed("rate", 60.0), "a.example") for job in jobs]
        await asyncio.gather(*(lot.park(one) for one in refused))
        lot.stop()
        await running

    asyncio.run(work())
    assert tried == [3, 3]
    assert QueueRow.objects.filter(lease=None, parked="rate a.example").count() == 3


def test_what_was_spread_over_minutes_comes_as_soon_as_its_site_turns_out_to_have_room(
    account: Account,
) -> None:
    """A slow minute set a pace of one in six seconds; the site takes a hundred a second."""
    (stream,) = streams(account, 1)
    queue(account, stream, 300)
    ids = list(QueueRow.objects.order_by("id").values_list("id", flat=True))
    now = timezone.now()
    for number, row in enumerate(ids):
        due = now + timedelta(seconds=6 * number)
        why = "site_busy a.example" if number < 290 else "rate a.example"
        QueueRow.objects.filter(pk=row).update(due_at=due, parked=why)
    was = dict(QueueRow.objects.values_list("id", "due_at"))

    async def work() -> int:
        async with await connect() as connection:
            claimer = Claimer((Lane.NORMAL,))
            lot = ParkingLot(connect, scale=0.05)
            running = asyncio.create_task(lot.run())
            carried, limit = 0, asyncio.get_running_loop().time() + 60
            while carried < 290 and asyncio.get_running_loop().time() < limit:
                for job in (await claimer.claim(connection, limit=50)).jobs:
                    carried += 1
                    lot.has_room(job, 100.0)
                await asyncio.sleep(0.05)
            lot.stop()
            await running
            return carried

    assert asyncio.run(work()) == 290
    left = {row.pk: row for row in QueueRow.objects.filter(lease=None)}
    assert {row.parked for row in left.values()} == {"rate a.example"}
    assert all(row.due_at == was[pk] for pk, row in left.items())  # its pace is its receiver's


def test_rows_are_brought_nearer_in_their_order_and_none_is_put_off(account: Account) -> None:
    (stream,) = streams(account, 1)
    queue(account, stream, 6)
    ids = list(QueueRow.objects.order_by("id").values_list("id", flat=True))
    now = timezone.now()
    for number, row in enumerate(ids):
        QueueRow.objects.filter(pk=row).update(
            due_at=now + timedelta(seconds=2 + 60 * number), parked="connections b.example"
        )

    async def work() -> None:
        async with await connect() as connection:
            wanted = [rows.Nearer("connections b.example", 10.0, 4)]
            await rows.bring_nearer(connection, int(Lane.NORMAL), stream, wanted)

    asyncio.run(work())
    seconds = [
        (due - now).total_seconds()
        for due in QueueRow.objects.order_by("id").values_list("due_at", flat=True)
    ]
    assert seconds[0] == 2  # sooner than its new place
    assert [round(one, -1) for one in seconds[1:4]] == [20, 30, 40]
    assert seconds[4:] == [242, 302]


def test_the_oldest_is_brought_nearest_whatever_it_was_parked_for_last(account: Account) -> None:
    (stream,) = streams(account, 1)
    queue(account, stream, 40)
    ids = list(QueueRow.objects.order_by("id").values_list("id", flat=True))
    now = timezone.now()
    for number, row in enumerate(ids):  # the oldest last
        due = now + timedelta(seconds=400 - 10 * number)
        QueueRow.objects.filter(pk=row).update(due_at=due, parked="site_busy a.example")

    async def work() -> None:
        async with await connect() as connection:
            wanted = [rows.Nearer("site_busy a.example", 0.1, 20)]
            await rows.bring_nearer(connection, int(Lane.NORMAL), stream, wanted)

    asyncio.run(work())
    order = list(QueueRow.objects.order_by("due_at").values_list("id", flat=True))
    assert order == [*ids[:20], *reversed(ids[20:])]
