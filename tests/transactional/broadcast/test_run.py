"""Handing a send over: one message a row, in order, held, stopped, resumed, cancelled."""

import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.utils import timezone

from config.errors import PostinoError
from tests.cast import Cast
from tests.transactional.broadcast.sends import (
    csv_file,
    from_csv,
    make_published,
    outcome,
    steps,
    who,
)
from tests.transactional.test_subscriptions import make_type, may_send_marketing, say
from transactional import contact_lists, contacts, suppressions
from transactional.broadcast import audience, control, progress, run
from transactional.compose import versions
from transactional.models import (
    Audience,
    Body,
    Broadcast,
    BroadcastRow,
    BroadcastState,
    Contact,
    Event,
    Message,
    QueueRow,
    Recipient,
    Subscribed,
    SuppressionReason,
)
from transactional.submission import accept as door

pytestmark = pytest.mark.django_db


def states(broadcast: Broadcast) -> dict[str, int]:
    return dict(progress.counts(broadcast).by_state)


def started(cast: Cast, count: int, **more: Any) -> Broadcast:
    made = from_csv(cast, csv_file(count), **more)
    assert control.confirm(cast.account.pk, made.pk)
    return made


def test_each_row_becomes_one_message_with_its_own_data(cast: Cast) -> None:
    made = started(cast, 3)
    steps(made)
    made.refresh_from_db()
    assert made.state == BroadcastState.SENT and made.content is None
    rows = BroadcastRow.objects.filter(broadcast=made).order_by("pk")
    assert [one.state for one in rows] == ["queued"] * 3
    assert [one.values for one in rows] == [{}] * 3  # not kept twice
    body = orjson.loads(bytes(Body.objects.get(pk=rows[1].message_id).context))
    assert body["custom"]["order_id"] == "A-1" and body["contact"]["firstname"] == "Name 1"
    assert Message.objects.get(pk=rows[1].message_id).subject == "Order A-1"
    assert Contact.objects.get(email="r2@far.example").properties == {"firstname": "Name 2"}
    assert set(QueueRow.objects.values_list("lane", flat=True)) == {1}
    assert not control.confirm(cast.account.pk, made.pk)
    assert steps(made) == 0 and Message.objects.count() == 3


def test_marketing_goes_by_the_bulk_lane(cast: Cast) -> None:
    may_send_marketing()
    made = started(cast, 2, email=make_published(cast, kind="marketing"))
    steps(made)
    assert set(QueueRow.objects.values_list("lane", flat=True)) == {2}


def test_a_batch_that_dies_leaves_every_row_waiting(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = started(cast, 5)
    write = run._write

    def die(*args: Any) -> None:
        write(*args)
        raise ZeroDivisionError

    monkeypatch.setattr(run, "_write", die)
    with pytest.raises(ZeroDivisionError):
        run.step(made.pk)
    assert not Message.objects.exists() and states(made) == {"waiting": 5}
    monkeypatch.setattr(run, "_write", write)
    steps(made)
    assert states(made) == {"queued": 5} and Message.objects.count() == 5


def test_one_row_that_cannot_be_stored_holds_up_no_other(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import DataError

    made = started(cast, 4)
    real = door.accept_many

    def refuse(submissions: Any) -> Any:
        if any(one.to == "r0@far.example" for one in submissions):
            raise DataError("invalid")
        return real(submissions)

    monkeypatch.setattr(run, "accept_many", refuse)
    steps(made)
    assert states(made) == {"refused": 1, "queued": 3}
    assert BroadcastRow.objects.get(state="refused").code == "CORRUPT_INPUT"


def test_who_may_not_be_mailed_is_counted_before_and_refused_alike(cast: Cast) -> None:
    """The count before sending and the policy at sending agree on every reason."""
    may_send_marketing()
    offers = make_type(cast.account)
    account = cast.account.pk

    def suppress(email: str, reason: SuppressionReason) -> None:
        suppressions.add(account, email, reason=reason)

    suppress("r0@far.example", SuppressionReason.HARD_BOUNCE)
    suppress("r1@far.example", SuppressionReason.COMPLAINT)  # marketing alone
    suppress("r2@far.example", SuppressionReason.MANUAL)
    for number, fields in enumerate(
        (
            {"unsubscribed_at": timezone.now()},
            {"quarantined_at": timezone.now()},
            {"opt_in": "pending"},
        ),
        start=3,
    ):
        Contact.objects.create(account=cast.account, email=f"r{number}@far.example", **fields)
    say(cast.account, offers, Subscribed.UNSUBSCRIBED, "r6@far.example")
    say(cast.account, make_type(cast.account, "Other"), Subscribed.UNSUBSCRIBED, "r7@far.example")
    say(cast.other_account, None, Subscribed.UNSUBSCRIBED, "r7@far.example")
    for kind, refused in (("marketing", 7), ("transactional", 2)):
        email = make_published(cast, kind=kind, subscription_type=offers)
        made = started(cast, 10, email=email)
        before = audience.reach(made)
        assert (before.total, before.reached) == (10, 10 - refused)
        steps(made)
        rows = BroadcastRow.objects.filter(broadcast=made, state="refused")
        assert Counter(rows.values_list("code", flat=True)) == before.unreached
        assert sum(before.unreached.values()) == refused


def test_the_first_200_are_tried_before_others_follow(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "WINDOW", 300)
    made = started(cast, 900)
    steps(made)
    assert states(made) == {"waiting": 700, "queued": 200}
    outcome(made, "deferred", 199)
    assert steps(made) == 0
    outcome(made, "delivered")
    steps(made)
    assert states(made) == {"waiting": 400, "queued": 300, "deferred": 199, "delivered": 1}
    assert Message.objects.count() == 500


@pytest.mark.parametrize(("bounces", "stops"), [(10, False), (11, True)])
def test_it_stops_by_itself_when_bounces_pass_5_percent_of_the_first_200(
    cast: Cast, bounces: int, stops: bool
) -> None:
    made = started(cast, 400)
    steps(made)
    outcome(made, "bounced", bounces)
    progress.collect(made)
    outcome(made, "delivered", 100)
    steps(made)
    made.refresh_from_db()
    if not stops:
        assert made.state == BroadcastState.RUNNING
        return
    assert (made.state, made.why) == (BroadcastState.STOPPED, "TOO_MANY_BOUNCES")
    assert Message.objects.count() == 200
    held = QueueRow.objects.filter(due_at__gt=timezone.now() + timedelta(hours=1))
    assert held.count() == 200 - 111
    assert control.resume(cast.account.pk, made.pk)  # a member says that it is all right
    outcome(made, "delivered")
    steps(made)
    made.refresh_from_db()
    assert made.state == BroadcastState.SENT and Message.objects.count() == 400


def test_bounces_reported_after_the_delivery_stop_it_too(cast: Cast) -> None:
    made = started(cast, 300)
    steps(made)
    outcome(made, "delivered", 150)
    run.step(made.pk)
    first = BroadcastRow.objects.filter(broadcast=made).order_by("pk")[:11]
    messages = [one.message_id for one in first]
    Recipient.objects.filter(message_id__in=messages).update(status="bounced")
    run.step(made.pk)
    made.refresh_from_db()
    assert made.state == BroadcastState.STOPPED


def test_pausing_holds_what_was_not_tried_and_going_on_lets_it_go(cast: Cast) -> None:
    made = started(cast, 300)
    steps(made)
    outcome(made, "delivered", 50)
    progress.collect(made)
    waiting = QueueRow.objects.exclude(pk__in=Recipient.objects.filter(status="delivered"))
    under_way, in_hand, parked = waiting.order_by("pk")[:3]
    later = timezone.now() + timedelta(minutes=9)
    QueueRow.objects.filter(pk=under_way.pk).update(lease=uuid.uuid4(), dot_at=timezone.now())
    QueueRow.objects.filter(pk=in_hand.pk).update(lease=uuid.uuid4(), lease_until=later)
    QueueRow.objects.filter(pk=parked.pk).update(due_at=later, parked="rate google")
    assert control.pause(cast.account.pk, made.pk)
    assert not control.pause(cast.account.pk, made.pk)
    assert steps(made) == 0
    now = timezone.now()
    held = QueueRow.objects.filter(due_at__gt=now + timedelta(hours=1))
    assert held.count() == 149 and not held.exclude(lease=None).exists()
    assert QueueRow.objects.get(pk=under_way.pk).lease is not None
    assert control.resume(cast.account.pk, made.pk)
    assert QueueRow.objects.filter(due_at__lte=timezone.now()).count() == 200
    assert not control.resume(cast.account.pk, made.pk)


def test_cancelling_takes_back_what_nobody_tried(cast: Cast) -> None:
    made = started(cast, 300)
    steps(made)
    outcome(made, "delivered", 40)
    done = Recipient.objects.filter(status="delivered").values("pk")
    QueueRow.objects.filter(pk__in=done).delete()
    busy = QueueRow.objects.order_by("pk").last()
    assert busy is not None
    # One worker has sent its dot, another has one in hand
    QueueRow.objects.filter(pk=busy.pk).update(lease=busy.pk, dot_at=timezone.now())
    in_hand = QueueRow.objects.exclude(pk=busy.pk).first()
    QueueRow.objects.filter(pk=in_hand.pk).update(lease=in_hand.pk)
    assert control.cancel(cast.account.pk, made.pk) == 100 + 200 - 40 - 1
    made.refresh_from_db()
    assert made.state == BroadcastState.CANCELLED
    assert states(made) == {"cancelled": 259, "delivered": 40, "queued": 1}
    assert set(QueueRow.objects.values_list("pk", flat=True)) == {busy.pk}
    assert Event.objects.filter(type="cancelled").count() == 159
    assert Recipient.objects.filter(status="cancelled").count() == 159
    assert control.cancel(cast.account.pk, made.pk) is None
    assert not control.resume(cast.account.pk, made.pk)


def test_an_email_published_anew_in_between_holds_the_send(cast: Cast) -> None:
    email = make_published(cast)
    made = started(cast, 300, email=email)
    steps(made)
    email.subject = "Another"
    email.save()
    versions.publish(email, by="a")
    outcome(made, "delivered")
    steps(made)
    made.refresh_from_db()
    assert (made.state, made.why) == (BroadcastState.PAUSED, "EMAIL_CHANGED")
    assert Message.objects.count() == 200
    control.refresh_version(cast.account.pk, made.pk)
    control.resume(cast.account.pk, made.pk)
    steps(made)
    assert Message.objects.filter(subject="Another").count() == 100


def test_lists_are_read_when_the_send_begins(cast: Cast) -> None:
    account = cast.account.pk
    friends = contact_lists.create(account, name="F", by="a")
    others = contact_lists.create(account, name="O", by="a")
    contact_lists.add(account, friends, ["a@x.example", "b@x.example"])
    contact_lists.add(account, others, ["b@x.example"])
    made = control.begin(
        make_published(cast),
        who(cast),
        audience_kind=Audience.LISTS,
        include=[friends.pk],
        exclude=[others.pk],
        custom={"order_id": "1"},
    )
    assert audience.reach(made).total == 1
    at = timezone.now() + timedelta(seconds=60)
    control.confirm(account, made.pk, at=at, zone="Europe/Rome")
    contact_lists.add(account, friends, ["c@x.example"])
    contacts.upsert_many([(account, "c@x.example", {"firstname": "Cem"})])
    assert made.pk not in run.due(at - timedelta(seconds=1))
    assert made.pk in run.due(at)
    steps(made)
    made.refresh_from_db()
    assert (made.state, made.total) == (BroadcastState.SENT, 2)
    sent = Recipient.objects.values_list("address", flat=True)
    assert sorted(sent) == ["a@x.example", "c@x.example"]


def test_a_send_is_done_when_every_outcome_is_known(cast: Cast) -> None:
    made = started(cast, 2)
    steps(made)
    later = timezone.now() + timedelta(minutes=1)
    assert made.pk in run.due(later)
    steps(made)
    assert Broadcast.objects.get().state == BroadcastState.SENT
    outcome(made, "delivered")
    steps(made)
    assert Broadcast.objects.get().state == BroadcastState.DONE
    assert run.due(later) == []


def test_only_what_is_published_is_sent(cast: Cast) -> None:
    email = make_published(cast)
    email.archived_at = timezone.now()
    email.save()
    with pytest.raises(PostinoError, match="EMAIL_ARCHIVED"):
        from_csv(cast, csv_file(1), email=email)
    email.archived_at, email.published = None, None
    email.save()
    with pytest.raises(PostinoError, match="NOT_PUBLISHED"):
        from_csv(cast, csv_file(1), email=email)
    made = control.begin(
        make_published(cast), who(cast), audience_kind=Audience.CSV, content=csv_file(1)
    )
    with pytest.raises(PostinoError, match="NO_COLUMNS"):
        control.confirm(cast.account.pk, made.pk)
    assert control.discard(cast.account.pk, made.pk)
    assert not Broadcast.objects.exists()


def test_another_account_reaches_no_send(cast: Cast) -> None:
    made = started(cast, 1)
    for act in (control.pause, control.resume, control.cancel, control.discard, control.confirm):
        with pytest.raises(Broadcast.DoesNotExist):
            act(cast.other_account.pk, made.pk)
