"""A message that ends the process which builds it: three times at most, and the others flow."""

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.transactional.egress.processes import PATIENCE, database_url
from tests.transactional.egress.sink import Sink, running
from tests.transactional.egress.test_engine import drained, eventually, send_raw, sink  # noqa: F401
from tokens.models import Account
from transactional import explain, sweeper
from transactional.egress.engine import connect
from transactional.egress.poison import LARGE, LIMIT, Poison, recall
from transactional.models import DeliveryAttempt, Event, Lane, QueueRow, Recipient, Status
from transactional.queue import Claimer
from transactional.submission.request import Accepted
from transactional.wire.handler import Envelope
from transactional.wire.mime import MimeError
from transactional.wire.reply import Reply

pytestmark = pytest.mark.django_db(transaction=True)

HEAD = b"From: orders@shop.example\r\nSubject: Hi\r\n\r\n"
LEASE = 2


def worker(settings: Any) -> subprocess.Popen[bytes]:
    values = {"EGRESS": settings.EGRESS, "LEASE_SECONDS": LEASE, "RETRY_SCALE": 0.01}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.transactional.egress.dying", json.dumps(values)],
        env={**os.environ, "DATABASE_URL": database_url()},
    )


def status(answer: Accepted) -> str:
    return Recipient.objects.get(message_id=answer.message_id).status


@pytest.mark.parametrize("lines", [20_000, 10], ids=["large", "ordinary"])
def test_a_message_that_ends_its_process_is_held_and_the_others_flow(
    account: Account,
    sink: Sink,  # noqa: F811
    settings: Any,
    lines: int,
) -> None:
    settings.LEASE_SECONDS = LEASE
    raw = HEAD + b"POISON " + b"x" * 70 + (b"\r\n" + b"y" * 70) * lines
    [poison] = send_raw(account, raw=raw)
    assert (len(raw) > LARGE) == (lines > 10)
    assert Recipient.objects.get(message_id=poison.message_id).status == Status.QUEUED
    deaths = 0
    process = worker(settings)
    try:
        deadline = time.monotonic() + PATIENCE
        while status(poison) == Status.QUEUED and time.monotonic() < deadline:
            if process.poll() is not None:
                assert process.returncode == -signal.SIGKILL
                deaths += 1
                process = worker(settings)
            sweeper.sweep()
            time.sleep(0.1)
        assert status(poison) == Status.HELD
        assert deaths == LIMIT
        others = send_raw(account, 3)
        # The worker that follows on the last death may only just have begun
        eventually(lambda: all(status(one) == Status.DELIVERED for one in others), PATIENCE)
        sink.wait_for(3)
    finally:
        process.kill()
        process.wait()
    event = Event.objects.filter(message_id=poison.message_id).latest("id")
    assert event.type == "held" and "the delivery process ended" in str(event.data)
    assert (event.data["class"], event.data["crashes"]) == ("poison", LIMIT)
    held = Recipient.objects.get(message_id=poison.message_id)
    why = explain.why_held(account.pk, [held])[held.pk]
    assert (why.code, why.in_doubt, why.release) == ("unbuilt", False, "anew")
    assert not QueueRow.objects.filter(message_id=poison.message_id).exists()


def test_a_failure_that_nobody_foresaw_is_tried_three_times(
    account: Account,
    sink: Sink,  # noqa: F811
    settings: Any,
) -> None:
    settings.LEASE_SECONDS = LEASE
    [odd] = send_raw(account, raw=HEAD + b"STUMBLE\r\n")
    process = worker(settings)
    try:
        deadline = time.monotonic() + PATIENCE
        while status(odd) == Status.QUEUED and time.monotonic() < deadline:
            assert process.poll() is None
            sweeper.sweep()
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
    assert status(odd) == Status.HELD
    assert sink.seen == 0
    assert not DeliveryAttempt.objects.exists()


def test_ordinary_messages_are_not_told(account: Account) -> None:
    assert len(HEAD) < LARGE
    send_raw(account)
    assert list(QueueRow.objects.values_list("crashes", flat=True)) == [0]


class Tarpit(Sink):
    """Takes its time over each recipient, until it is told to be quick."""

    checks_rcpt = True

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.quick = threading.Event()

    async def rcpt(self, envelope: Envelope, address: str) -> Reply | None:
        self.asked += 1
        while not self.quick.is_set():
            await asyncio.sleep(0.02)
        return None


def test_a_large_message_that_restarts_interrupt_at_its_receiver_is_no_poison(
    account: Account, settings: Any
) -> None:
    settings.LEASE_SECONDS = LEASE
    large = HEAD + b"x" * 70 + (b"\r\n" + b"y" * 70) * 20_000
    assert len(large) > LARGE
    with running(Tarpit()) as slow:
        assert isinstance(slow, Tarpit)
        settings.EGRESS = f"relay://127.0.0.1:{slow.port}"
        [sent] = send_raw(account, raw=large)
        for kills in range(1, LIMIT + 1):
            process = worker(settings)
            try:
                eventually(lambda n=kills: slow.asked == n, PATIENCE)
                eventually(lambda: QueueRow.objects.get().crashes == 0, PATIENCE)
            finally:
                process.kill()
                process.wait()
            eventually(lambda: sweeper.sweep() == 1, PATIENCE)
        slow.quick.set()
        process = worker(settings)
        try:
            eventually(drained, PATIENCE)
        finally:
            process.kill()
            process.wait()
        assert status(sent) == Status.DELIVERED
        [copy] = slow.kept
        assert b"X-Postino-Resent" not in copy.data


def test_one_risky_copy_is_built_at_a_time_and_each_is_told_of_and_cleared(
    account: Account, tmp_path: Path
) -> None:
    raw = HEAD + b"x" * 70 + (b"\r\n" + b"y" * 70) * 20_000
    send_raw(account, 3, raw=raw)
    seen: list[list[int]] = []

    async def told() -> None:
        async with await connect() as connection:
            jobs = (await Claimer([int(Lane.NORMAL)]).claim(connection, limit=3)).jobs
            guard = Poison(connect, tmp_path)

            async def build(number: int) -> None:
                async with guard.building(jobs[number]):
                    rows = await connection.execute(
                        "SELECT crashes FROM transactional_queuerow ORDER BY crashes"
                    )
                    seen.append([row[0] for row in await rows.fetchall()])
                    if number == 1:
                        raise MimeError("cannot be built")

            await asyncio.gather(*map(build, range(3)), return_exceptions=True)
            async with guard.building(jobs[0]):  # once the last is cleared
                pass

    asyncio.run(told())
    assert seen == [[0, 0, 1]] * 3


def test_a_note_that_cannot_be_removed_keeps_nobody_from_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk that became read-only: what it says is counted, and the engine goes on to claim."""
    (tmp_path / "12345-dead").write_bytes(uuid.uuid4().bytes)

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    async def recalled() -> None:
        async with await connect() as own:
            await recall(own, tmp_path)

    monkeypatch.setattr(Path, "unlink", refused)
    asyncio.run(recalled())
    assert "stays noted" in caplog.text
    assert (tmp_path / "12345-dead").exists()
