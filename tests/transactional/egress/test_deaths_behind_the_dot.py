"""A worker that is killed behind the final dot each time: four copies at most, then a person decides."""

import os
import signal
import subprocess
import time
from typing import Any

import pytest

from tests.transactional.egress.processes import PATIENCE
from tests.transactional.egress.sink import Sink, running
from tests.transactional.egress.test_engine import send_raw
from tests.transactional.egress.test_poison import LEASE, worker
from tokens.models import Account
from transactional import explain, held, retry, sweeper
from transactional.models import Event, QueueRow, Recipient, Status
from transactional.wire.handler import Envelope
from transactional.wire.reply import Reply

pytestmark = pytest.mark.django_db(transaction=True)


class Deadly(Sink):
    """Takes a message whole, and ends the process that sent it before it answers."""

    def __init__(self) -> None:
        super().__init__(self._kill)
        self.copies: list[Envelope] = []
        self.sender: subprocess.Popen[bytes] | None = None

    def _kill(self, envelope: Envelope, number: int) -> Reply | None:
        self.copies.append(envelope)
        assert self.sender is not None
        os.kill(self.sender.pid, signal.SIGKILL)
        return None


def until_it_stands(sink: Deadly, settings: Any) -> None:
    """Start a worker anew for each that dies, until the one recipient waits for nothing any more."""
    sink.sender = worker(settings)
    deadline = time.monotonic() + PATIENCE
    try:
        while QueueRow.objects.exists() and time.monotonic() < deadline:
            if sink.sender.poll() is not None:
                sink.sender = worker(settings)
            sweeper.sweep()
            time.sleep(0.05)
    finally:
        sink.sender.kill()
        sink.sender.wait()


def test_the_fourth_copy_is_the_last_and_sent_once_more_by_hand_it_is_held_at_once(
    account: Account, settings: Any
) -> None:
    settings.LEASE_SECONDS = LEASE
    with running(Deadly()) as sink:
        assert isinstance(sink, Deadly)
        settings.EGRESS = f"relay://127.0.0.1:{sink.port}"
        send_raw(account)
        until_it_stands(sink, settings)
        one = Recipient.objects.get()
        assert (one.status, len(sink.copies)) == (Status.HELD, retry.DOUBTS)
        resent = [b"X-Postino-Resent: yes" in copy.data for copy in sink.copies]
        assert resent == [False, True, True, True]
        told = [event.type for event in Event.objects.order_by("id")]
        assert told == ["accepted", "uncertain", "uncertain", "uncertain", "held"]
        why = explain.why_held(account.pk, [one])[one.pk]
        assert (why.code, why.kept_by, why.data["copies"]) == ("process_ended", "copies", 4)
        assert "4 copies ended so" in why.says
        # by hand: one more, and no fifth by itself
        assert held.release(account.pk, [one.pk], by="alice@shop.example").done == 1
        until_it_stands(sink, settings)
        one.refresh_from_db()
        assert (one.status, len(sink.copies)) == (Status.HELD, retry.DOUBTS + 1)
        why = explain.why_held(account.pk, [one])[one.pk]
        assert why.data["copies"] == len(sink.copies)
