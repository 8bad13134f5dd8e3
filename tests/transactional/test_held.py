"""Held mail: sent again or given up by a person, once, told and audited; the lanes and times it gets."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.cast import Cast
from tests.transactional.egress.sink import Sink, running
from tests.transactional.egress.test_engine import drained, engine, eventually, send_raw
from tests.transactional.views.test_messages import happened, make_message
from tokens.models import Account, AuditEntry, Scope
from transactional import events, explain, held, suppressions
from transactional.egress.poison import HELD_REPLY
from transactional.models import (
    Body,
    Contact,
    DeliveryAttempt,
    Event,
    Lane,
    Message,
    QueueRow,
    Recipient,
    SecretBody,
    Status,
    Stream,
    Subscription,
    SubscriptionType,
)
from transactional.models import SuppressionReason as Why

BY = "alice@shop.example"


def make_held(account: Account, address: str = "ann@reader.example", **fields: Any) -> Recipient:
    """A mail whose final dot was sent and whose answer never came."""
    message = make_message(account, address, status="held")
    Message.objects.filter(pk=message.pk).update(
        stream=Stream.objects.default(account, "transactional"), **fields
    )
    Body.objects.create(id=message.pk, raw=b"From: orders@shop.example\r\n\r\nHello\r\n")
    recipient: Recipient = Recipient.objects.get(message=message)
    events.append([happened(message, "held", recipient, **{"class": "in_doubt"})])
    return recipient


def make_held_because(
    account: Account, address: str, reply: str, /, *, tried: str = "", **data: Any
) -> Recipient:
    """A mail that is held for what its event says; `tried`: its last try came to this stage."""
    one = make_held(account, address)
    Recipient.objects.filter(pk=one.pk).update(reply=reply)
    Event.objects.filter(recipient_id=one.pk, type="held").update(data=data)
    if tried:
        words = reply.removeprefix(f"{tried}: ")
        code = int(words[:3]) if words == reply else 0
        DeliveryAttempt.objects.create(
            message_id=one.message_id, recipient=one, account=account, number=1, duration_ms=84,
            at=timezone.now(), host="mx.reader.example", address="192.0.2.1:25", tls="TLSv1.3",
            stage=tried, code=code, reply=words,
        )  # fmt: skip
    one.refresh_from_db()
    return one


def make_undecided(account: Account) -> None:
    """Held for each kind of reason; one is a code that came too late to be sent again."""
    doubt = {"class": "in_doubt", "copies": 2}
    later = "451 4.7.1 <gina@reader.example>: Recipient address rejected: try again in 3 hours"
    make_held_because(account, "fred@reader.example", "", reason="The final dot was sent.")
    make_held_because(
        account, "gina@reader.example", later, tried="rcpt", because="deadline", **doubt
    )
    make_held_because(
        account, "a.very.long.mailbox.name@a-long-host-name.reader.example",
        "connect: Connection refused", tried="connect", because="deadline", **doubt,
    )  # fmt: skip
    make_held_because(
        account, "dan@reader.example", "dot: connection lost", tried="dot",
        **doubt | {"because": "copies", "copies": 4},
    )  # fmt: skip
    make_held_because(
        account, "eve@reader.example", HELD_REPLY, **{"class": "poison", "crashes": 3}
    )
    ago = timezone.now() - timedelta(hours=2)
    make_held(account, "carla@reader.example", lifetime=600, created_at=ago)
    make_held(account, "hanna@reader.example")
    suppressions.add(account.pk, "hanna@reader.example", reason=Why.MANUAL)
    make_held_because(
        account, "ben@reader.example", "dot: connection lost", tried="dot",
        **doubt | {"because": "hold", "copies": 1},
    )  # fmt: skip


@pytest.mark.django_db
class TestDecisions:
    """What a decision does, and to what."""

    def test_sent_again_it_is_queued_in_its_lane_marked_and_told(self, cast: Cast) -> None:
        one = make_held(cast.account, lane=Lane.URGENT, lifetime=7200)
        assert held.release(cast.account.pk, [one.pk], by=BY) == held.Decided(done=1)
        row = QueueRow.objects.get()
        assert (row.id, row.lane, row.resent) == (one.pk, Lane.URGENT, True)
        left = row.deliver_by - timezone.now()
        assert timedelta(seconds=7100) < left <= timedelta(seconds=7200)
        one.refresh_from_db()
        assert one.status == Status.QUEUED
        told = Event.objects.get(type="requeued")
        assert (told.recipient_id, told.data["was"], told.data["by"]) == (one.pk, "held", BY)
        entry = AuditEntry.objects.of(cast.account).get(what="held.released")
        assert (entry.by, entry.name, entry.data) == (BY, str(one.pk), {"number": 1})
        # a second time there is nothing to do, nor to give up
        assert held.release(cast.account.pk, [one.pk], by=BY) == held.Decided()
        assert held.give_up(cast.account.pk, [one.pk], by=BY) == held.Decided()
        assert QueueRow.objects.count() == AuditEntry.objects.of(cast.account).count() == 1

    def test_given_up_it_ends_and_stays_unsent(self, cast: Cast) -> None:
        one = make_held(cast.account)
        assert held.give_up(cast.account.pk, [one.pk], by=BY) == held.Decided(done=1)
        one.refresh_from_db()
        assert one.status == Status.CANCELLED and not QueueRow.objects.exists()
        told = Event.objects.get(type="cancelled")
        assert (told.data["how"], told.data["by"]) == ("given_up", BY)
        assert AuditEntry.objects.of(cast.account).get().what == "held.given_up"
        assert "copy" not in told.data  # it may have arrived
        assert held.release(cast.account.pk, [one.pk], by=BY) == held.Decided()

    def test_given_up_without_a_copy_it_was_never_sent(self, cast: Cast) -> None:
        poison = {"class": "poison", "crashes": 3}
        one = make_held_because(cast.account, "ben@reader.example", HELD_REPLY, **poison)
        assert held.give_up(cast.account.pk, [one.pk], by=BY) == held.Decided(done=1)
        assert Event.objects.get(type="cancelled").data["copy"] == "none"

    def test_a_code_that_came_too_late_is_left_alone_and_in_time_gets_what_is_left(
        self, cast: Cast
    ) -> None:
        late = make_held(cast.account, lifetime=600)
        Message.objects.filter(pk=late.message_id).update(
            created_at=timezone.now() - timedelta(minutes=11)
        )
        soon = make_held(cast.account, lifetime=600)
        Message.objects.filter(pk=soon.message_id).update(
            created_at=timezone.now() - timedelta(minutes=4)
        )
        came = held.release(cast.account.pk, [late.pk, soon.pk], by=BY)
        assert came == held.Decided(done=1, late=1)
        row = QueueRow.objects.get()
        left = (row.deliver_by - timezone.now()).total_seconds()
        assert row.id == soon.pk and 330 < left <= 360
        late.refresh_from_db()
        assert late.status == Status.HELD

    def test_what_can_no_longer_be_built_as_it_was_is_left_alone(self, cast: Cast) -> None:
        from tests.cast import make_email
        from transactional.compose import versions

        bodiless = make_held(cast.account)
        Body.objects.filter(pk=bodiless.message_id).delete()
        email = make_email(cast.account, name="Code")
        email.contract = [{"name": "code", "type": "string", "required": True, "secret": True}]
        email.html = "<p>{{ custom.code }}</p>"
        email.save()
        version = versions.publish(email, by=BY)
        masked = make_held(cast.account, version=version)
        kept = make_held(cast.account, version=version)
        SecretBody.objects.create(id=kept.message_id)
        ids = [bodiless.pk, masked.pk, kept.pk]
        assert held.release(cast.account.pk, ids, by=BY) == held.Decided(done=1, gone=2)
        assert QueueRow.objects.get().id == kept.pk

    def test_mail_that_never_left_is_not_marked(self, cast: Cast) -> None:
        one = make_held(cast.account)
        Event.objects.filter(type="held").update(
            data={"response": HELD_REPLY, "decisions": [{"step": "build", "code": "poison"}]}
        )
        held.release(cast.account.pk, [one.pk], by=BY)
        assert QueueRow.objects.get().resent is False

    def test_a_strangers_mail_is_not_touched(self, cast: Cast) -> None:
        one = make_held(cast.account)
        other = cast.other_account.pk
        assert held.release(other, [one.pk], by=BY) == held.Decided()
        assert held.give_up(other, [one.pk], by=BY) == held.Decided()
        assert held.give_up_all(other, "", by=BY) == held.Decided()
        assert Recipient.objects.get().status == Status.HELD and not AuditEntry.objects.exists()

    def test_all_that_match_are_decided_in_steps_and_what_stays_is_met_once(
        self, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(held, "STEP", 2)
        for number in range(5):
            make_held(cast.account, f"u{number}@A.example")
        stuck = make_held(cast.account, "stuck@a.example")
        Body.objects.filter(pk=stuck.message_id).delete()
        elsewhere = make_held(cast.account, "u@b.example")
        delivered = make_message(cast.account, "ok@a.example")
        came = held.release_all(cast.account.pk, "@a.example", by=BY)
        assert came == held.Decided(done=5, gone=1)
        assert QueueRow.objects.count() == 5
        assert set(held.find(cast.account.pk)) == {stuck, elsewhere}
        assert Recipient.objects.get(message=delivered).status == Status.DELIVERED
        monkeypatch.setattr(held, "MOST", 2)
        assert held.give_up_all(cast.account.pk, "", by=BY) == held.Decided(done=2, more=True)

    def test_what_is_suppressed_meanwhile_ends_and_the_others_leave(self, cast: Cast) -> None:
        ready = [make_held(cast.account, f"u{n}@reader.example") for n in range(2)]
        gone = make_held(cast.account, "Gone@reader.example")
        spam = make_held(cast.account, "spam@reader.example")
        elsewhere = make_held(cast.account, "free@reader.example")
        suppressions.add(cast.account.pk, "gone@READER.example", reason=Why.HARD_BOUNCE)
        suppressions.add(cast.account.pk, spam.address, reason=Why.COMPLAINT, scope=Scope.MARKETING)
        suppressions.add(cast.other_account.pk, elsewhere.address, reason=Why.MANUAL)
        rows = [*ready, gone, spam, elsewhere]
        waits = explain.why_held(cast.account.pk, rows)
        assert (waits[gone.pk].release, waits[gone.pk].releasable) == ("barred", False)
        came = held.release(cast.account.pk, [one.pk for one in rows], by=BY)
        assert came == held.Decided(done=4, barred=1)
        assert gone.pk not in set(QueueRow.objects.values_list("id", flat=True))
        gone.refresh_from_db()
        assert (gone.status, gone.reply) == (Status.SUPPRESSED, "PREVIOUSLY_BOUNCED")
        told = Event.objects.get(recipient_id=gone.pk, type="cancelled")
        assert (told.data["how"], told.data["code"], told.data["by"]) == (
            "suppressed", "PREVIOUSLY_BOUNCED", BY,
        )  # fmt: skip
        assert told.data["reason"] == held.BARRED["PREVIOUSLY_BOUNCED"]
        entry = AuditEntry.objects.of(cast.account).get(what="held.suppressed")
        assert (entry.name, entry.data) == (str(gone.pk), {"number": 1})
        assert held.release(cast.account.pk, [gone.pk], by=BY) == held.Decided()

    @pytest.mark.parametrize("how", ["left", "type", "quarantined", "pending", "listed"])
    def test_marketing_mail_asks_its_readers_consent_again(self, cast: Cast, how: str) -> None:
        code = {
            "left": "PREVIOUSLY_UNSUBSCRIBED_PORTAL", "type": "PREVIOUSLY_UNSUBSCRIBED_MESSAGE",
            "quarantined": "QUARANTINED_ADDRESS", "pending": "EMAIL_UNCONFIRMED",
            "listed": "PREVIOUS_SPAM",
        }[how]  # fmt: skip
        news = make_held(cast.account, "ann@reader.example", kind="marketing")
        order = make_held(
            cast.account, "ann@reader.example"
        )  # transactional mail asks none of this
        ann = Contact.objects.create(account=cast.account, email="ann@reader.example")
        now, rows = timezone.now(), Contact.objects.filter(pk=ann.pk)
        if how == "left":
            rows.update(unsubscribed_at=now)
        elif how == "type":
            type_ = SubscriptionType.objects.default(cast.account)
            Subscription.objects.create(
                account=cast.account, contact=ann, type=type_, status="unsubscribed"
            )
        elif how == "quarantined":
            rows.update(quarantined_at=now)
        elif how == "pending":
            rows.update(opt_in="pending")
        else:
            reason, scope = Why.COMPLAINT, Scope.MARKETING
            suppressions.add(cast.account.pk, ann.email, reason=reason, scope=scope)
        came = held.release_all(cast.account.pk, "", by=BY)
        assert came == held.Decided(done=1, barred=1)
        assert QueueRow.objects.get().id == order.pk
        news.refresh_from_db()
        assert news.status == Status.SUPPRESSED
        assert Event.objects.get(recipient_id=news.pk, type="cancelled").data["code"] == code

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ("", 3),
            ("ANN@reader.example", 1),
            ("ann*", 2),
            ("@other.example", 1),
            ("a%*", 0),
            ("ann", 0),
        ],
    )
    def test_the_list_is_narrowed(self, cast: Cast, asked: str, found: int) -> None:
        for address in ("ann@reader.example", "ann@other.example", "ben@reader.example"):
            make_held(cast.account, address)
        assert held.find(cast.account.pk, asked).count() == found


@pytest.mark.django_db(transaction=True)
def test_a_released_copy_keeps_its_message_id_and_says_that_it_is_resent(
    account: Account, settings: Any
) -> None:
    [sent] = send_raw(account)
    one = Recipient.objects.get()
    assert Message.objects.get().lifetime == 72 * 3600 and Message.objects.get().lane == Lane.NORMAL
    QueueRow.objects.all().delete()
    Recipient.objects.update(status=Status.HELD)
    events.append([happened(Message.objects.get(), "held", one, **{"class": "in_doubt"})])
    with running(Sink()) as sink:
        settings.EGRESS = f"relay://127.0.0.1:{sink.port}"
        assert held.release(account.pk, [one.pk], by=BY).done == 1
        with engine():
            eventually(drained)
        [copy] = sink.kept
    one.refresh_from_db()
    assert one.status == Status.DELIVERED
    message = Message.objects.get(pk=sent.message_id)
    assert f"Message-ID: <{message.message_id}>".encode() in copy.data
    assert b"X-Postino-Resent: yes" in copy.data
