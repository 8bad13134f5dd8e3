"""Undo of an incident: what it shows beforehand is what it does, once, and nothing else."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from config.ids import uuid7
from domains.models import EgressSource
from domains.sites import LONGEST
from tests.cast import Cast
from tests.transactional.views.test_messages import happened, make_message
from tokens.models import AuditEntry
from transactional import events
from transactional.classify import Category, Reason, Verdict
from transactional.incidents import breaker, undo
from transactional.incidents.skeleton import skeleton
from transactional.incidents.watch import Suspicion
from transactional.models import (
    Body,
    DeliveryAttempt,
    Event,
    Incident,
    IncidentAccount,
    Message,
    QueueRow,
    Recipient,
    Stream,
    Suppression,
    SuppressionChange,
)
from transactional.queue.parking import REASON

pytestmark = pytest.mark.django_db

SAID = "550 5.1.1 The account you tried to reach does not exist x1-2002"


def failed(cast: Cast, address: str, reply: str = SAID, **fields: Any) -> Recipient:
    """A mail that bounced from the cast's IP, with the suppression that came of it."""
    message = make_message(cast.account, address, status=fields.pop("status", "bounced"))
    Message.objects.filter(pk=message.pk).update(
        stream=Stream.objects.default(cast.account, "transactional")
    )
    Body.objects.create(id=message.pk, raw=b"From: orders@shop.example\r\n\r\nHello\r\n")
    recipient = Recipient.objects.get(message=message)
    DeliveryAttempt.objects.create(
        id=uuid7(), message=message, recipient=recipient, account=cast.account, number=1,
        at=timezone.now(), duration_ms=3, stage="rcpt", code=550, reply=reply,
        source_address=fields.pop("source", "127.0.0.10"),
        decisions=[{"step": "route", "code": "mx", "data": {"site": fields.pop("site", "google")}}],
    )  # fmt: skip
    Suppression.objects.create(
        account=cast.account, address=address, reason=fields.pop("reason", "hard_bounce"),
        scope="all", evidence=reply, recipient_id=recipient.pk,
    )  # fmt: skip
    return recipient


@pytest.fixture
def met(cast: Cast) -> IncidentAccount:
    source = EgressSource.objects.of(cast.account).get()
    found = Suspicion(
        source_id=source.pk, site="google", verdict=Verdict(Reason.USER_UNKNOWN, Category.HARD),
        skeleton=skeleton(SAID), sample=SAID, alike=40, answers=40, first_at=0.0,
        accounts=frozenset({cast.account.pk}),
    )  # fmt: skip
    assert breaker.open_for(found, ago=60)
    assert not breaker.open_for(found, ago=60)  # it is open
    return IncidentAccount.objects.of(cast.account).get()


def test_undo_does_what_it_showed_and_a_second_time_nothing(
    cast: Cast, met: IncidentAccount
) -> None:
    mine = [failed(cast, f"u{n}@x.example", f"{SAID[:-1]}{n}") for n in range(3)]
    other = failed(cast, "other@x.example", "550 5.7.1 another reason altogether")
    elsewhere = failed(cast, "else@x.example", source="127.0.0.99")
    failed(cast, "really@away.example", site="mx.away.example")  # in the same words, elsewhere
    by_hand = failed(cast, "hand@x.example", reason="manual")
    shown = undo.preview(met)
    assert (shown.failed, shown.suppressed, shown.cut, shown.barred) == (3, 3, False, 1)
    assert undo.undo(met, by="alice@shop.example") == (3, 3)
    queued = {one.pk for one in mine}
    assert set(QueueRow.objects.values_list("id", flat=True)) == queued
    assert set(Recipient.objects.filter(status="queued").values_list("pk", flat=True)) == queued
    left = set(Suppression.objects.values_list("address", flat=True))
    assert left == {"other@x.example", "else@x.example", "hand@x.example", "really@away.example"}
    by_hand.refresh_from_db()  # suppressed for a reason of its own: it stays as it ended
    assert other.status == elsewhere.status == by_hand.status == "bounced"
    assert Event.objects.filter(type="requeued").count() == 3
    assert SuppressionChange.objects.of(cast.account).count() == 3
    row = QueueRow.objects.get(pk=mine[0].pk)
    assert (row.domain, row.account_id, row.attempt) == ("x.example", cast.account.pk, 0)
    assert row.deliver_by > timezone.now() + timedelta(hours=71)
    met.refresh_from_db()
    assert (met.lifted, met.requeued, met.undone_by) == (3, 3, "alice@shop.example")
    entry = AuditEntry.objects.of(cast.account).get(what="incident.undone")
    assert entry.data == {"lifted": 3, "requeued": 3}
    # again: nothing is left, nothing is sent twice
    assert undo.preview(met).nothing
    assert undo.undo(met, by="alice@shop.example") == (0, 0)
    assert QueueRow.objects.count() == 3


def test_what_met_another_refusal_while_it_drained_comes_back_too(
    cast: Cast, met: IncidentAccount
) -> None:
    said = "550 5.1.1 No mailbox of that name at the moment q7-1001"
    first, later = failed(cast, "u@x.example"), failed(cast, "v@x.example", said)
    other = failed(cast, "other@x.example", "550 5.7.1 another reason altogether")
    found = Suspicion(
        source_id=met.incident.source_id, site="google",
        verdict=Verdict(Reason.USER_UNKNOWN, Category.HARD), skeleton=skeleton(said), sample=said,
        alike=40, answers=40, first_at=0.0, accounts=frozenset({cast.other_account.pk}),
    )  # fmt: skip
    breaker.canary_taken(met.incident_id)
    for _ in range(2):
        breaker.refused_again(met.incident_id, cast.account.pk, found)
    row = Incident.objects.get()
    assert row.state == "open" and row.also == [{"skeleton": skeleton(said), "sample": said}]
    assert IncidentAccount.objects.of(cast.other_account).exists()
    met = IncidentAccount.objects.get(pk=met.pk)
    assert (undo.preview(met).failed, undo.preview(met).suppressed) == (2, 2)
    assert undo.undo(met, by="alice@shop.example") == (2, 2)
    assert set(QueueRow.objects.values_list("id", flat=True)) == {first.pk, later.pk}
    assert other.status == "bounced"


def test_what_came_before_the_incident_is_left_alone(cast: Cast, met: IncidentAccount) -> None:
    failed(cast, "u@x.example")
    Incident.objects.update(began_at=timezone.now() + timedelta(minutes=1))
    assert undo.preview(met).nothing


def test_mail_without_its_body_cannot_come_back(cast: Cast, met: IncidentAccount) -> None:
    failed(cast, "u@x.example")
    Body.objects.all().delete()
    assert undo.undo(met, by="alice@shop.example") == (1, 0)
    assert not QueueRow.objects.exists()
    assert Recipient.objects.get().status == "bounced"


def test_what_expired_while_it_was_parked_or_after_a_not_yet_comes_back_in_its_lane(
    cast: Cast, met: IncidentAccount
) -> None:
    parked = failed(cast, "parked@x.example", "451 something else", status="expired")
    not_yet = failed(cast, "later@x.example", status="expired")
    DeliveryAttempt.objects.filter(recipient_id=not_yet.pk).update(code=450)
    elsewhere = failed(cast, "else@x.example", "451 something else", status="expired")
    for one, site in ((parked, "google"), (elsewhere, "yahoo")):
        waited = {"step": "shaping", "code": "waited", "data": {"why": f"incident {site}"}}
        over = {"step": "retry", "code": "expired", "data": {"tries": 0}}
        told = happened(one.message, "expired", one, decisions=[waited, over])
        events.append([told])
    Message.objects.filter(pk=parked.message_id).update(lane=0, lifetime=7200)
    assert undo.preview(met).failed == 2
    assert undo.undo(met, by="alice@shop.example")[1] == 2
    row = QueueRow.objects.get(pk=parked.pk)
    assert row.lane == 0
    assert timedelta(hours=1.9) < row.deliver_by - timezone.now() <= timedelta(hours=2)
    assert QueueRow.objects.filter(pk=not_yet.pk).exists()
    assert QueueRow.objects.count() == 2
    assert undo.preview(met).failed == 0


def test_a_receiver_with_a_long_name_is_known_by_what_was_kept_of_it(
    cast: Cast, met: IncidentAccount
) -> None:
    site = f"({'|'.join(f'mx{n}' for n in range(24))}).example"
    assert LONGEST >= len(site) > REASON - len("incident ")
    Incident.objects.update(site=site)
    parked = failed(cast, "parked@x.example", "451 something else", status="expired")
    why = f"incident {site}"[:REASON]
    waited = {"step": "shaping", "code": "waited", "data": {"why": why}}
    events.append([happened(parked.message, "expired", parked, decisions=[waited])])
    assert undo.preview(IncidentAccount.objects.get(pk=met.pk)).failed == 1


def test_a_code_that_nobody_can_use_any_more_is_not_sent_and_said_to_be_late(
    cast: Cast, met: IncidentAccount
) -> None:
    code = failed(cast, "code@x.example")
    fresh = failed(cast, "fresh@x.example")
    ago = timezone.now() - timedelta(minutes=11)
    Message.objects.filter(pk=code.message_id).update(lifetime=600, created_at=ago)
    Message.objects.filter(pk=fresh.message_id).update(lifetime=600)
    shown = undo.preview(met)
    assert (shown.failed, shown.late, shown.gone) == (1, 1, 0)
    assert undo.undo(met, by="alice@shop.example")[1] == 1
    row = QueueRow.objects.get()
    assert row.id == fresh.pk and row.deliver_by < timezone.now() + timedelta(seconds=601)
    assert undo.preview(met).nothing and undo.preview(met).late == 1


def test_a_probe_is_given_to_one_and_the_next_waits_longer(met: IncidentAccount) -> None:
    pk = met.incident_id
    assert not breaker.take_probe(pk)  # not yet
    Incident.objects.update(probe_at=timezone.now())
    assert breaker.take_probe(pk)
    assert not breaker.take_probe(pk)
    row = Incident.objects.get()
    assert row.probes == 1
    assert row.probe_at > timezone.now() + timedelta(seconds=100)


def test_from_canary_over_slow_start_to_the_end(met: IncidentAccount, cast: Cast) -> None:
    pk = met.incident_id
    breaker.canary_taken(pk)
    (one,) = breaker.standing()
    assert one.draining is not None and one.draining < 30
    paces = [replace(one, draining=n * 60.0 + 1).per_minute() for n in range(4)]
    assert paces == [10, 20, 40, 80]
    assert breaker.close_drained() == []
    breaker.refused_again(pk, cast.other_account.pk)
    assert Incident.objects.get().state == "open"
    assert IncidentAccount.objects.of(cast.other_account).exists()
    breaker.canary_taken(pk)
    Incident.objects.update(drain_at=timezone.now() - timedelta(minutes=8))
    assert breaker.close_drained() == [pk]
    assert not breaker.close(pk, by="alice@shop.example")
    assert breaker.standing() == ()
    told = AuditEntry.objects.of(cast.account).filter(what="incident.closed")
    assert told.count() == 1


def test_what_was_stopped_for_an_address_that_the_incident_suppressed_comes_back(
    cast: Cast, met: IncidentAccount
) -> None:
    """Also long after it: the incident is over when such mail comes to its next try."""
    cause, other = failed(cast, "u@x.example"), failed(cast, "o@x.example", "550 5.1.1 Gone")
    stopped = {}
    for name, because, was in (
        ("mine", cause, "deferred"), ("fresh", cause, "queued"), ("other", other, "deferred"),
        ("in doubt", cause, "uncertain"),
    ):  # fmt: skip
        message = make_message(cast.account, because.address, status="suppressed")
        Message.objects.filter(pk=message.pk).update(
            stream=Stream.objects.default(cast.account, "transactional")
        )
        Body.objects.create(id=message.pk, raw=b"From: orders@shop.example\r\n\r\nHello\r\n")
        one = stopped[name] = Recipient.objects.get(message=message)
        data = {"how": "suppressed", "was": was, "code": "PREVIOUSLY_BOUNCED"}
        told = happened(message, "cancelled", one, **data, cause=str(because.pk))
        events.append([told])
    late = timezone.now() + timedelta(days=1)
    Event.objects.filter(recipient_id=stopped["mine"].pk).update(at=late)
    assert (undo.preview(met).failed, undo.preview(met).suppressed) == (3, 1)
    assert undo.undo(met, by="alice@shop.example") == (1, 3)
    back = {cause.pk, stopped["mine"].pk, stopped["fresh"].pk}
    assert set(QueueRow.objects.values_list("id", flat=True)) == back
    told_was = Event.objects.get(type="requeued", recipient_id=stopped["mine"].pk).data["was"]
    assert told_was == "suppressed"
    assert undo.preview(met).nothing
