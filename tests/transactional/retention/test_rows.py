"""What goes row by row: strays, sessions, rows of finished sends, accounts that keep less."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from analytics.models import FoldCursor
from tests.cast import Cast, make_email
from tests.transactional.retention.aged import all_read, count, later, mail
from tokens.models import Account
from transactional import retention
from transactional.broadcast import progress
from transactional.models import (
    Body,
    Broadcast,
    BroadcastRow,
    DeliveryAttempt,
    Event,
    Message,
    QueueRow,
    Recipient,
    ShorterRetention,
    partitions,
)

pytestmark = pytest.mark.django_db


def test_rows_outside_of_partitions_go_by_their_age(account: Account) -> None:
    end = max(one.high for one in partitions.listing())
    ids = []
    for days in (1, 2):
        pk = f"{int((end + timedelta(days=days)).timestamp() * 1000):012x}"
        ids.append(f"{pk[:8]}-{pk[8:]}-7000-8000-000000000000")
        Message.objects.create(id=ids[-1], account=account, kind="transactional", source="api")
    all_read()
    assert count("transactional_message_default") == 2
    assert retention.run(end + timedelta(days=401, hours=1)).strays == 1
    assert [str(pk) for pk in Message.objects.filter(pk__in=ids).values_list("pk", flat=True)] == [
        ids[1]
    ]


def test_ended_sessions_go(account: Account) -> None:
    now = timezone.now()
    for key, hours in (("old", -1), ("alive", 1)):
        Session.objects.create(
            session_key=key, session_data="", expire_date=now + timedelta(hours=hours)
        )
    assert retention.run(now).sessions == 1
    assert [one.session_key for one in Session.objects.all()] == ["alive"]


def test_a_finished_send_keeps_its_numbers(account: Account) -> None:
    email = make_email(account)
    now = timezone.now()
    send = Broadcast.objects.create(
        account=account, email=email, kind="marketing", audience="csv", state="done",
        by="alice", user_id=1, total=5, finished_at=now,
    )  # fmt: skip
    going = Broadcast.objects.create(
        account=account, email=email, kind="marketing", audience="csv", state="running",
        by="alice", user_id=1,
    )  # fmt: skip
    for number, state in enumerate(("delivered", "delivered", "delivered", "bounced", "refused")):
        for one in (send, going):
            BroadcastRow.objects.create(
                broadcast=one, number=number, email=f"{number}@x.example", state=state
            )
    before = progress.counts(send)
    assert retention.run(now + timedelta(days=399)).sends == 0
    assert retention.run(later()).sends == 5
    send.refresh_from_db()
    assert not BroadcastRow.objects.filter(broadcast=send).exists()
    after = progress.counts(send)
    assert (after.delivered, after.bounced, after.refused, after.total) == (3, 1, 1, 5)
    assert dict(after.by_state) == dict(before.by_state)
    assert BroadcastRow.objects.filter(broadcast=going).count() == 5


def test_an_account_may_keep_less_and_nobody_else_loses_anything(cast: Cast) -> None:
    mine, other = mail(cast.account), mail(cast.other_account)
    waiting = mail(cast.account, queued=True)
    all_read()
    ShorterRetention.objects.create(account=cast.account, body_days=14, message_days=30)
    done = retention.run(later(20))
    assert (done.bodies, done.messages) == (1, 0)
    assert set(Body.objects.values_list("pk", flat=True)) == {other.message_id, waiting.message_id}
    done = retention.run(later(31))
    assert (done.bodies, done.messages) == (0, 1)
    left = {other.message_id, waiting.message_id}
    assert set(Message.objects.values_list("pk", flat=True)) == left
    assert set(Recipient.objects.values_list("pk", flat=True)) == {other.pk, waiting.pk}
    assert set(DeliveryAttempt.objects.values_list("message_id", flat=True)) == left
    # What is counted stays, what names a person does not
    event = Event.objects.get(message_id=mine.message_id)
    assert event.data == {"attempt": 1}
    assert "response" in Event.objects.get(message_id=other.message_id).data
    QueueRow.objects.all().delete()
    done = retention.run(later(31))
    assert (done.bodies, done.messages) == (0, 1)


def test_what_is_not_counted_yet_is_not_taken_from_an_account(account: Account) -> None:
    mail(account)
    all_read()
    ShorterRetention.objects.create(account=account, message_days=14)
    for one in retention.cursors():
        assert one.xid > 0

    FoldCursor.objects.update(xid=0)
    assert retention.run(later(20)).messages == 0
    all_read()
    assert retention.run(later(20)).messages == 1
