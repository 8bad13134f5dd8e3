"""What an engine may do with a row, and until when; and that none of its parts dies unnoticed."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from tests.transactional.egress.peers import Talk, listening, say
from tests.transactional.egress.sink import Sink
from tests.transactional.egress.test_engine import drained, engine, eventually, send_raw, sink
from tests.transactional.test_lifecycle import claim, enqueue, outcome
from tokens.models import Account
from transactional import lifecycle, queue, sweeper
from transactional.egress import flusher as flushing
from transactional.egress import leases as leasing
from transactional.egress import verdict
from transactional.egress.engine import Engine, connect
from transactional.egress.flusher import Flusher
from transactional.egress.leases import Leases
from transactional.egress.parking import ParkingLot
from transactional.models import Event, Lane, QueueRow, Recipient, Status

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["sink"]


def swept() -> int:
    """As if the worker had fallen silent."""
    QueueRow.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    return sweeper.sweep()


def test_a_lease_holds_for_its_seconds_unless_renewed_or_taken_over(
    account: Account, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(leasing, "steady_seconds", lambda: now[0])
    settings.LEASE_SECONDS = 30
    enqueue(account, 2)
    one, other = claim()
    leases = Leases()
    assert not leases.hold(one)
    assert leases.take(one, 1000.0) is None and leases.take(other, 1000.0) is None
    now[0] = 1029.0
    assert leases.hold(one) and leases.hold(other)
    leases.renewed([one, other], [one.held], 1029.0)
    now[0] = 1030.0
    assert leases.hold(one) and not leases.hold(other)
    assert swept() == 2
    again = next(job for job in claim() if job.id == one.id)
    assert leases.take(again, 1030.0) is one
    assert leases.hold(again) and not leases.hold(one)
    leases.drop(one)
    assert leases.hold(again)


def test_a_rows_new_job_begins_when_its_stale_one_has_ended(account: Account) -> None:
    enqueue(account)
    (stale,) = claim()
    assert swept() == 1
    (fresh,) = claim()
    told: list[tuple[str, bool]] = []

    class Courier:
        async def carry(self, job: queue.Job) -> None:
            told.append(("begins", job is fresh))
            try:
                await asyncio.sleep(0.05 if job is fresh else 60)
            finally:
                told.append(("ends", job is fresh))

    async def main() -> None:
        one = Engine(list(Lane), sessions=1)
        courier: Any = Courier()
        one._start(courier, stale, 0.0)
        await asyncio.sleep(0)
        one._start(courier, fresh, 0.0)
        await asyncio.wait(list(one._jobs.values()), timeout=5)

    asyncio.run(main())
    assert told == [("begins", False), ("ends", False), ("begins", True), ("ends", True)]


def waits_at(command: str, go_on: threading.Event) -> tuple[Talk, threading.Event]:
    """A receiver that says nothing to a command until told to, and when it has come."""
    came = threading.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await say(writer, "220 peer")
        while line := await reader.readline():
            said = line.decode("latin-1").strip().partition(" ")[0].upper()
            if said == command:
                came.set()
                while not go_on.is_set():
                    await asyncio.sleep(0.02)
            if said == "DATA":
                await say(writer, "354 go on")
                await reader.readuntil(b"\r\n.\r\n")
            await say(writer, "250 ok")

    return talk, came


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_killed_before_the_receiver_asks_for_the_content_nothing_is_in_doubt(
    account: Account, settings: Any, command: str
) -> None:
    go_on = threading.Event()
    talk, came = waits_at(command, go_on)
    with listening({"127.0.0.1": talk}) as peers:
        settings.EGRESS = f"relay://127.0.0.1:{peers.port}"
        send_raw(account)
        with engine(sessions=1):
            assert came.wait(20)
            eventually(lambda: QueueRow.objects.filter(lease__isnull=False).exists())
            assert not QueueRow.objects.filter(dot_at__isnull=False).exists()
            assert swept() == 1
            row = QueueRow.objects.get()
            assert not row.resent and Recipient.objects.get().status == Status.QUEUED
            go_on.set()
            eventually(drained)
    assert [one.type for one in Event.objects.exclude(type="accepted")] == ["delivered"]


def test_paused_behind_its_marker_until_its_lease_ran_out_it_sends_nothing(
    account: Account, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Event()
    taken_back = threading.Event()
    unmark = Flusher.unmark

    def not_ours(self: Leases, job: queue.Job) -> bool:
        asked.set()
        return False

    def watched(self: Flusher, job: queue.Job) -> "asyncio.Future[bool]":
        future = unmark(self, job)
        future.add_done_callback(lambda done: taken_back.set() if done.result() else None)
        return future

    monkeypatch.setattr(Leases, "hold", not_ours)
    monkeypatch.setattr(Flusher, "unmark", watched)
    send_raw(account)
    with engine(sessions=1):
        assert asked.wait(20) and taken_back.wait(20)
    assert sink.seen == 0
    assert QueueRow.objects.get().dot_at is None
    assert swept() == 1
    assert not QueueRow.objects.get().resent


def flushed(
    account: Account, monkeypatch: pytest.MonkeyPatch, *failures: Exception
) -> tuple[list[bool], bool]:
    """The answers to two outcomes where the first writes fail so; whether the writer lives."""
    enqueue(account, 2)
    jobs = claim()
    left = list(failures)
    real = lifecycle.flush

    async def failing(connection: Any, **given: Any) -> Any:
        if given["outcomes"] and left:
            raise left.pop(0)
        return await real(connection, **given)

    monkeypatch.setattr(lifecycle, "flush", failing)
    monkeypatch.setattr(flushing, "RETRY", 0.01)

    async def main() -> tuple[list[bool], bool]:
        one = Flusher(connect, lambda: 10)
        running = asyncio.create_task(one.run())
        done = [one.finish(outcome(job, Status.DELIVERED)) for job in jobs]
        answers = await asyncio.wait_for(asyncio.gather(*done), 10)
        lives = not running.done()
        one.stop()
        await asyncio.wait([running], timeout=5)
        return list(answers), lives

    return asyncio.run(main())


@pytest.mark.parametrize(
    "failures",
    [
        (psycopg.DataError("bad"), psycopg.OperationalError("gone")),
        (psycopg.IntegrityError("bad"), OSError("gone"), psycopg.InterfaceError("gone")),
        (psycopg.InternalError("read only"),),
        (KeyError("ours"),),
    ],
)
def test_no_failure_ends_the_writer_or_loses_an_outcome(
    account: Account, monkeypatch: pytest.MonkeyPatch, failures: tuple[Exception, ...]
) -> None:
    assert flushed(account, monkeypatch, *failures) == ([True, True], True)
    assert set(Recipient.objects.values_list("status", flat=True)) == {Status.DELIVERED}


def test_an_outcome_that_cannot_be_written_keeps_no_other_from_it(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = (TypeError("ours"), TypeError("this one's"))
    assert flushed(account, monkeypatch, *failures) == ([False, True], True)


async def _broken(self: Any, *_: Any) -> None:
    await asyncio.sleep(0.2)
    raise RuntimeError("broken")


async def _over(self: Any, *_: Any) -> None:
    await asyncio.sleep(0.2)


@pytest.mark.parametrize("how", [_broken, _over])
@pytest.mark.parametrize("part", [(Flusher, "run"), (ParkingLot, "run"), (Engine, "_heartbeat")])
def test_an_engine_ends_its_process_when_a_part_of_it_has_ended(
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    part: tuple[type, str],
    how: Callable[..., Any],
) -> None:
    monkeypatch.setattr(*part, how)
    ended = threading.Event()
    one = Engine(list(Lane), sessions=1, broken=ended.set)
    one.start()
    assert ended.wait(20)


def test_an_engine_that_is_told_to_stop_ends_no_process(settings: Any) -> None:
    ended = threading.Event()
    one = Engine(list(Lane), sessions=1, broken=ended.set)
    one.start()
    one.stop()
    assert not ended.is_set()


def test_in_doubt_and_past_its_deadline_mail_is_held_and_not_called_unsent(
    account: Account, sink: Sink
) -> None:
    [sent] = send_raw(account)
    QueueRow.objects.update(
        resent=True, ends=None, deliver_by=timezone.now() - timedelta(seconds=1)
    )
    Recipient.objects.update(status=Status.UNCERTAIN)
    with engine():
        eventually(drained)
    recipient = Recipient.objects.get(message_id=sent.message_id)
    assert recipient.status == Status.HELD
    assert recipient.reply == verdict.IN_DOUBT
    held = Event.objects.get(type="held")
    assert (held.data["class"], held.data["copies"]) == ("in_doubt", 1)
    assert held.data["because"] == "deadline"
    assert sink.seen == 0


def test_in_doubt_and_refused_until_its_deadline_mail_is_held(account: Account) -> None:
    enqueue(account)
    QueueRow.objects.update(
        resent=True, ends=None, deliver_by=timezone.now() + timedelta(seconds=4)
    )
    (job,) = claim()
    reply = "451 4.3.2 Not now"
    ended = verdict.defer(verdict.Tried(job), "temporary", reply, 2)
    assert (ended.status, ended.reply, ended.final) == (Status.HELD, reply, True)
    assert ended.data == {"class": "in_doubt", "copies": 2, "because": "deadline"}
