"""Delivery processes that are killed before they could write down what was answered: no second copy, no doubt."""

import shutil
from typing import Any

import pytest
from django.db.models.functions import Now

from tests.transactional.egress.processes import PATIENCE, standing_still
from tests.transactional.egress.sink import Sink, running
from tests.transactional.egress.test_engine import drained, engine, eventually, send_raw
from tokens.models import Account
from transactional.egress import recall
from transactional.models import DeliveryAttempt, Event, QueueRow, Recipient, Status
from transactional.tasks import chores
from transactional.wire.handler import Envelope
from transactional.wire.reply import Reply

pytestmark = pytest.mark.django_db(transaction=True)

TRY_AGAIN = Reply(451, "4.3.2", ("Not now",))


@pytest.fixture(autouse=True)
def _no_journals_yet(settings: Any) -> None:
    shutil.rmtree(recall.folder(), ignore_errors=True)
    settings.RETRY_SCALE = 0.01


def killed_when_there(how: str, settings: Any, lease: int) -> None:
    """Start such a process, and kill it where it stands still."""
    with standing_still(how, settings, lease=lease):
        pass


def in_doubt() -> bool:
    return Event.objects.filter(type="uncertain").exists()


@pytest.mark.parametrize("how", ["answered", "marked"])
def test_what_was_answered_is_delivered_and_what_stayed_is_sent_once_unmarked(
    account: Account, settings: Any, how: str
) -> None:
    with running(Sink()) as sink:
        settings.EGRESS = f"relay://127.0.0.1:{sink.port}"
        send_raw(account, 3)
        killed_when_there(how, settings, lease=5)
        held = QueueRow.objects.exclude(lease=None)
        assert held.exclude(dot_at=None).exists()
        if how == "answered":
            assert sink.kept
        else:
            assert not sink.kept
        with engine():
            eventually(lambda: not held.exclude(dot_at=None).exists(), PATIENCE)
            eventually(lambda: bool(chores.sweep()) or drained(), PATIENCE)
        assert set(Recipient.objects.values_list("status", flat=True)) == {Status.DELIVERED}
        assert len(sink.kept) == 3
        assert not any(b"X-Postino-Resent" in copy.data for copy in sink.kept)
        assert not in_doubt()


def test_a_sweep_behind_the_leases_end_reads_the_journal_first(
    account: Account, settings: Any
) -> None:
    def answer(envelope: Envelope, number: int) -> Reply | None:
        return TRY_AGAIN if number == 0 else None

    with running(Sink(answer)) as sink:
        settings.EGRESS = f"relay://127.0.0.1:{sink.port}"
        send_raw(account)
        killed_when_there("answered", settings, lease=1)
        eventually(lambda: QueueRow.objects.filter(lease_until__lt=Now()).exists(), PATIENCE)
        chores.sweep()
        one = Recipient.objects.get()
        assert (one.status, one.reply) == (Status.DEFERRED, str(TRY_AGAIN))
        assert not QueueRow.objects.get().resent and not in_doubt()
        tried = DeliveryAttempt.objects.get()
        assert (tried.code, tried.host, tried.stage) == (451, "127.0.0.1", "dot")
        assert tried.decisions[0]["code"] == "recalled"
        with engine():
            eventually(drained, PATIENCE)
        assert [b"X-Postino-Resent" in copy.data for copy in sink.kept] == [False]
