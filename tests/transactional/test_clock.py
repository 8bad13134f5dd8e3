"""Jumps of the database's clock: noticed once, and nothing is late, early or tried by them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.utils import timezone

import transactional.views.attention  # noqa: F401 — registers its source
from config import attention
from config.ids import uuid7
from config.steady import steady_seconds
from domains import moved
from domains.models import Domain, EgressSource
from tests.cast import Cast
from tests.transactional.egress.test_engine import token
from tests.transactional.queue.rows import queue
from tokens.models import Account
from transactional import clock, lifecycle, sweeper
from transactional.egress import mta_sts
from transactional.egress.engine import connect
from transactional.egress.sts_fetches import Found
from transactional.incidents import breaker
from transactional.models import (
    ClockJump,
    ClockMark,
    Incident,
    IncidentState,
    Lane,
    Message,
    QueueRow,
    Stream,
    StsPolicy,
)
from transactional.queue import Claimed, Claimer
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, RawSubmission
from transactional.wire.mta_sts import Policy

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = 3600.0
NEAR = timedelta(seconds=5)  # what a statement and its check may take


@pytest.fixture(autouse=True)
def seen() -> None:
    """The clock was right a moment ago."""
    clock.settle()


def jump(seconds: float) -> None:
    """As if the database's clock had been set just now: what was stored was stored by another."""
    mark = ClockMark.objects.get()
    mark.base -= seconds
    mark.steady -= seconds
    mark.seen_at -= timedelta(seconds=seconds)
    mark.save()


def stored(account: Account, *, by: float, due: float, life: float, age: float = 30) -> QueueRow:
    """A row as a clock that differs by so many seconds has stored it `age` seconds ago."""
    before = list(QueueRow.objects.values_list("pk", flat=True))
    queue(account, Stream.objects.default(account, "transactional").pk, 1)
    then = timezone.now() + timedelta(seconds=by)
    row: QueueRow = QueueRow.objects.exclude(pk__in=before).get()
    row.due_at, row.deliver_by = then + timedelta(seconds=due), then + timedelta(seconds=life)
    row.save()
    made = then - timedelta(seconds=age)
    Message.objects.filter(pk=row.message_id).update(created_at=made)
    return row


def is_near(at: datetime, seconds: float) -> bool:
    return abs(at - timezone.now() - timedelta(seconds=seconds)) < NEAR


@pytest.mark.parametrize("by", [HOUR, -HOUR, 12 * HOUR, -40.0])
def test_waits_and_deadlines_stay_as_far_away(account: Account, by: float) -> None:
    waiting = stored(account, by=-by, due=15, life=600)
    held = stored(account, by=-by, due=600, life=600)
    held.due_at = held.deliver_by
    held.save()
    fresh = stored(account, by=0, due=0, life=300, age=0)
    before = QueueRow.objects.get(pk=fresh.pk)
    jump(by)
    clock.settle(window=1.0)
    waiting.refresh_from_db()
    held.refresh_from_db()
    fresh.refresh_from_db()
    # A wait that ends after the jump anyway is left alone: it becomes shorter by no more than that
    assert is_near(waiting.due_at, 15) or (0 < by < 60 and waiting.due_at > timezone.now())
    assert is_near(waiting.deliver_by, 600)
    assert held.due_at == held.deliver_by and is_near(held.deliver_by, 600)
    assert (fresh.due_at, fresh.deliver_by) == (before.due_at, before.deliver_by)
    noted = ClockJump.objects.get()
    assert abs(noted.seconds - by) < 1 and noted.rows == 2 and noted.moved_at
    clock.settle()
    assert ClockJump.objects.count() == 1


def test_no_lease_ends_by_a_jump_and_none_lasts_the_longer(account: Account) -> None:
    lost = stored(account, by=-HOUR, due=0, life=600)
    late = stored(account, by=HOUR, due=0, life=600)
    for row, by in ((lost, -HOUR), (late, HOUR)):
        row.lease = uuid7()
        row.lease_until = timezone.now() + timedelta(seconds=by + 20)
        row.dot_at = timezone.now()
        row.save()
    jump(HOUR)
    now = clock.settle(window=1.0)
    assert sweeper.sweep(until=now + timedelta(seconds=1)) == 0
    for row in (lost, late):
        row.refresh_from_db()
        assert row.lease_until is not None and row.dot_at is not None
        assert is_near(row.lease_until, settings.LEASE_SECONDS)


def test_a_small_difference_is_no_jump(account: Account) -> None:
    stored(account, by=0, due=10, life=600)
    jump(3.0)
    clock.settle()
    assert not ClockJump.objects.exists()
    # and it is taken over, so that small ones do not add up
    jump(3.0)
    clock.settle()
    assert not ClockJump.objects.exists()


def test_two_machines_move_it_once(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    row = stored(account, by=HOUR, due=10, life=600)
    mine = ClockMark.objects.get()
    ClockMark.objects.create(
        boot="another", base=mine.base + 77, seen_at=mine.seen_at, steady=mine.steady
    )
    ClockMark.objects.update(base=mine.base + HOUR, steady=mine.steady + HOUR)
    ClockMark.objects.filter(boot="another").update(base=mine.base + 77 + HOUR)
    clock.settle(window=1.0)
    monkeypatch.setattr(clock, "boot", lambda: "another")
    really = steady_seconds
    monkeypatch.setattr(clock, "steady_seconds", lambda: really() - 77)
    clock.settle(window=1.0)
    assert ClockJump.objects.count() == 1
    row.refresh_from_db()
    assert is_near(row.due_at, 10)


def test_after_a_boot_only_a_clock_that_runs_backwards_is_known_to_be_wrong(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = stored(account, by=HOUR, due=10, life=600)
    monkeypatch.setattr(clock, "boot", lambda: "the next")
    ClockMark.objects.update(steady=timezone.now().timestamp() - HOUR)
    clock.settle()
    assert not ClockJump.objects.exists()
    ClockMark.objects.all().delete()
    ClockMark.objects.create(
        boot="earlier", base=0, seen_at=timezone.now(), steady=timezone.now().timestamp() + HOUR
    )
    clock.settle()
    assert abs(ClockJump.objects.get().seconds + HOUR) < 1
    row.refresh_from_db()
    assert is_near(row.due_at, 10)


def test_what_a_killed_process_left_undone_is_done(account: Account) -> None:
    row = stored(account, by=HOUR, due=10, life=600)
    ClockJump.objects.create(
        at=timezone.now(), seconds=-HOUR, total=-HOUR, window=1.0, skew=0.0, moved_at=None
    )
    ClockMark.objects.update(base=ClockMark.objects.get().base + HOUR)
    clock.settle()
    row.refresh_from_db()
    assert is_near(row.due_at, 10)
    assert ClockJump.objects.get().moved_at is not None


def claim_over_a_jump(by: float) -> tuple[Claimed, Claimed]:
    """Two claims; between them the database's clock seems to have jumped."""
    claimer = Claimer([Lane.NORMAL])

    async def ask() -> tuple[Claimed, Claimed]:
        async with await connect() as connection:
            await claimer.claim(connection, limit=1)
            assert claimer._watch._seen is not None
            at, moment = claimer._watch._seen
            claimer._watch._seen = (at - timedelta(seconds=by), moment)
            over = await claimer.claim(connection, limit=10)
            claimer.take_clock()
            return over, await claimer.claim(connection, limit=10)

    return asyncio.run(ask())


def test_a_claim_takes_nothing_that_is_due_only_by_a_jump(account: Account) -> None:
    stored(account, by=0, due=-60, life=600)
    over, after = claim_over_a_jump(HOUR)
    assert over.jumped and over.jobs == ()
    assert not after.jumped and len(after.jobs) == 0  # the first claim had taken it
    assert not claim_over_a_jump(1.0)[0].jumped


def test_a_jobs_deadline_goes_by_the_time_that_passes(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(account, by=0, due=-60, life=600)
    claimer = Claimer([Lane.NORMAL])

    async def ask() -> Any:
        async with await connect() as connection:
            return (await claimer.claim(connection, limit=1)).jobs[0]

    job = asyncio.run(ask())
    monkeypatch.setattr(timezone, "now", lambda: job.deliver_by + timedelta(hours=1))
    assert job.now() < job.deliver_by
    waits = lifecycle.Outcome(
        job=job,
        status="deferred",
        at=timezone.now(),
        attempts=1,
        reply="",
        due_at=job.now() + timedelta(seconds=60),
    ).wait
    assert waits is not None and 50 < waits <= 60


def incident(opened: float, probe: float) -> Incident:
    now = timezone.now()
    source = EgressSource.objects.create(
        address=f"127.0.9.{Incident.objects.count() + 1}", ehlo_name="m.x.example"
    )
    return Incident.objects.create(
        source=source,
        site="x.example",
        reason="blocked",
        category="block",
        skeleton="no",
        sample="550 no",
        state=IncidentState.OPEN,
        began_at=now,
        opened_at=now + timedelta(seconds=opened),
        probe_at=now + timedelta(seconds=probe),
    )


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_probes_of_incidents_move_along(by: float) -> None:
    row = incident(-by, 30 - by)
    breaker.move(timedelta(seconds=by))
    row.refresh_from_db()
    assert is_near(row.probe_at, 30)


def test_an_incident_that_opened_since_is_left_alone() -> None:
    row = incident(0, 60)
    breaker.move(timedelta(seconds=HOUR))
    row.refresh_from_db()
    assert is_near(row.probe_at, 60)


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_a_policy_on_tls_holds_as_long_as_before(by: float) -> None:
    """Set forward, it would be over: whoever can do that would have mail sent in clear."""
    then = timezone.now() - timedelta(seconds=by)
    StsPolicy.objects.create(
        domain="held.example", policy_id="1", mode="enforce", mx=["mx.held.example"], max_age=3000,
        fetched_at=then - timedelta(minutes=1), expires_at=then + timedelta(minutes=30),
    )  # fmt: skip
    jump(by)
    if by < 0:
        clock.settle()
    row = mta_sts._rows(["held.example"])[
        "held.example"
    ]  # set forward, it looks at the clock itself
    assert row.left is not None and abs(row.left - 1800) < 5
    assert row.age is not None and abs(row.age - 60) < 5
    assert mta_sts._stored(row)[0].policy is not None and not mta_sts._is_due(row, "1")


def test_a_policy_on_tls_ends_by_the_databases_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    StsPolicy.objects.create(
        domain="held.example", policy_id="1", mode="enforce", mx=["mx.held.example"], max_age=7200,
        fetched_at=now, expires_at=now + timedelta(hours=1),
    )  # fmt: skip
    monkeypatch.setattr("django.utils.timezone.now", lambda: now + timedelta(hours=2))
    row = mta_sts._rows(["held.example"])["held.example"]
    assert mta_sts._stored(row)[0].policy is not None
    found = Found(Policy("enforce", ("mx.new.example",), 600))
    mta_sts._write("new.example", "2", found)
    row = mta_sts._rows(["new.example"])["new.example"]
    assert row.left is not None and 590 < row.left <= 600 and not mta_sts._is_due(row, "2")


def test_checks_that_would_come_too_late_are_brought_back(cast: Cast) -> None:
    domain = Domain.objects.of(cast.account).first()
    assert domain is not None
    late = timezone.now() + timedelta(seconds=HOUR + 300)
    Domain.objects.filter(pk=domain.pk).update(next_check_at=late, keys_due_at=late)
    moved.move(timedelta(seconds=HOUR))
    domain.refresh_from_db()
    assert domain.next_check_at == late
    moved.move(timedelta(seconds=-HOUR))
    domain.refresh_from_db()
    assert is_near(domain.next_check_at, 300) and is_near(domain.keys_due_at, 300)


def test_a_jump_needs_attention_for_a_day(cast: Cast) -> None:
    def told() -> list[str]:
        found = attention.items(cast.account.pk)
        return [str(one.text) for one in found if one.code == "CLOCK_JUMPED"]

    assert told() == []
    row = ClockJump.objects.create(
        at=timezone.now(), seconds=-HOUR, total=-HOUR, window=1.0, skew=0.0
    )
    [text] = told()
    assert "−3,600 s" in text or "−3600 s" in text
    ClockJump.objects.filter(pk=row.pk).update(at=timezone.now() - timedelta(days=2))
    assert told() == []


def test_mail_that_is_taken_is_due_by_the_databases_clock(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of the machine that takes it may be wrong."""
    really = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: really() + timedelta(seconds=HOUR))
    who = token(cast.account)
    raw = (
        b"From: orders@shop.example\r\nX-Postino-Deliver-Within: 90\r\nSubject: Hi\r\n\r\nHello\r\n"
    )
    [answer] = accept_many(
        [RawSubmission(principal=who, raw=raw, reverse_path=None, recipients=("a@x.example",))]
    )
    assert isinstance(answer, Accepted)
    monkeypatch.undo()
    row = QueueRow.objects.get()
    assert is_near(row.due_at, 0) and is_near(row.deliver_by, 90)


@contextmanager
def ids_of(by: float) -> Iterator[None]:
    """As if rows that are made within were made by a clock that differs by so many seconds."""

    def made() -> UUID:
        one = uuid7()
        return UUID(int=one.int + (int(by * 1000) << 80))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.transactional.queue.rows.uuid7", made)
        yield


def test_what_commits_after_a_step_back_does_not_wait_for_the_old_clock(account: Account) -> None:
    with ids_of(HOUR):
        moved_along = stored(account, by=HOUR, due=15, life=7200)
    jump(-HOUR)
    clock.settle(window=1.0)
    with ids_of(HOUR):
        late = stored(account, by=HOUR, due=0, life=600)
        tried, parked, held, leased = (stored(account, by=HOUR, due=0, life=600) for _ in range(4))
    fresh = stored(account, by=0, due=30, life=600)
    QueueRow.objects.filter(pk=tried.pk).update(attempt=1)
    QueueRow.objects.filter(pk=parked.pk).update(parked="incident")
    QueueRow.objects.filter(pk=held.pk).update(due_at=held.deliver_by)
    until = timezone.now() + timedelta(seconds=HOUR)
    QueueRow.objects.filter(pk=leased.pk).update(lease=uuid7(), lease_until=until)
    clock.settle()
    rows = {row.pk: row for row in QueueRow.objects.all()}
    assert is_near(rows[late.pk].due_at, 0) and rows[late.pk].due_at <= timezone.now()
    assert rows[late.pk].deliver_by == late.deliver_by
    assert is_near(rows[moved_along.pk].due_at, 15)  # its wait is as long as before
    assert is_near(rows[fresh.pk].due_at, 30)
    assert is_near(rows[leased.pk].lease_until or until, settings.LEASE_SECONDS)
    for row in (tried, parked):
        assert rows[row.pk].due_at == row.due_at
    assert rows[held.pk].due_at == held.deliver_by


@pytest.mark.parametrize(("by", "minutes"), [(-HOUR, 6), (HOUR, 0)])
def test_it_is_looked_for_only_after_a_step_back_and_for_minutes(
    account: Account, by: float, minutes: int
) -> None:
    jump(by)
    clock.settle(window=1.0)
    ClockJump.objects.update(at=timezone.now() - timedelta(minutes=minutes))
    with ids_of(HOUR):
        row = stored(account, by=HOUR, due=0, life=600)
    clock.settle()
    assert QueueRow.objects.get(pk=row.pk).due_at == row.due_at
