"""A pause takes effect for all that has no final dot yet, also what a worker has in hand."""

import asyncio
import threading
import time
from typing import Any

import pytest

from tests.transactional.egress.sink import Sink, running
from tests.transactional.egress.test_engine import drained, engine, eventually, send_raw
from tokens.models import Account
from transactional import queue, withdrawal
from transactional.models import Event, QueueRow, Recipient
from transactional.wire.handler import Envelope
from transactional.wire.reply import Reply

pytestmark = pytest.mark.django_db(transaction=True)
SESSIONS = 4


class Slow(Sink):
    """Takes its time over each message; all of them alike, so that some are always under way."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()

    async def message(self, envelope: Envelope) -> Reply:
        self.seen += 1
        while not self.open.is_set():
            await asyncio.sleep(0.02)
        self.kept.append(envelope)
        return Reply(250, "2.0.0", ("kept",))


def dots() -> int:
    return QueueRow.objects.exclude(dot_at=None).count()


def until_held(account: Account, messages: list[Any]) -> None:
    while queue.hold(account.pk, messages).missed:
        time.sleep(0.02)


def test_what_a_worker_has_in_hand_is_held_and_later_sent_once_unmarked(
    account: Account, settings: Any
) -> None:
    with running(Slow()) as sink:
        assert isinstance(sink, Slow)
        settings.EGRESS = f"relay://127.0.0.1:{sink.port}"
        messages = [one.message_id for one in send_raw(account, 20)]
        with engine(SESSIONS):
            sink.wait_for(1)
            in_hand = QueueRow.objects.exclude(lease=None).count()
            assert in_hand > 1
            until_held(account, messages)
            under_way = dots()
            left = QueueRow.objects.filter(dot_at=None)
            assert left.count() == 20 - under_way and not left.exclude(lease=None).exists()
            sink.open.set()
            eventually(lambda: Recipient.objects.filter(status="delivered").count() == under_way)
            time.sleep(1.0)  # longer than a look at the table: nothing more comes
            assert len(sink.kept) == under_way
            assert Recipient.objects.filter(status="queued").count() == 20 - under_way
            queue.let_go(account.pk, messages)
            eventually(drained)
        assert len(sink.kept) == len({one.rcpts for one in sink.kept}) == 20
        assert not any(b"X-Postino-Resent" in one.data for one in sink.kept)
        assert not Event.objects.filter(type__in=["uncertain", "deferred"]).exists()


def test_what_a_worker_has_in_hand_is_taken_back(account: Account, settings: Any) -> None:
    with running(Slow()) as sink:
        assert isinstance(sink, Slow)
        settings.EGRESS = f"relay://127.0.0.1:{sink.port}"
        messages = [one.message_id for one in send_raw(account, 20)]
        with engine(SESSIONS):
            sink.wait_for(1)
            taken = withdrawal.withdraw(account.pk, messages)
            number = taken.number
            while taken.missed:
                time.sleep(0.02)
                taken = withdrawal.withdraw(account.pk, messages)
                number += taken.number
            sink.open.set()
            eventually(drained)
        assert len(sink.kept) == 20 - number
        assert Recipient.objects.filter(status="cancelled").count() == number
        assert Recipient.objects.filter(status="delivered").count() == 20 - number
