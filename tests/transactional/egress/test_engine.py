"""The delivery engine against a real server: what was accepted, what arrived, what was written."""

import email
import email.policy
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dkim as dkimpy
import pytest
from django.db import OperationalError
from django.utils import timezone

from domains import warmup
from domains.models import DkimKey, EgressSource, WarmupDay
from tests.cast import make_email
from tests.transactional.egress.sink import Sink, running
from tokens import credentials
from tokens.auth import Principal
from tokens.models import Account
from transactional import signing
from transactional.compose import versions
from transactional.egress.engine import Engine
from transactional.egress.lookups import Lookups
from transactional.models import (
    Campaign,
    DeliveryAttempt,
    Event,
    Lane,
    QueueRow,
    Recipient,
    Source,
    Stream,
    Suppression,
)
from transactional.queue import Job
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, RawSubmission, TemplateSubmission
from transactional.wire.handler import Envelope
from transactional.wire.reply import Reply

pytestmark = pytest.mark.django_db(transaction=True)

HTML_MAIL = (
    b"From: orders@shop.example\r\nTo: anna@x.example\r\nSubject: Hi\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: text/html; charset="iso-8859-1"\r\n'
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    b'<p>Caff=E8</p><a href=3D"https://shop.example/a?b=3D1&amp;c=3D2">go</a>\r\n.dot\r\n'
)


@contextmanager
def engine(sessions: int = 4) -> Iterator[Engine]:
    one = Engine(list(Lane), sessions=sessions)
    one.start()
    try:
        yield one
    finally:
        one.stop()


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    with running(Sink()) as one:
        settings.EGRESS = f"relay://127.0.0.1:{one.port}"
        yield one


def key(account: Account) -> Principal:
    row, _ = credentials.create_api_key(account, name="k", scopes=["transactional-email"], by="a")
    return Principal(account_id=account.pk, kind="api", credential_id=row.pk, name="k")


def token(account: Account) -> Principal:
    row, _ = credentials.create_smtp(account, campaign_name="c", create_contact=False, by="a")
    Campaign.objects.open_for(row)
    return Principal(account_id=account.pk, kind="smtp", credential_id=row.pk, name=row.username)


def send_raw(account: Account, n: int = 1, raw: bytes = HTML_MAIL) -> list[Accepted]:
    principal = token(account)
    answers = accept_many(
        [
            RawSubmission(
                principal=principal,
                raw=raw,
                reverse_path=None,
                recipients=(f"u{i}@x.example",),
            )
            for i in range(n)
        ]
    )
    assert all(isinstance(answer, Accepted) for answer in answers)
    return [answer for answer in answers if isinstance(answer, Accepted)]


def eventually(check: Callable[[], bool], seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < limit
        time.sleep(0.02)


def drained() -> bool:
    return not QueueRow.objects.exists()


def public_keys(name: bytes, timeout: int = 5) -> bytes:
    selector = name.decode().split(".")[0]
    row = DkimKey.objects.get(selector=selector, domain__name="shop.example")
    return f"v=DKIM1; k={row.algorithm}; p={row.public_key}".encode()


def test_a_composed_email_arrives_signed_tracked_and_from_the_dedicated_ip(
    account: Account, sink: Sink
) -> None:
    composed = make_email(account)
    versions.publish(composed, by="a")
    (answer,) = accept_many(
        [
            TemplateSubmission(
                principal=key(account),
                source=Source.API,
                email_id=composed.pk,
                to="Anna Bianchi <anna@x.example>",
                bcc=("dora@y.example",),
                reply_to=("help@shop.example",),
                contact_properties={"firstname": "Zoë <b>"},
                custom={"order_id": "A/7"},
            )
        ]
    )
    assert isinstance(answer, Accepted)
    with engine():
        sink.wait_for(2)
        eventually(drained)
    assert {e.peer for e in sink.kept} == {"127.0.0.10"}
    assert {e.rcpts for e in sink.kept} == {("anna@x.example",), ("dora@y.example",)}
    for envelope in sink.kept:
        recipient = Recipient.objects.get(address=envelope.rcpts[0])
        assert envelope.mail_from is not None
        local, _, host = envelope.mail_from.partition("@")
        assert signing.read_verp(local) == recipient.pk
        assert host == f"b{account.pk}.shop.example"
        assert dkimpy.verify(envelope.data, dnsfunc=public_keys)
        both = re.findall(rb"a=(rsa|ed25519)-sha256", envelope.data)
        assert sorted(both) == [b"ed25519", b"rsa"]
        parsed = email.message_from_bytes(envelope.data, policy=email.policy.default)
        assert parsed["Subject"] == "Order A/7"
        assert parsed["To"] == "Anna Bianchi <anna@x.example>"
        assert parsed["Reply-To"] == "help@shop.example"
        assert parsed["Bcc"] is None
        assert parsed["From"] == "Shop <orders@shop.example>"
        html = parsed.get_body(("html",)).get_content()
        assert "Zoë &lt;b&gt;" in html
        assert html.count("/o/") == 1
        found = re.search(r'href="[^"]*/c/([^"]+)"', html)
        assert found is not None
        click = signing.read_click(found[1])
        assert click is not None
        assert (click.recipient_id, click.url) == (recipient.pk, "https://shop.example/o/A/7")
        assert "Zoë <b>" in parsed.get_body(("plain",)).get_content()
        assert (recipient.status, recipient.attempts) == ("delivered", 1)
    source = EgressSource.objects.of(account).get()
    attempt = DeliveryAttempt.objects.of(account).first()
    assert attempt is not None
    assert (attempt.source_address, attempt.code, attempt.stage) == (source.address, 250, "dot")
    assert "MAIL FROM" in attempt.transcript
    assert sorted(Event.objects.of(account).values_list("type", flat=True)) == [
        "accepted",
        "accepted",
        "delivered",
        "delivered",
    ]


def test_an_smtp_message_keeps_all_but_what_tracking_changes(account: Account, sink: Sink) -> None:
    send_raw(account)
    with engine():
        sink.wait_for(1)
        eventually(drained)
    (envelope,) = sink.kept
    assert dkimpy.verify(envelope.data, dnsfunc=public_keys)
    parsed = email.message_from_bytes(envelope.data, policy=email.policy.default)
    html = parsed.get_content()
    assert "<p>Caffè</p>" in html
    assert ".dot" in html
    found = re.search(r'href="[^"]*/c/([^"]+)"', html)
    assert found is not None
    click = signing.read_click(found[1])
    assert click is not None
    assert click.url == "https://shop.example/a?b=1&c=2"
    assert parsed["Message-ID"]
    assert parsed["Date"]


def test_many_messages_share_sessions_and_each_arrives_once(account: Account, sink: Sink) -> None:
    send_raw(account, 200)
    with engine(sessions=8):
        sink.wait_for(200)
        eventually(drained)
    assert sorted(e.rcpts[0] for e in sink.kept) == sorted(f"u{i}@x.example" for i in range(200))
    assert sink.connections <= 16
    assert Recipient.objects.filter(status="delivered").count() == 200


def run_with(
    settings: Any, account: Account, answer: Callable[[Envelope, int], Reply | None], tries: int
) -> Sink:
    settings.RETRY_SCALE = 0.01
    with running(Sink(answer)) as one:
        settings.EGRESS = f"relay://127.0.0.1:{one.port}"
        send_raw(account)
        with engine():
            one.wait_for(tries)
            eventually(drained)
    return one


def test_a_greylisted_message_comes_back_with_the_same_envelope(
    account: Account, settings: Any
) -> None:
    froms = []

    def greylist(envelope: Envelope, number: int) -> Reply | None:
        froms.append((envelope.mail_from, envelope.data))
        return Reply(451, "4.7.1", ("Greylisted, come back",)) if number == 0 else None

    run_with(settings, account, greylist, 2)
    recipient = Recipient.objects.get()
    assert (recipient.status, recipient.attempts) == ("delivered", 2)
    assert froms[0] == froms[1]  # the same return-path and the same bytes
    types = list(Event.objects.order_by("id").values_list("type", flat=True))
    assert types == ["accepted", "deferred", "delivered"]
    first, last = DeliveryAttempt.objects.order_by("id")
    told = [(one["step"], one["code"]) for one in first.decisions]
    assert told[0] == ("route", "relay") and told[-1] == ("retry", "greylisted")
    assert "retry" not in {one["step"] for one in last.decisions}


def test_a_refusal_for_good_bounces_and_suppresses(account: Account, settings: Any) -> None:
    run_with(settings, account, lambda envelope, number: Reply(550, "5.1.1", ("No such user",)), 1)
    assert Recipient.objects.get().status == "bounced"
    assert Suppression.objects.of(account).get().address == "u0@x.example"
    assert Event.objects.get(type="bounced").data["category"] == "hard"


@pytest.mark.parametrize(
    ("reply", "category", "reason"),
    [
        (Reply(550, "5.7.1", ("Your IP is on our block list",)), "block", "blocked"),
        (Reply(552, "5.2.2", ("Mailbox full",)), "soft", "mailboxfull"),
        # a 5.1.1 whose words are about us
        (Reply(550, "5.1.1", ("Message looks like spam",)), "block", "spamdetected"),
    ],
)
def test_a_refusal_that_is_not_about_the_address_suppresses_nothing(
    account: Account, settings: Any, reply: Reply, category: str, reason: str
) -> None:
    run_with(settings, account, lambda envelope, number: reply, 1)
    data = Event.objects.get(type="bounced").data
    assert (data["category"], data["reason"]) == (category, reason)
    assert not Suppression.objects.exists()


def test_a_deferral_without_end_expires_and_names_the_last_reply(
    account: Account, settings: Any
) -> None:
    Stream.objects.default(account, "transactional")
    Stream.objects.of(account).update(lifetime=4)
    run_with(settings, account, lambda envelope, number: Reply(451, "4.2.0", ("Busy",)), 1)
    assert Recipient.objects.get().status == "expired"
    assert "Busy" in Event.objects.get(type="expired").data["response"]
    assert not Suppression.objects.exists()


def test_without_a_ready_ip_mail_waits(account: Account, sink: Sink) -> None:
    send_raw(account)
    EgressSource.objects.of(account).update(state="paused")
    with engine():
        eventually(lambda: Recipient.objects.get().status == "deferred")
    assert sink.seen == 0
    event = Event.objects.get(type="deferred")
    assert "is ready: 127.0.0.10 is paused." in event.data["response"]
    why, told = event.data["decisions"]
    assert (why["step"], why["code"]) == ("source", "no_source")
    assert why["data"]["why"] == "127.0.0.10 is paused"
    assert (told["step"], told["code"], told["data"]["tries"]) == ("retry", "temporary", 1)


def test_mail_that_a_report_has_ended_meanwhile_leaves_the_queue_without_a_try(
    account: Account, sink: Sink
) -> None:
    send_raw(account)
    Recipient.objects.update(status="bounced")
    QueueRow.objects.update(resent=True, attempt=1)
    with engine():
        eventually(drained)
    assert sink.seen == 0 and Recipient.objects.get().status == "bounced"
    assert [event.type for event in Event.objects.all()] == ["accepted"]


def test_how_many_copies_are_in_doubt_is_asked_before_another_is_sent(
    account: Account, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that does not answer behind the final dot would cost the reply, and one more copy."""
    real, seen = Lookups.doubts, list[int]()

    async def fails_once(self: Lookups, job: Job) -> int:
        seen.append(sink.seen)
        if len(seen) == 1:
            raise OperationalError("as asked")
        return await real(self, job)

    monkeypatch.setattr(Lookups, "doubts", fails_once)
    send_raw(account)
    QueueRow.objects.update(resent=True, attempt=1)
    with engine():
        eventually(lambda: len(seen) == 1)
        QueueRow.objects.update(due_at=timezone.now(), lease=None, lease_until=None)
        eventually(drained)
    assert Recipient.objects.get().status == "delivered"
    assert seen == [0] * len(seen) and sink.seen == 1


def test_an_engine_that_stops_gives_back_what_it_has_not_begun(
    account: Account, settings: Any
) -> None:
    begun: list[Engine] = []

    def slow(envelope: Envelope, number: int) -> Reply | None:
        # The sink's loop stands still, one message at a time, until the engine is told to stop
        eventually(lambda: bool(begun) and begun[0]._told_to_stop)
        return None

    with running(Sink(slow)) as one:
        settings.EGRESS = f"relay://127.0.0.1:{one.port}"
        send_raw(account, 6)
        with engine(sessions=1) as engaged:
            begun.append(engaged)
            one.wait_for(1)
        assert one.seen < 6
        left = QueueRow.objects.count()
        assert left == 6 - Recipient.objects.filter(status="delivered").count()
        assert not QueueRow.objects.filter(lease__isnull=False).exists()


def test_a_warming_ip_sends_its_budget_and_the_rest_waits_for_tomorrow(
    account: Account, sink: Sink
) -> None:
    source = EgressSource.objects.of(account).get()
    EgressSource.objects.filter(pk=source.pk).update(warm_up=True)
    day = WarmupDay.objects.create(
        source=source, provider="other", day=warmup.today(), cap=5, code="start"
    )
    send_raw(account, 12)
    with engine():
        sink.wait_for(5)
        tomorrow = warmup.tomorrow(timezone.now())
        eventually(lambda: QueueRow.objects.filter(lease=None, due_at__gte=tomorrow).count() == 7)
    assert sink.seen == 5
    day.refresh_from_db()
    assert (day.taken, day.sent, day.deferred) == (5, 5, 0)
    source.refresh_from_db()
    assert source.state == "warming"
    # The deferral of a budget is no try and no event of the message
    assert set(Recipient.objects.values_list("status", flat=True)) == {"delivered", "queued"}
