"""Parked rows: back in the queue under their lease alone, spread in time, never past a deadline."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.transactional.queue.rows import queue, streams
from tokens.models import Account
from transactional.egress.engine import connect
from transactional.models import Lane, QueueRow
from transactional.queue import Claimer
from transactional.queue.parking import Backlog, Parked, park, spread

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_parked_row_is_free_again_when_its_time_has_come(account: Account) -> None:
    (stream,) = streams(account, 1)
    queue(account, stream, 3)

    async def work() -> int:
        async with await connect() as connection:
            claimer = Claimer((Lane.NORMAL,))
            jobs = (await claimer.claim(connection, limit=3)).jobs
            lost = replace(jobs[2], lease=jobs[2].id)
            waits = [Parked(jobs[0], 0.0, "rate a"), Parked(jobs[1], 7200.0, "rate a")]
            await park(connection, [*waits, Parked(lost, 0.0, "rate a")])
            again = (await claimer.claim(connection, limit=3)).jobs
            assert [(job.id, job.parked, job.attempt) for job in again] == [
                (jobs[0].id, "rate a", 0)
            ]
            return len(again)

    assert asyncio.run(work()) == 1
    # a wait that would pass the deadline ends halfway there: another way may still be taken
    row = QueueRow.objects.get(lease=None)
    left = row.deliver_by - timezone.now()
    assert left / 3 < row.deliver_by - row.due_at < left * 2 / 3
    assert QueueRow.objects.filter(lease__isnull=False).count() == 2  # claimed again; not ours


def test_a_backlog_is_spread_over_the_time_it_needs(account: Account) -> None:
    mine, other = streams(account, 2)
    queue(account, mine, 100, domain="a.example", due=-300)
    queue(account, mine, 5, domain="b.example")
    queue(account, mine, 5, domain="a.example", lane=Lane.URGENT)
    queue(account, mine, 5, domain="a.example", held=True)
    queue(account, other, 5, domain="a.example")
    backlog = Backlog(
        lane=Lane.NORMAL,
        stream_id=mine,
        domains=("a.example", "c.example"),
        wait=30.0,
        spacing=1.0,
        horizon=60.0,
        why="rate a.example",
    )
    now = timezone.now()

    async def work() -> int:
        async with await connect() as connection:
            return await spread(connection, backlog)

    assert asyncio.run(work()) == 100
    rows = QueueRow.objects.filter(stream_id=mine, lane=Lane.NORMAL, domain="a.example", lease=None)
    waits = [(row.due_at - now).total_seconds() for row in rows.order_by("id")]
    assert waits[:60] == sorted(waits[:60])  # the oldest first, one a second
    assert waits[59] - waits[0] == pytest.approx(59, abs=0.1)
    assert all(30 + 30 <= wait <= 30 + 62 for wait in waits[60:])
    untouched = QueueRow.objects.filter(parked=None, due_at__lte=timezone.now())
    assert untouched.count() == 20
    assert rows.filter(due_at__gt=now + timedelta(seconds=20)).count() == 100
