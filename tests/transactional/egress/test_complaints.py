"""Marketing mail that waits since readers report too much as spam: kept whole, told, and delivered in the end."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone, translation

from domains import complaint_pauses, pools
from domains.complaint_rates import DAY, Counts, Ruling
from domains.models import ComplaintPause, Domain, EgressSource
from tests.transactional.egress.sink import Sink, running
from tests.transactional.egress.test_consent import news, order
from tests.transactional.egress.test_engine import drained, engine, eventually, key
from tests.transactional.egress.test_fallback import Relaying, smarthost
from tokens.models import Account
from transactional import complaint_holds, explain
from transactional.complaint_holds import DOMAIN, SOURCES
from transactional.egress.waits import SENTENCES as WAITS
from transactional.explain.sentences_table import SENTENCES
from transactional.models import (
    DeliveryAttempt,
    Email,
    Event,
    Message,
    QueueRow,
    Recipient,
    Smarthost,
    Source,
    Stream,
)
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, TemplateSubmission

__all__ = ["smarthost"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    settings.RETRY_SCALE = 0.01
    with running(Sink()) as one:
        settings.EGRESS = f"relay://127.0.0.1:{one.port}"
        yield one


def pause(on: Domain | EgressSource) -> ComplaintPause:
    today = timezone.now().date()
    row = complaint_pauses.pause(on, Ruling(DAY, today, Counts(2000, 0, 9)))
    assert row is not None
    return row


def of(account: Account) -> Domain:
    found: Domain = Domain.objects.of(account).get()
    return found


def parked(one: Recipient) -> str:
    return str(QueueRow.objects.get(pk=one.pk).parked or "")


def reached(sink: Sink) -> list[str]:
    return sorted(envelope.rcpts[0] for envelope in sink.kept)


def ahead(account: Account, message_id: uuid.UUID) -> explain.Ahead:
    told = explain.explain(account.pk, message_id)
    assert told is not None and told.recipients[0].ahead is not None
    return told.recipients[0].ahead


def test_marketing_mail_of_a_paused_domain_waits_and_transactional_mail_leaves(
    account: Account, sink: Sink
) -> None:
    row = pause(of(account))
    waiting, leaving = (
        [news(account), news(account, "bob@reader.example")],
        order(account, "o@x.example"),
    )
    deadlines = dict(QueueRow.objects.values_list("pk", "deliver_by"))
    with engine():
        sink.wait_for(1)
        eventually(lambda: all(parked(one) == "domain_complaints shop.example" for one in waiting))
        leaving.refresh_from_db()
        assert reached(sink) == ["o@x.example"]
        left = Event.objects.get(recipient_id=leaving.pk, type="delivered").data
        assert left["egress"] == leaving.source_id == EgressSource.objects.of(account).get().pk
        for one in waiting:
            queued = QueueRow.objects.get(pk=one.pk)
            assert queued.attempt == 0 and queued.due_at > timezone.now()
            assert queued.deliver_by > deadlines[one.pk]  # no time is lost
        assert not DeliveryAttempt.objects.filter(recipient_id__in=[r.pk for r in waiting]).exists()
        found = ahead(account, waiting[0].message_id)
        (step,) = found.why
        with translation.override("en"):
            assert "of 2000 messages delivered since" in step.says and "0.45 %" in step.says
        assert complaint_holds.lift(row, by="alice@shop.example")
        assert not complaint_holds.lift(row, by="alice@shop.example")
        eventually(drained)
    assert reached(sink) == ["ann@reader.example", "bob@reader.example", "o@x.example"]
    (attempt,) = DeliveryAttempt.objects.filter(recipient_id=waiting[0].pk)
    steps = explain.steps(attempt.decisions)
    waited = next(one for one in steps if one.code == "waited")
    with translation.override("en"):
        assert "a pause over reports of spam has ended" in waited.says


def test_a_test_of_an_email_leaves_to_show_what_was_mended(account: Account, sink: Sink) -> None:
    pause(of(account))
    news(account)  # makes an IP for marketing mail, and waits
    email = Email.objects.of(account).get(kind="marketing")
    asked = TemplateSubmission(
        principal=key(account), source=Source.TEST, test=True, email_id=email.pk,
        to="me@shop.example",
    )  # fmt: skip
    (answer,) = accept_many([asked])
    assert isinstance(answer, Accepted)
    with engine():
        sink.wait_for(1)
        eventually(lambda: QueueRow.objects.count() == 1)
    assert reached(sink) == ["me@shop.example"]


def test_another_account_s_mail_in_the_same_name_leaves(
    account: Account, cast: Any, sink: Sink
) -> None:
    Domain.objects.create(account=cast.other_account, name="shop.example", state="verified")
    pause(Domain.objects.of(cast.other_account).get(name="shop.example"))
    news(account)
    with engine():
        eventually(drained)
    assert reached(sink) == ["ann@reader.example"]


def test_a_paused_ip_is_passed_over_and_where_all_are_the_mail_waits(
    account: Account, sink: Sink
) -> None:
    first = news(account)
    paused = EgressSource.objects.get(address="127.0.0.99")
    row = pause(paused)
    waits = f"ip_complaints {pools.shared_pool().pk}"
    with engine():
        eventually(lambda: parked(first) == waits)
        (step,) = ahead(account, first.message_id).why
        assert [one.address for one in step.others] == ["127.0.0.99"]
        with translation.override("en"):
            assert "9 of 2000 messages were reported as spam (0.45 %)" in step.others[0].says
        complaint_pauses.end(row.pk)
        assert complaint_holds.let_go_of_the_rest() == 1
        eventually(drained)
        assert sink.kept[0].peer == "127.0.0.99"
    pause(paused)
    other = EgressSource.objects.create(address="127.0.0.98", ehlo_name="o.test", state="ready")
    pools.add(pools.shared_pool(), other)
    pools.forget()
    second = news(account, "bob@reader.example")
    with engine():
        eventually(drained)
    assert sink.kept[1].peer == "127.0.0.98"
    (attempt,) = DeliveryAttempt.objects.filter(recipient_id=second.pk)
    chosen = next(one for one in explain.steps(attempt.decisions) if one.step == "source")
    assert [(one.address, one.code) for one in chosen.others] == [("127.0.0.99", "complaint_pause")]
    assert reached(sink) == ["ann@reader.example", "bob@reader.example"]


def test_what_is_of_use_for_an_hour_at_most_expires_as_it_would(
    account: Account, sink: Sink
) -> None:
    pause(of(account))
    short = news(account)
    Message.objects.filter(pk=short.message_id).update(created_at=timezone.now())
    deadline = timezone.now() + timedelta(seconds=2)
    QueueRow.objects.filter(pk=short.pk).update(deliver_by=deadline, ends=None)
    with engine():
        eventually(drained)
    short.refresh_from_db()
    assert short.status == "expired" and sink.kept == []
    said = Event.objects.get(recipient_id=short.pk, type="expired").data["response"]
    assert "marketing mail from shop.example to go on, which is paused" in said


def test_no_smarthost_is_a_way_round_it(account: Account, sink: Sink, smarthost: Relaying) -> None:
    pause(of(account))
    one = news(account)
    relay = Smarthost.objects.get(account=account)
    assert Stream.objects.of(account).filter(kind="marketing").update(fallback=relay) == 1
    with engine():
        eventually(lambda: parked(one) == "domain_complaints shop.example")
    assert sink.kept == [] and smarthost.kept == []


def test_what_it_waits_for_has_words() -> None:
    assert {DOMAIN, SOURCES, complaint_holds.OVER} <= set(WAITS)
    assert {("shaping", DOMAIN), ("shaping", SOURCES)} <= set(SENTENCES)
