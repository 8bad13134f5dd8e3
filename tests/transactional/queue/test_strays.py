"""Deadlines that a transaction wrote which was open while the clock was set: seen, and put right."""

import asyncio
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from config.database import parameters
from config.ids import uuid7
from config.steady import boot, steady_seconds
from tests.cast import Cast
from tests.transactional.egress.test_engine import token
from tests.transactional.queue.rows import queue as queue_rows
from tests.transactional.test_clock import HOUR, NEAR, is_near, jump
from tokens.models import Account
from transactional import clock, queue
from transactional.egress.engine import connect
from transactional.models import ClockJump, ClockMark, Lane, QueueRow, Stream
from transactional.queue import Claimed, Claimer
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, RawSubmission

pytestmark = pytest.mark.django_db(transaction=True)
LIFE = 600.0
RAW = b"From: orders@shop.example\r\nX-Postino-Deliver-Within: 600\r\nSubject: Hi\r\n\r\nHello\r\n"


@contextmanager
def accepted_in_an_open_transaction(cast: Cast, by: float) -> Iterator[None]:
    """A message whose transaction began by a clock that differs by so much, and commits at the end."""
    written, commit = threading.Event(), threading.Event()
    asked = RawSubmission(
        principal=token(cast.account), raw=RAW, reverse_path=None, recipients=("a@x.example",)
    )

    def store() -> None:
        try:
            with transaction.atomic():
                [answer] = accept_many([asked])
                assert isinstance(answer, Accepted)
                then = timedelta(seconds=by)
                QueueRow.objects.update(
                    due_at=F("due_at") + then, deliver_by=F("deliver_by") + then
                )
                written.set()
                commit.wait(20)
        finally:
            written.set()
            connection.close()

    thread = threading.Thread(target=store)
    thread.start()
    assert written.wait(20)
    try:
        yield
    finally:
        commit.set()
        thread.join()


def claim() -> Claimed:
    """One claim, by an engine that has looked at the clock; strays are put right."""

    async def ask() -> Claimed:
        claimer = Claimer([Lane.NORMAL])
        claimer.offsets = clock.offsets()
        async with await connect() as connection:
            found = await claimer.claim(connection, limit=10)
            await queue.put_right(connection, found.strays)
            return found

    return asyncio.run(ask())


def stray(
    account: Account, *, by: float, really: float, due: float = -60, **more: object
) -> QueueRow:
    """A row that ends in `really` seconds, and by what is stored so many seconds later."""
    before = list(QueueRow.objects.values_list("pk", flat=True))
    queue_rows(account, Stream.objects.default(account, "transactional").pk, 1)
    row: QueueRow = QueueRow.objects.exclude(pk__in=before).get()
    values = {
        "due_at": timezone.now() + timedelta(seconds=due),
        "deliver_by": timezone.now() + timedelta(seconds=really + by),
        "boot": uuid.UUID(boot()),
        "ends": steady_seconds() + really,
    }
    QueueRow.objects.filter(pk=row.pk).update(**{**values, **more})
    row.refresh_from_db()
    return row


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_what_was_open_while_the_clock_was_set_has_its_whole_life(cast: Cast, by: float) -> None:
    clock.settle()
    with accepted_in_an_open_transaction(cast, -by):
        jump(by)
        clock.settle(window=1.0)
        assert ClockJump.objects.get().rows == 0  # nobody can see it yet
    clock.settle()
    first = claim()
    assert len(first.strays) == (by > 0)  # set back, it was found waiting, and put right already
    jobs = first.jobs or claim().jobs
    assert [job.id for job in jobs] == [QueueRow.objects.get().pk]
    left = (jobs[0].deliver_by - jobs[0].now()).total_seconds()
    assert abs(left - LIFE) < NEAR.total_seconds()


def test_what_is_over_is_over(account: Account) -> None:
    row = stray(account, by=HOUR, really=-1)
    assert [one.job.id for one in claim().strays] == [row.pk]
    [job] = claim().jobs
    assert job.now() >= job.deliver_by


@pytest.mark.parametrize("by", [0.0, 3.0, -3.0])
def test_a_deadline_that_is_right_is_believed(account: Account, by: float) -> None:
    row = stray(account, by=by, really=LIFE)
    found = claim()
    assert found.strays == () and [job.id for job in found.jobs] == [row.pk]
    assert QueueRow.objects.get().deliver_by == row.deliver_by


def test_another_machines_count_is_known_by_its_mark(account: Account) -> None:
    clock.settle()
    mark, other = ClockMark.objects.get(), uuid.uuid4()
    ahead = 5000.0  # seconds that it was booted before
    ClockMark.objects.create(
        boot=str(other), base=mark.base - ahead, seen_at=mark.seen_at, steady=mark.steady
    )
    row = stray(account, by=-HOUR, really=LIFE, boot=other, ends=steady_seconds() + ahead + LIFE)
    assert len(claim().jobs) == 1  # what is stored is all that is known
    QueueRow.objects.update(lease=None, lease_until=None, deliver_by=row.deliver_by)
    clock.settle()  # from now on the other machine is known
    assert [one.job.id for one in claim().strays] == [row.pk]
    [job] = claim().jobs
    assert is_near(job.deliver_by, LIFE)


def test_a_held_message_stays_held(account: Account) -> None:
    at = timezone.now() - timedelta(seconds=HOUR)
    stray(account, by=0, really=LIFE, due_at=at, deliver_by=at)
    assert len(claim().strays) == 1
    row = QueueRow.objects.get()
    assert row.due_at == row.deliver_by and is_near(row.deliver_by, LIFE)
    assert claim().jobs == ()


def test_after_a_step_back_what_waits_for_the_old_clock_is_found(account: Account) -> None:
    clock.settle()
    jump(-HOUR)
    clock.settle(window=1.0)
    deferred = stray(account, by=HOUR, really=LIFE, due=HOUR + 30, attempt=2)
    beyond = stray(account, by=0, really=LIFE, due=HOUR, attempt=2)
    right = stray(account, by=0, really=LIFE, due=30)
    leased = stray(account, by=HOUR, really=LIFE, due=HOUR, lease=uuid7())
    clock.settle()
    rows = {row.pk: row for row in QueueRow.objects.all()}
    assert is_near(rows[deferred.pk].due_at, 30) and is_near(rows[deferred.pk].deliver_by, LIFE)
    assert is_near(rows[beyond.pk].due_at, 0) and is_near(rows[beyond.pk].deliver_by, LIFE)
    assert rows[right.pk].due_at == right.due_at
    assert rows[leased.pk].due_at == leased.due_at


def test_leases_and_waits_count_from_when_they_are_written(account: Account) -> None:
    """Not from when their transaction began: the clock may have been set since."""
    lease, waited = uuid.uuid4(), 0.3
    row = stray(account, by=0, really=LIFE, lease=lease, lease_until=timezone.now() + timedelta(1))
    values = {"ids": [row.pk], "leases": [lease], "seconds": 30.0}
    with psycopg.connect(**parameters()) as session:
        began = session.execute("SELECT now() FROM pg_sleep(%s)", [waited]).fetchone()
        session.execute(queue.RENEW, values)
        ends = session.execute("SELECT lease_until FROM transactional_queuerow").fetchone()
        assert began is not None and ends is not None
        assert (ends[0] - began[0]).total_seconds() >= 30.0 + waited
        session.execute("UPDATE transactional_queuerow SET due_at = now() + interval '1 hour'")
        session.execute(queue.FREE, {"ids": [row.pk], "resent": False})
        due = session.execute("SELECT due_at FROM transactional_queuerow").fetchone()
        assert due is not None and waited <= (due[0] - began[0]).total_seconds() < 3600
