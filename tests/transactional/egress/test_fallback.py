"""The stream's smarthost: taken when the direct way is shut or the deadline is near, and then alone."""

import asyncio
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import uvloop
from django.utils import timezone

from domains import pools
from domains.models import EgressSource, SourceState
from tests.transactional.egress.sink import Sink, running
from tests.transactional.egress.test_engine import drained, engine, eventually, send_raw
from tests.transactional.wire.smtp_parts import server_context
from tokens.models import Account
from transactional import explain
from transactional.egress import fallback
from transactional.egress.cell import Cell, Closed
from transactional.egress.profiles import Limits, Rule
from transactional.models import (
    DeliveryAttempt,
    Lane,
    QueueRow,
    Recipient,
    Smarthost,
    Status,
    Stream,
)
from transactional.wire.handler import Auth, Envelope, Handler, Refusal, ServerConfig
from transactional.wire.protocol import SmtpServerProtocol
from transactional.wire.reply import Reply

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "s3cret-of-the-relay"


class Relaying(Handler):
    """A smarthost that wants a password under TLS."""

    def __init__(self) -> None:
        self.kept: list[Envelope] = []
        self.answer = Reply(250, "2.0.0", ("relayed",))

    async def authenticate(self, username: str, password: str, peer: str) -> Auth | Refusal:
        return Auth(username) if (username, password) == ("us", PASSWORD) else Refusal()

    async def message(self, envelope: Envelope) -> Reply:
        self.kept.append(envelope)
        return self.answer


@contextmanager
def relaying(context: ssl.SSLContext) -> Iterator[tuple[Relaying, int]]:
    handler, started = Relaying(), threading.Event()
    ports: list[int] = []
    stopping: list[Callable[[], object]] = []

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        config = ServerConfig("smart.example", require_auth=True, tls_context=context)
        server = await loop.create_server(
            lambda: SmtpServerProtocol(config, handler), "127.0.0.1", 0
        )
        ports.append(server.sockets[0].getsockname()[1])
        stopping.append(lambda: loop.call_soon_threadsafe(done.set))
        started.set()
        await done.wait()
        server.close()

    thread = threading.Thread(target=lambda: uvloop.run(serve()), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield handler, ports[0]
    finally:
        stopping[0]()
        thread.join(10)


@pytest.fixture
def smarthost(account: Account, tmp_path: Path, settings: Any) -> Iterator[Relaying]:
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]
    with relaying(server_context(tmp_path)) as (handler, port):
        row = Smarthost.objects.create(
            account=account,
            name="Relay",
            host="127.0.0.1",
            port=port,
            username="us",
            tls="required",
        )
        row.set_password(PASSWORD)
        row.save()
        Stream.objects.default(account, "transactional")
        Stream.objects.of(account).update(fallback=row)
        yield handler


@pytest.fixture
def nowhere(settings: Any) -> Iterator[int]:
    """The direct way leads to a port where nobody listens; its number, which nobody else gets."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = int(held.getsockname()[1])
        settings.EGRESS = f"relay://127.0.0.1:{port}"
        yield port


def codes(attempt: DeliveryAttempt) -> list[tuple[str, str]]:
    return [(one["step"], one["code"]) for one in attempt.decisions or ()]


def test_a_single_mail_that_found_nobody_takes_the_smarthost_with_its_next_try(
    account: Account, smarthost: Relaying, settings: Any, nowhere: int
) -> None:
    """One refused connection makes no dead site; its retry goes round it all the same."""
    settings.RETRY_SCALE = 0.005
    send_raw(account)
    with engine():
        eventually(drained)
    assert len(smarthost.kept) == 1
    first, second = DeliveryAttempt.objects.order_by("number")
    assert first.stage == "connect"
    assert ("fallback", "direct_way_dead") in codes(second)


def test_a_deadline_that_is_near_takes_the_smarthost_once(
    account: Account, smarthost: Relaying, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.RETRY_SCALE = 0.02
    later = Reply(451, "4.3.2", ("Not now",))
    with running(Sink(lambda envelope, number: later)) as direct:
        settings.EGRESS = f"relay://127.0.0.1:{direct.port}"
        [sent] = send_raw(account)
        QueueRow.objects.update(ends=None, deliver_by=datetime.now(UTC) + timedelta(seconds=6))
        with engine():
            eventually(drained)
    [one] = smarthost.kept
    assert one.auth and one.auth.username == "us" and one.tls
    recipient = Recipient.objects.get(message_id=sent.message_id)
    assert (recipient.status, recipient.reply) == (Status.DELIVERED, "250 2.0.0 relayed")
    tries = list(DeliveryAttempt.objects.order_by("number"))
    assert direct.seen == len(tries) - 1 >= 1 and not direct.kept
    assert ("fallback", "deadline_near") in codes(tries[-1])
    assert all(("fallback", "deadline_near") not in codes(early) for early in tries[:-1])
    assert ("tls", "smarthost") in codes(tries[-1])
    assert b"X-Postino-Resent" not in one.data
    told = "".join(str(row.transcript) + str(row.decisions) for row in tries) + caplog.text
    assert PASSWORD not in told and "dXMA" not in told


def test_a_site_that_does_not_answer_is_gone_round(
    account: Account, smarthost: Relaying, settings: Any, nowhere: int
) -> None:
    send_raw(account, 40)
    QueueRow.objects.update(lane=Lane.URGENT)
    with engine(sessions=2):
        eventually(lambda: len(smarthost.kept) > 0)
        eventually(
            lambda: (
                QueueRow.objects.filter(lease__isnull=False).count() == 0
                and not QueueRow.objects.filter(attempt=0).exists()
            )
        )
    round_by = [
        row
        for row in DeliveryAttempt.objects.all()
        if ("fallback", "direct_way_shut") in codes(row)
    ]
    assert len(round_by) == len(smarthost.kept) > 0
    delivered = Recipient.objects.filter(status=Status.DELIVERED).count()
    assert delivered == len(smarthost.kept) == len({one.rcpts for one in smarthost.kept})


def test_where_nobody_answers_all_of_it_goes_round_and_new_mail_looks(
    account: Account, smarthost: Relaying, settings: Any, nowhere: int
) -> None:
    settings.RETRY_SCALE = 0.02
    send_raw(account, 12)
    with engine(sessions=2):
        eventually(drained, 30)
        assert len(smarthost.kept) == len({one.rcpts for one in smarthost.kept}) == 12
        # While the site is left alone new mail goes round as well; a later one looks
        for _ in range(20):
            send_raw(account, 1)
            eventually(drained, 30)
            newest = Recipient.objects.latest("id")
            first = DeliveryAttempt.objects.filter(recipient_id=newest.pk).earliest("at")
            if first.stage == "connect":
                break
            time.sleep(1)
    assert (first.host, first.stage) == ("127.0.0.1", "connect") and str(nowhere) in first.address


def test_what_is_in_doubt_beyond_the_smarthost_is_held(
    account: Account, smarthost: Relaying, settings: Any
) -> None:
    settings.RETRY_SCALE = 0.02
    smarthost.answer = Reply(354, None, ("which is no answer to a dot",))
    later = Reply(451, "4.3.2", ("Not now",))
    with running(Sink(lambda envelope, number: later)) as direct:
        settings.EGRESS = f"relay://127.0.0.1:{direct.port}"
        [sent] = send_raw(account)
        QueueRow.objects.update(ends=None, deliver_by=datetime.now(UTC) + timedelta(seconds=6))
        with engine():
            eventually(drained)
    assert len(smarthost.kept) == 1
    held = Recipient.objects.get(message_id=sent.message_id)
    assert held.status == Status.HELD
    why = explain.why_held(account.pk, [held])[held.pk]
    assert (why.code, why.kept_by, why.in_doubt) == ("answer_unclear", "smarthost", True)
    assert why.reply == "354 which is no answer to a dot"


def test_a_copy_in_doubt_never_takes_the_smarthost(
    account: Account, smarthost: Relaying, settings: Any, nowhere: int
) -> None:
    """Parked, late or before a dead site: whoever may have the direct copy gets no other's."""
    settings.RETRY_SCALE = 0.02
    send_raw(account, 12)
    QueueRow.objects.update(resent=True, attempt=1, lane=Lane.URGENT)
    Recipient.objects.update(status=Status.UNCERTAIN, attempts=1)
    with engine(sessions=2):
        # At one moment: what is parked is soon tried again
        eventually(
            lambda: (
                not QueueRow.objects.filter(attempt=1, parked=None).exists()
                and QueueRow.objects.exclude(parked=None).exists()
            ),
            30,
        )

        def all_are_near_their_end() -> bool:
            """Also what a worker had in hand a moment ago."""
            now = timezone.now()
            far = QueueRow.objects.filter(lease=None, deliver_by__gt=now + timedelta(seconds=60))
            far.update(due_at=now, ends=None, deliver_by=now + timedelta(seconds=2))
            return drained()

        eventually(all_are_near_their_end, 30)
    assert not smarthost.kept
    assert DeliveryAttempt.objects.filter(stage="connect").exists()


def test_without_a_smarthost_it_waits(account: Account, settings: Any) -> None:
    settings.RETRY_SCALE = 0.02
    later = Reply(451, "4.3.2", ("Not now",))
    with running(Sink(lambda envelope, number: later)) as direct:
        settings.EGRESS = f"relay://127.0.0.1:{direct.port}"
        [sent] = send_raw(account)
        QueueRow.objects.update(ends=None, deliver_by=datetime.now(UTC) + timedelta(seconds=4))
        with engine():
            eventually(drained)
    assert Recipient.objects.get(message_id=sent.message_id).status == Status.EXPIRED


def test_a_wrong_password_leaves_the_mail_to_the_usual_schedule(
    account: Account, smarthost: Relaying, settings: Any
) -> None:
    settings.RETRY_SCALE = 0.02
    row = Smarthost.objects.of(account).get()
    row.set_password("wrong")
    row.save()
    later = Reply(451, "4.3.2", ("Not now",))
    with running(Sink(lambda envelope, number: later)) as direct:
        settings.EGRESS = f"relay://127.0.0.1:{direct.port}"
        [sent] = send_raw(account)
        QueueRow.objects.update(ends=None, deliver_by=datetime.now(UTC) + timedelta(seconds=5))
        with engine():
            eventually(drained)
    assert not smarthost.kept
    recipient = Recipient.objects.get(message_id=sent.message_id)
    assert recipient.status == Status.EXPIRED
    stages = set(DeliveryAttempt.objects.values_list("stage", flat=True))
    assert "auth" in stages


@pytest.mark.parametrize(
    ("lane", "wait", "stands", "taken"),
    [
        (Lane.NORMAL, 60, True, True),
        (Lane.BULK, 3600, True, True),
        (Lane.NORMAL, 59, True, False),
        (Lane.URGENT, 15, True, True),
        (Lane.URGENT, 900, False, False),  # mail goes on there, this waits its turn
    ],
)
def test_only_a_way_that_stays_shut_is_gone_round(
    lane: int, wait: float, stands: bool, taken: bool
) -> None:
    now = datetime.now(UTC)
    job = Mock(lane=lane, attempt=0, deliver_by=now + timedelta(days=3))
    found = fallback.when_shut(job, Closed("any", wait, stands=stands), now)
    assert (found is not None) is taken
    assert found is None or found.code == "direct_way_shut"


@pytest.mark.parametrize(
    ("code", "wait", "left", "taken"),
    [
        ("rate", 3600, 1800, True),
        ("connections", 60, 30, True),
        ("site_down", 50, 40, True),
        ("rate", 1, 15, True),
        ("rate", 1, 16, False),
        ("connections", 60, 300, False),
    ],
)
def test_mail_that_no_turn_would_come_for_in_time_goes_round(
    code: str, wait: float, left: float, taken: bool
) -> None:
    now = datetime.now(UTC)
    for tries in (0, 3):
        job = Mock(lane=Lane.NORMAL, attempt=tries, deliver_by=now + timedelta(seconds=left))
        found = fallback.when_shut(job, Closed(code, wait), now)
        assert (found is not None) is taken
        assert found is None or found.code == "no_turn_in_time"


def test_a_rule_that_suspends_is_gone_round() -> None:
    """What counts is that nothing goes there, not what the rule is called."""
    limits = Limits("yahoo", 10, 60)
    rule = Rule("yahoo-for-good", "", re.compile("x"), 1, 3600, "suspend", 0, 10_800.0)
    taught, told = Cell(limits, now=0.0), Cell(limits, now=0.0)
    taught.obey(rule, 1.0)
    told.adopt(taught.state(0.0), 0.0)
    now = datetime.now(UTC)
    job = Mock(lane=Lane.NORMAL, attempt=0, deliver_by=now + timedelta(days=3))
    for cell in (taught, told):
        shut = cell.closed(1.0)
        assert shut is not None and shut.code == "yahoo-for-good"
        found = fallback.when_shut(job, shut, now)
        assert found is not None and found.data["because"] == "yahoo-for-good"


def test_where_no_ip_is_ready_mail_goes_round_but_never_from_one_that_is_paused(
    account: Account, smarthost: Relaying, settings: Any
) -> None:
    settings.RETRY_SCALE = 0.02
    [sent] = send_raw(account)
    source = EgressSource.objects.of(account).get()
    EgressSource.objects.filter(pk=source.pk).update(state=SourceState.PAUSED)
    pools.forget()
    with engine():
        eventually(lambda: Recipient.objects.get().status == Status.DEFERRED)
        assert not smarthost.kept
        EgressSource.objects.filter(pk=source.pk).update(state=SourceState.LISTED)
        eventually(drained, 20)
    assert Recipient.objects.get(message_id=sent.message_id).status == Status.DELIVERED
    [_one] = smarthost.kept
    last = DeliveryAttempt.objects.get()
    assert [step for step, _ in codes(last)][:2] == ["source", "fallback"]
    assert ("fallback", "direct_way_shut") in codes(last)


@pytest.mark.parametrize(
    ("tries", "left", "taken"), [(0, 1, False), (1, 1, True), (1, 9000, False)]
)
def test_the_deadline_counts_once_a_try_has_failed(tries: int, left: float, taken: bool) -> None:
    now = datetime.now(UTC)
    job = Mock(attempt=tries, deliver_by=now + timedelta(seconds=left))
    assert (fallback.when_late(job, now) is not None) is taken


def test_a_password_moved_to_another_server_does_not_open(account: Account) -> None:
    row = Smarthost.objects.create(account=account, name="R", host="a.example", username="us")
    row.set_password(PASSWORD)
    row.save()
    assert Smarthost.objects.get().read_password() == PASSWORD
    assert PASSWORD.encode() not in bytes(row.password)
    row.host = "b.example"
    with pytest.raises(Exception, match="altered"):
        row.read_password()
