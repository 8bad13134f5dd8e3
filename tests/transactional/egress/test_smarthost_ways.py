"""A smarthost and the direct way: neither keeps mail from the other, and no mail goes both ways."""

import asyncio
import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domains import pools, warmup
from domains.models import EgressSource, SourceState, WarmupDay
from domains.warmup_plan import OTHER
from tests.transactional.egress.sink import Sink, running
from tests.transactional.egress.test_engine import drained, engine, eventually, send_raw
from tests.transactional.egress.test_fallback import (
    PASSWORD,
    Relaying,
    codes,
    nowhere,
    smarthost,
)
from tests.transactional.egress.test_leases import swept
from tokens.models import Account
from transactional.models import (
    DeliveryAttempt,
    Event,
    QueueRow,
    Recipient,
    Smarthost,
    Status,
    Stream,
)
from transactional.wire.handler import Envelope
from transactional.wire.reply import Reply

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["nowhere", "smarthost"]
LATER = Reply(451, "4.3.2", ("Not now",))
UNPAID = Reply(554, "5.7.1", ("Message rejected: the sender address is not verified",))


def send_from_listed(account: Account) -> None:
    """Hand one in, whose IP then comes onto a blocklist: it speaks to the smarthost alone."""
    stand(account, SourceState.ACTIVE)
    send_raw(account)
    stand(account, SourceState.LISTED)


@contextmanager
def unplugged() -> Iterator[None]:
    """Nobody listens at the smarthost's port any more, and nobody else gets it."""
    row = Smarthost.objects.get()
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        row.port = held.getsockname()[1]
        row.set_password(PASSWORD)
        row.save()
        yield


def stand(account: Account, state: str) -> None:
    EgressSource.objects.of(account).update(state=state)
    pools.forget()


def by_smarthost() -> list[bool]:
    """Of each try, in their order, whether it went by the smarthost."""
    rows = DeliveryAttempt.objects.order_by("id")
    return [any(step == "fallback" for step, _ in codes(row)) for row in rows]


def test_mail_that_found_no_smarthost_takes_the_direct_way_once_it_is_open(
    account: Account, smarthost: Relaying, settings: Any
) -> None:
    """That nobody answered there says nothing of the receiver."""
    settings.RETRY_SCALE = 0.1  # five seconds, in which the IP is ready again and known to be
    with unplugged(), running(Sink()) as direct:
        settings.EGRESS = f"relay://127.0.0.1:{direct.port}"
        send_from_listed(account)
        with engine():
            eventually(lambda: Recipient.objects.get().status == Status.DEFERRED)
            stand(account, SourceState.ACTIVE)
            eventually(drained)
    assert Recipient.objects.get().status == Status.DELIVERED and len(direct.kept) == 1
    assert by_smarthost() == [True, False]


def test_near_its_deadline_mail_takes_both_ways_by_turns(
    account: Account, smarthost: Relaying, settings: Any
) -> None:
    settings.RETRY_SCALE = 0.02
    tried = threading.Event()
    sink = Sink(lambda envelope, number: None if tried.is_set() else LATER)
    with unplugged(), running(sink) as direct:
        settings.EGRESS = f"relay://127.0.0.1:{direct.port}"
        send_raw(account)
        QueueRow.objects.update(ends=None, deliver_by=datetime.now(UTC) + timedelta(seconds=12))
        with engine():
            eventually(lambda: any(by_smarthost()))
            tried.set()
            eventually(drained)
    assert Recipient.objects.get().status == Status.DELIVERED and len(direct.kept) == 1
    ways = by_smarthost()
    assert True in ways and ways[-1] is False
    assert (True, True) not in list(itertools.pairwise(ways))


def test_where_the_day_s_budget_is_used_up_mail_goes_round_without_touching_it(
    account: Account, smarthost: Relaying, settings: Any, nowhere: int
) -> None:
    source = EgressSource.objects.of(account).get()
    EgressSource.objects.filter(pk=source.pk).update(state=SourceState.WARMING, warm_up=True)
    pools.forget()
    day = WarmupDay.objects.create(
        source_id=source.pk, provider=OTHER, day=warmup.today(), cap=5, taken=5, code="grown"
    )
    send_raw(account, 3)
    with engine():
        eventually(drained)
    assert len(smarthost.kept) == 3
    assert by_smarthost() == [True] * 3
    day.refresh_from_db()
    assert (day.taken, day.sent, day.urgent) == (5, 0, 0)


def test_what_a_smarthost_has_against_us_ends_no_mail(
    account: Account, smarthost: Relaying, settings: Any
) -> None:
    settings.RETRY_SCALE = 0.05
    smarthost.answer = UNPAID
    with running(Sink()) as direct:
        settings.EGRESS = f"relay://127.0.0.1:{direct.port}"
        send_from_listed(account)
        with engine():
            eventually(lambda: Recipient.objects.get().status != Status.QUEUED)
            assert Recipient.objects.get().status == Status.DEFERRED
            stand(account, SourceState.ACTIVE)
            eventually(drained)
    assert Recipient.objects.get().status == Status.DELIVERED and len(direct.kept) == 1


def test_what_a_smarthost_says_of_the_recipient_or_of_the_mail_counts(
    account: Account, smarthost: Relaying, settings: Any
) -> None:
    for reply in (
        Reply(554, "5.7.1", ("Message rejected as spam by content filter",)),
        Reply(550, "5.1.1", ("No such user here",)),
    ):
        smarthost.answer = reply
        send_from_listed(account)
        with engine():
            eventually(drained)
        newest = Recipient.objects.latest("id")
        assert (newest.status, newest.attempts) == (Status.BOUNCED, 1), newest.reply


def test_a_worker_that_falls_silent_at_a_smarthost_s_dot_leaves_one_copy(
    account: Account, smarthost: Relaying, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    came, go_on = threading.Event(), threading.Event()
    message = Relaying.message

    async def slow(self: Relaying, envelope: Envelope) -> Reply:
        reply = await message(self, envelope)
        came.set()
        while not go_on.is_set():
            await asyncio.sleep(0.02)
        return reply

    monkeypatch.setattr(Relaying, "message", slow)
    with running(Sink()) as direct:
        settings.EGRESS = f"relay://127.0.0.1:{direct.port}"
        send_from_listed(account)
        with engine(sessions=1):
            assert came.wait(20)
            stand(account, SourceState.ACTIVE)
            assert swept() == 1
            go_on.set()
            eventually(drained)
        assert direct.seen == 0
    assert len(smarthost.kept) == 1
    assert Recipient.objects.get().status == Status.HELD
    assert [one.type for one in Event.objects.exclude(type="accepted")] == ["held"]


@pytest.mark.parametrize(
    ("tls", "status"), [("required", Status.DEFERRED), ("opportunistic", Status.DELIVERED)]
)
def test_a_stream_that_requires_tls_requires_it_of_its_smarthost_too(
    account: Account, settings: Any, tls: str, status: Status
) -> None:
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]
    settings.EGRESS = "mx"
    with running(Sink()) as plain:
        row = Smarthost.objects.create(
            account=account, name="R", host="127.0.0.1", port=plain.port, tls="opportunistic"
        )
        Stream.objects.default(account, "transactional")
        Stream.objects.of(account).update(fallback=row, tls=tls)
        send_from_listed(account)
        with engine():
            eventually(lambda: Recipient.objects.get().status == status)
        assert len(plain.kept) == (status == Status.DELIVERED)
