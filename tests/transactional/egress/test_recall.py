"""What is made of the journals of dead processes: written down once, under their leases alone, before the sweeper."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db.models.functions import Now

from config import shared
from domains.models import EgressSource
from tests.transactional.egress.test_engine import send_raw
from tokens.models import Account
from transactional import queue, sweeper
from transactional.egress import journal, recall
from transactional.egress.engine import connect
from transactional.egress.journal import Journal, Line
from transactional.models import (
    DeliveryAttempt,
    Event,
    Lane,
    QueueRow,
    Recipient,
    Status,
    Suppression,
)
from transactional.queue import Job
from transactional.tasks import chores
from transactional.wire.reply import Reply, Stage

pytestmark = pytest.mark.django_db(transaction=True)

TAKEN = Reply(250, "2.0.0", ("Ok: queued as 4F2",))
UNKNOWN = Reply(550, "5.1.1", ("No such user here",))
LATER = Reply(451, "4.3.2", ("Not now",))


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    shared.forget()


def claimed(account: Account, n: int = 1) -> list[Job]:
    """Messages in a worker's hands, with their markers."""
    send_raw(account, n)

    async def claim() -> list[Job]:
        async with await connect() as connection:
            jobs = list((await queue.Claimer([int(Lane.NORMAL)]).claim(connection, limit=n)).jobs)
        return jobs

    jobs = asyncio.run(claim())
    assert len(jobs) == n
    QueueRow.objects.update(dot_at=Now())
    return jobs


def way(**changes: Any) -> bytes:
    values = {
        "source_id": EgressSource.objects.values_list("pk", flat=True).first() or 1,
        "source_address": "192.0.2.1", "host": "mx.x.example", "address": "198.51.100.9",
        "port": 25, "tls": "TLSv1.3 AES", "smarthost_id": None, "warms_up_at": "",
    }  # fmt: skip
    return journal.way(*{**values, **changes}.values())


def begun(jobs: Sequence[Job], **changes: Any) -> tuple[Journal, list[Line]]:
    """A process that speaks for these."""
    one = Journal(recall.folder(), 8)
    return one, [line for job in jobs if (line := one.begin(job, way(**changes)))]


def answered(jobs: Sequence[Job], *replies: Reply, **changes: Any) -> Journal:
    one, lines = begun(jobs, **changes)
    for line, reply in zip(lines, replies, strict=True):
        line.leaving()
        line.answered(reply)
    return one


def statuses(jobs: Sequence[Job]) -> list[str]:
    rows = {row.pk: row.status for row in Recipient.objects.all()}
    return [rows[job.id] for job in jobs]


def silent() -> None:
    """Their leases run out."""
    QueueRow.objects.exclude(lease=None).update(lease_until=Now() - timedelta(seconds=1))


def counts() -> dict[str, int]:
    return recall.counted()


def test_answers_are_written_down_as_their_process_would_have_and_once(account: Account) -> None:
    jobs = claimed(account, 3)
    before = counts()
    answered(jobs, TAKEN, UNKNOWN, LATER).close()
    for _ in range(2):
        recall.look_now(connect)
    assert statuses(jobs) == [Status.DELIVERED, Status.BOUNCED, Status.DEFERRED]
    assert [row.pk for row in QueueRow.objects.all()] == [jobs[2].id]
    waits = QueueRow.objects.get()
    assert (waits.lease, waits.dot_at, waits.attempt, waits.resent) == (None, None, 1, False)
    tried = {one.recipient_id: one for one in DeliveryAttempt.objects.all()}
    assert len(tried) == 3
    one = tried[jobs[0].id]
    assert (one.number, one.code, one.stage, one.reply) == (1, 250, "dot", str(TAKEN))
    assert (one.host, one.address, one.tls) == ("mx.x.example", "198.51.100.9:25", "TLSv1.3 AES")
    assert one.source_address == "192.0.2.1"
    assert [step["code"] for step in one.decisions] == ["recalled"]
    told = [event.type for event in Event.objects.exclude(type="accepted").order_by("type")]
    assert told == ["bounced", "deferred", "delivered"]
    suppressed = Suppression.objects.get()
    assert suppressed.address == jobs[1].address
    assert {word: n - before[word] for word, n in counts().items()} == {
        "written": 3, "stayed": 0, "left": 0, "late": 0, "given_back": 0
    }  # fmt: skip
    assert list(recall.folder().iterdir()) == []


def test_a_refusal_before_the_dot_is_not_asked_for_again(account: Account) -> None:
    jobs = claimed(account)
    one, lines = begun(jobs)
    lines[0].refused(UNKNOWN, Stage.RCPT)
    one.close()
    recall.look_now(connect)
    assert statuses(jobs) == [Status.BOUNCED]
    assert DeliveryAttempt.objects.get().stage == "rcpt"


def test_a_dot_that_stayed_is_in_no_doubt_and_one_that_left_is(account: Account) -> None:
    jobs = claimed(account, 2)
    before = counts()
    one, lines = begun(jobs)
    lines[1].leaving()
    one.close()
    recall.look_now(connect)
    told = {word: n - before[word] for word, n in counts().items()}
    assert told == {"written": 0, "stayed": 1, "left": 1, "late": 0, "given_back": 0}
    marked = {row.pk: row.dot_at for row in QueueRow.objects.all()}
    assert marked[jobs[0].id] is None and marked[jobs[1].id] is not None
    silent()
    sweeper.sweep()
    assert statuses(jobs) == [Status.QUEUED, Status.UNCERTAIN]
    assert {row.pk: row.resent for row in QueueRow.objects.all()} == {
        jobs[0].id: False, jobs[1].id: True
    }  # fmt: skip


def test_a_row_that_is_anothers_by_then_is_not_touched_and_counted(account: Account) -> None:
    jobs = claimed(account, 2)
    before = counts()
    one = answered(jobs, TAKEN, UNKNOWN)
    silent()
    sweeper.sweep()  # of another machine, before this one was up again
    (again,) = [job for job in claim_again() if job.id == jobs[0].id]
    one.close()
    recall.look_now(connect)
    assert statuses(jobs) == [Status.UNCERTAIN] * 2
    held = QueueRow.objects.get(pk=again.id)
    assert (held.lease, held.resent) == (again.lease, True)
    assert not DeliveryAttempt.objects.exists() and not Suppression.objects.exists()
    assert counts()["late"] - before["late"] == 2


def claim_again() -> list[Job]:
    async def claim() -> list[Job]:
        async with await connect() as connection:
            return list((await queue.Claimer([int(Lane.NORMAL)]).claim(connection, limit=9)).jobs)

    return asyncio.run(claim())


def test_what_was_written_down_in_time_is_not_late(account: Account) -> None:
    jobs = claimed(account)
    before = counts()
    first, second = answered(jobs, TAKEN), answered(jobs, TAKEN)
    first.close()
    recall.look_now(connect)
    second.close()  # as if killed between the commit and the end of its entry
    recall.look_now(connect)
    assert statuses(jobs) == [Status.DELIVERED]
    assert DeliveryAttempt.objects.count() == 1
    assert counts()["late"] == before["late"]


def test_of_a_process_that_lives_nothing_is_written_down(account: Account) -> None:
    jobs = claimed(account)
    one = answered(jobs, TAKEN)
    recall.look_now(connect)
    assert statuses(jobs) == [Status.QUEUED]
    one.close()


def test_the_sweep_of_a_machine_reads_its_journals_first(account: Account) -> None:
    jobs = claimed(account, 2)
    one, lines = begun(jobs)
    lines[0].leaving()
    lines[0].answered(TAKEN)
    one.close()
    silent()
    chores.sweep()
    assert statuses(jobs) == [Status.DELIVERED, Status.QUEUED]
    assert not QueueRow.objects.get().resent
    assert not Event.objects.filter(type="uncertain").exists()


def test_a_database_that_is_away_leaves_it_all_there(account: Account) -> None:
    jobs = claimed(account)
    answered(jobs, TAKEN).close()

    async def away() -> psycopg.AsyncConnection[Any]:
        raise psycopg.OperationalError("no way there")

    with pytest.raises(psycopg.OperationalError):
        recall.look_now(away)
    recall.look_now(connect)
    assert statuses(jobs) == [Status.DELIVERED]


def test_files_that_are_none_keep_nobody_from_the_queue(account: Account) -> None:
    recall.folder().mkdir(parents=True)
    (recall.folder() / "1-short").write_bytes(b"abc")
    (recall.folder() / "2-empty").touch()
    (recall.folder() / "3-garbage").write_bytes(bytes(range(256)) * 40)
    (recall.folder() / "4-link").symlink_to("/etc/passwd")
    jobs = claimed(account)
    answered(jobs, TAKEN).close()
    recall.look_now(connect)
    assert statuses(jobs) == [Status.DELIVERED]
    assert [path.name for path in recall.folder().iterdir()] == ["4-link"]


def test_one_that_cannot_be_stored_keeps_the_others_from_nothing(account: Account) -> None:
    jobs = claimed(account, 3)
    answered(jobs[1:], TAKEN, TAKEN).close()
    answered(jobs[:1], TAKEN, tls="\0").close()
    recall.look_now(connect)
    assert statuses(jobs) == [Status.QUEUED, Status.DELIVERED, Status.DELIVERED]
    assert list(recall.folder().iterdir()) == []


def test_what_a_smarthost_put_off_goes_the_direct_way_next(account: Account) -> None:
    """As its own process would have kept it; and what a smarthost has against us ends no mail."""
    jobs = claimed(account, 2)
    blocked = Reply(554, "5.7.1", ("Your IP is listed at a blocklist",))
    answered(jobs, LATER, blocked, smarthost_id=4).close()
    recall.look_now(connect)
    assert statuses(jobs) == [Status.DEFERRED] * 2
    for tried in DeliveryAttempt.objects.all():
        assert "fallback" in {step["step"] for step in tried.decisions}
