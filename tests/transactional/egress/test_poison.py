"""A message that ends the process which builds it: three times at most, and the others flow."""

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from django.db import connection

from tests.transactional.egress.sink import Sink
from tests.transactional.egress.test_engine import drained, eventually, send_raw, sink  # noqa: F401
from tokens.models import Account
from transactional import explain, sweeper
from transactional.egress.poison import LARGE, LIMIT
from transactional.models import DeliveryAttempt, Event, QueueRow, Recipient, Status
from transactional.submission.request import Accepted

pytestmark = pytest.mark.django_db(transaction=True)

HEAD = b"From: orders@shop.example\r\nSubject: Hi\r\n\r\n"
LEASE = 2
PATIENCE = 200  # seconds: each death costs a new process its start, and its lease


def worker(settings: Any) -> subprocess.Popen[bytes]:
    values = {"EGRESS": settings.EGRESS, "LEASE_SECONDS": LEASE, "RETRY_SCALE": 0.01}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.transactional.egress.dying", json.dumps(values)],
        env={**os.environ, "DATABASE_URL": _url()},
    )


def _url() -> str:
    """The test database's, which Django made beside the one the environment names."""
    base, _, _ = os.environ["DATABASE_URL"].partition("?")
    query = os.environ["DATABASE_URL"][len(base) :]
    return base.rsplit("/", 1)[0] + f"/{connection.settings_dict['NAME']}" + query


def status(answer: Accepted) -> str:
    return Recipient.objects.get(message_id=answer.message_id).status


def test_a_message_that_ends_its_process_is_held_and_the_others_flow(
    account: Account,
    sink: Sink,  # noqa: F811
    settings: Any,
) -> None:
    settings.LEASE_SECONDS = LEASE
    [poison] = send_raw(account, raw=HEAD + b"POISON " + b"x" * 70 + (b"\r\n" + b"y" * 70) * 20_000)
    assert Recipient.objects.get(message_id=poison.message_id).status == Status.QUEUED
    deaths = 0
    running = worker(settings)
    try:
        deadline = time.monotonic() + PATIENCE
        while status(poison) == Status.QUEUED and time.monotonic() < deadline:
            if running.poll() is not None:
                assert running.returncode == -signal.SIGKILL
                deaths += 1
                running = worker(settings)
            sweeper.sweep()
            time.sleep(0.1)
        assert status(poison) == Status.HELD
        assert deaths == LIMIT
        others = send_raw(account, 3)
        # The worker that follows on the last death may only just have begun
        eventually(lambda: all(status(one) == Status.DELIVERED for one in others), PATIENCE)
        sink.wait_for(3)
    finally:
        running.kill()
        running.wait()
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
    running = worker(settings)
    try:
        deadline = time.monotonic() + PATIENCE
        while status(odd) == Status.QUEUED and time.monotonic() < deadline:
            assert running.poll() is None
            sweeper.sweep()
            time.sleep(0.1)
    finally:
        running.kill()
        running.wait()
    assert status(odd) == Status.HELD
    assert sink.seen == 0
    assert not DeliveryAttempt.objects.exists()


def test_ordinary_messages_are_not_told(account: Account) -> None:
    assert len(HEAD) < LARGE
    send_raw(account)
    assert list(QueueRow.objects.values_list("crashes", flat=True)) == [0]
