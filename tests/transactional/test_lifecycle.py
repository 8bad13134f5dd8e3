import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from config import bulk
from config.database import parameters
from config.ids import uuid7
from tokens.models import Account
from transactional import lifecycle, queue, sweeper
from transactional.lifecycle import TRANSITIONS, Attempt, Outcome, Report
from transactional.models import (
    Body,
    DeliveryAttempt,
    Event,
    Message,
    QueueRow,
    Recipient,
    Status,
    Stream,
    Suppression,
)

T = TypeVar("T")
pytestmark = pytest.mark.django_db(transaction=True)


def run(work: Callable[[psycopg.AsyncConnection[Any]], Awaitable[T]]) -> T:
    """Run with a second connection, as an engine has one of its own."""

    async def main() -> T:
        async with await psycopg.AsyncConnection.connect(autocommit=True, **parameters()) as other:
            return await work(other)

    return asyncio.run(main())


def enqueue(account: Account, n: int = 1, *, policy: str = "resend") -> list[uuid.UUID]:
    stream = Stream.objects.default(account, "transactional")
    Stream.objects.of(account).update(uncertain_policy=policy)
    now = timezone.now()
    ids = []
    rows = []
    for i in range(n):
        message = Message.objects.create(
            account=account,
            stream=stream,
            kind="transactional",
            source="api",
            credential="api:1",
            from_address="a@shop.example",
            from_domain="shop.example",
            subject="s",
            message_id="m@shop.example",
        )
        Body.objects.create(id=message.pk, context=b"{}")
        recipient = Recipient.objects.create(
            message=message, account=account, address=f"u{i}@x.example", kind="to", status="queued"
        )
        ids.append(recipient.pk)
        rows.append(
            queue.row(
                recipient_id=recipient.pk,
                message_id=message.pk,
                account_id=account.pk,
                stream_id=stream.pk,
                lane=1,
                domain="x.example",
                due_at=now - timedelta(seconds=n - i),
                deliver_by=now + timedelta(hours=1),
            )
        )
    with psycopg.Cursor(connection.connection) as cursor:
        bulk.write(cursor, [(queue.TABLE, rows)])
    return ids


def claim(limit: int = 10) -> list[queue.Job]:
    return run(lambda c: take(c, limit))


async def take(connection: psycopg.AsyncConnection[Any], limit: int) -> list[queue.Job]:
    return list((await queue.Claimer([1]).claim(connection, limit=limit)).jobs)


def outcome(job: queue.Job, status: str, **more: Any) -> Outcome:
    values: dict[str, Any] = {"attempts": job.attempt + 1, "reply": "250 2.0.0 ok", **more}
    return Outcome(job=job, status=status, at=timezone.now(), **values)


def attempt() -> Attempt:
    return Attempt(
        id=uuid7(),
        at=timezone.now(),
        duration_ms=3,
        source_address="127.0.0.10",
        host="mx.x.example",
        address="127.0.0.1:25",
        tls="",
        stage="dot",
        code=250,
        reply="250 ok",
        transcript="C: MAIL",
    )


def test_a_claim_takes_the_oldest_due_rows_once(account: Account) -> None:
    ids = enqueue(account, 5)
    first, second = claim(3), claim(3)
    assert [job.id for job in first] == ids[:3]
    assert [job.id for job in second] == ids[3:]
    assert claim() == []
    assert first[0].address == "u0@x.example"
    assert first[0].context == b"{}"


def test_two_claimers_never_share_a_row(account: Account) -> None:
    enqueue(account, 40)

    async def both(one: psycopg.AsyncConnection[Any]) -> list[list[queue.Job]]:
        async with await psycopg.AsyncConnection.connect(autocommit=True, **parameters()) as two:
            return list(
                await asyncio.gather(
                    *(take(c, 7) for c in (one, two)),
                )
            )

    jobs = [job.id for part in run(both) for job in part]
    assert len(jobs) == len(set(jobs)) == 14


def test_rows_that_are_not_due_stay(account: Account) -> None:
    enqueue(account)
    QueueRow.objects.update(due_at=timezone.now() + timedelta(minutes=1))
    assert claim() == []


def test_a_delivery_is_written_whole(account: Account) -> None:
    enqueue(account)
    (job,) = claim()
    done = outcome(job, Status.DELIVERED, tries=(attempt(),))
    marked, _ = run(lambda c: lifecycle.flush(c, marks=[job], outcomes=[]))
    _, kept = run(lambda c: lifecycle.flush(c, marks=[], outcomes=[done]))
    assert (marked, kept) == ({job.held}, {job.held})
    recipient = Recipient.objects.get(pk=job.id)
    assert (recipient.status, recipient.attempts) == ("delivered", 1)
    assert not QueueRow.objects.exists()
    assert Event.objects.get().type == "delivered"
    assert DeliveryAttempt.objects.get().recipient_id == job.id


def test_a_lease_that_ran_out_lets_no_dot_through_but_a_late_outcome_still_counts(
    account: Account,
) -> None:
    enqueue(account)
    (job,) = claim()
    QueueRow.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    marked, _ = run(lambda c: lifecycle.flush(c, marks=[job], outcomes=[]))
    assert marked == set()


def test_a_late_outcome_is_refused_once_another_worker_has_the_row(account: Account) -> None:
    enqueue(account)
    (job,) = claim()
    QueueRow.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sweeper.sweep() == 1
    (again,) = claim()
    late = outcome(job, Status.DELIVERED)
    marked, kept = run(lambda c: lifecycle.flush(c, marks=[job], outcomes=[late]))
    assert (marked, kept) == (set(), set())
    assert Recipient.objects.get().status == "queued"
    assert not Event.objects.exists()
    _, kept = run(
        lambda c: lifecycle.flush(c, marks=[], outcomes=[outcome(again, Status.DELIVERED)])
    )
    assert kept == {again.held}


def test_what_a_silent_worker_held_goes_before_what_came_after_it(account: Account) -> None:
    ids = [enqueue(account)[0] for _ in range(4)]
    assert [job.id for job in claim(2)] == ids[:2]
    QueueRow.objects.filter(lease__isnull=False).update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )
    assert sweeper.sweep() == 2
    assert [job.id for job in claim(3)] == ids[:3]


def taken_over(account: Account) -> tuple[queue.Job, queue.Job]:
    """A row's stale job, and the one that has its lease now."""
    enqueue(account)
    (stale,) = claim()
    QueueRow.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sweeper.sweep() == 1
    (fresh,) = claim()
    return stale, fresh


def test_of_a_rows_two_jobs_in_one_batch_only_the_live_one_may_send_its_dot(
    account: Account,
) -> None:
    stale, fresh = taken_over(account)
    for marks in ([stale, fresh], [fresh, stale]):
        marked, _ = run(lambda c, m=marks: lifecycle.flush(c, marks=m, outcomes=[]))
        assert marked == {fresh.held}


def test_of_a_rows_two_outcomes_in_one_batch_only_the_live_one_counts(account: Account) -> None:
    stale, fresh = taken_over(account)
    refused = outcome(
        stale, Status.BOUNCED, tries=(attempt(),), reply="550 no", data={"category": "hard"}
    )
    done = outcome(fresh, Status.DELIVERED, tries=(attempt(),))
    _, kept = run(lambda c: lifecycle.flush(c, marks=[stale], outcomes=[refused, done]))
    assert kept == {fresh.held}
    assert Recipient.objects.get().status == "delivered"
    assert [event.type for event in Event.objects.all()] == ["delivered"]
    assert DeliveryAttempt.objects.count() == 1
    assert not Suppression.objects.exists()


def test_a_marker_that_is_taken_back_leaves_no_doubt(account: Account) -> None:
    stale, fresh = taken_over(account)
    run(lambda c: lifecycle.flush(c, marks=[fresh], outcomes=[]))
    taken, _ = run(lambda c: lifecycle.flush(c, marks=[], outcomes=[], unmarks=[stale]))
    assert taken == set() and QueueRow.objects.exclude(dot_at=None).exists()
    QueueRow.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    taken, _ = run(lambda c: lifecycle.flush(c, marks=[], outcomes=[], unmarks=[fresh]))
    assert taken == {fresh.held}
    assert sweeper.sweep() == 1
    assert Recipient.objects.get().status == "queued"


def test_a_deferral_goes_back_to_the_queue_with_its_tries_counted(account: Account) -> None:
    enqueue(account)
    (job,) = claim()
    due = timezone.now() - timedelta(seconds=1)
    later = outcome(job, Status.DEFERRED, due_at=due, reply="451 4.7.1 later")
    run(lambda c: lifecycle.flush(c, marks=[job], outcomes=[later]))
    (again,) = claim()
    assert (again.attempt, again.resent) == (1, False)
    assert Recipient.objects.get().reply == "451 4.7.1 later"


def test_a_hard_bounce_suppresses_the_address_as_the_account_wishes(account: Account) -> None:
    enqueue(account)
    (job,) = claim()
    hard = outcome(job, Status.BOUNCED, reply="550 5.1.1 no", data={"category": "hard"})
    run(lambda c: lifecycle.flush(c, marks=[], outcomes=[hard]))
    found = Suppression.objects.of(account).get()
    assert (found.address, found.reason, found.scope) == ("u0@x.example", "hard_bounce", "all")


def test_a_block_on_the_sender_suppresses_nobody(account: Account) -> None:
    enqueue(account)
    (job,) = claim()
    block = outcome(job, Status.BOUNCED, reply="550 5.7.1 no", data={"category": "block"})
    run(lambda c: lifecycle.flush(c, marks=[], outcomes=[block]))
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    ("policy", "status", "queued", "event"),
    [("resend", "uncertain", 1, "uncertain"), ("hold", "held", 0, "held")],
)
def test_a_worker_that_died_after_the_marker_leaves_an_uncertain_outcome(
    account: Account, policy: str, status: str, queued: int, event: str
) -> None:
    enqueue(account, policy=policy)
    (job,) = claim()
    run(lambda c: lifecycle.flush(c, marks=[job], outcomes=[]))
    QueueRow.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sweeper.sweep() == 1
    assert Recipient.objects.get().status == status
    assert Event.objects.get().type == event
    again = claim()
    assert len(again) == queued
    assert all(one.resent for one in again)


def test_a_worker_that_died_before_a_smarthost_answered_leaves_no_second_copy(
    account: Account,
) -> None:
    """Whatever the stream says: by another way it would be a second message."""
    enqueue(account, policy="resend")
    (job,) = claim()
    run(lambda c: lifecycle.flush(c, marks=[job], outcomes=[], beyond={job}))
    QueueRow.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sweeper.sweep() == 1
    assert Recipient.objects.get().status == "held"
    assert not QueueRow.objects.exists()


def test_a_marker_of_the_direct_way_forgets_that_of_a_smarthost(account: Account) -> None:
    enqueue(account, policy="resend")
    (job,) = claim()
    run(lambda c: lifecycle.flush(c, marks=[job], outcomes=[], beyond={job}))
    run(lambda c: lifecycle.flush(c, marks=[], outcomes=[], unmarks=[job]))
    run(lambda c: lifecycle.flush(c, marks=[job], outcomes=[]))
    QueueRow.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sweeper.sweep() == 1
    assert Recipient.objects.get().status == "uncertain"


def test_the_sweeper_leaves_live_leases_alone(account: Account) -> None:
    enqueue(account)
    claim()
    assert sweeper.sweep() == 0


def test_a_report_bounces_a_delivered_message_once(account: Account) -> None:
    enqueue(account)
    (job,) = claim()
    run(lambda c: lifecycle.flush(c, marks=[], outcomes=[outcome(job, Status.DELIVERED)]))
    report = Report(recipient_id=job.id, status=Status.BOUNCED, reply="550 5.1.1", data={})
    assert lifecycle.apply_report(report) is True
    assert lifecycle.apply_report(report) is False
    assert [e.type for e in Event.objects.order_by("id")] == ["delivered", "bounced"]
    assert Event.objects.get(type="bounced").data["was"] == "delivered"
    assert Recipient.objects.get().attempts == 1


def failed(recipient_id: uuid.UUID) -> bool:
    report = Report(recipient_id=recipient_id, status=Status.BOUNCED, reply="550 5.1.1 no", data={})
    return lifecycle.apply_report(report)


def test_what_a_report_ends_is_not_tried_again(account: Account) -> None:
    """A copy in doubt had arrived, as its bounce proves: there is no second one."""
    enqueue(account)
    (job,) = claim()
    doubt = outcome(job, Status.UNCERTAIN, due_at=timezone.now(), resent=True)
    run(lambda c: lifecycle.flush(c, marks=[job], outcomes=[doubt]))
    assert failed(job.id)
    assert not QueueRow.objects.exists()
    assert Recipient.objects.get().status == "bounced"


def test_a_report_while_a_worker_is_at_it_leaves_the_row_to_the_worker(account: Account) -> None:
    enqueue(account)
    (job,) = claim()
    assert failed(job.id)
    doubt = outcome(job, Status.UNCERTAIN, due_at=timezone.now(), resent=True, tries=(attempt(),))
    _, kept = run(lambda c: lifecycle.flush(c, marks=[], outcomes=[doubt]))
    assert kept == {job.held} and DeliveryAttempt.objects.count() == 1
    (again,) = claim()
    assert again.status == "bounced"  # which its engine drops without a try
    assert [e.type for e in Event.objects.all()] == ["bounced"]


def test_a_silent_worker_s_row_of_what_a_report_has_ended_tells_no_doubt(account: Account) -> None:
    enqueue(account)
    (job,) = claim()
    run(lambda c: lifecycle.flush(c, marks=[job], outcomes=[]))
    assert failed(job.id)
    QueueRow.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sweeper.sweep() == 1
    assert [e.type for e in Event.objects.all()] == ["bounced"]
    assert Recipient.objects.get().status == "bounced"


def test_a_row_without_its_content_is_told_all_the_same(account: Account) -> None:
    """Leased and never told, it would be leased and swept for ever."""
    enqueue(account)
    Body.objects.all().delete()
    (job,) = claim()
    assert job.raw is None and job.context is None


def test_final_statuses_stay_final(account: Account) -> None:
    for status in (Status.BOUNCED, Status.SUPPRESSED, Status.CANCELLED):
        assert TRANSITIONS[status] == frozenset()


def test_every_status_has_its_row_in_the_table() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert settings.LEASE_SECONDS >= 1
