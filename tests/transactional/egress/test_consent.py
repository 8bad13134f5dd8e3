"""Mail that has waited is asked about again before each try: what was said meanwhile counts for it."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone, translation

from domains import pools
from domains.models import EgressSource
from tests.cast import make_email
from tests.transactional.egress.sink import Sink, running
from tests.transactional.egress.test_engine import drained, engine, eventually, key, send_raw
from tests.transactional.egress.test_fallback import Relaying, smarthost
from tests.transactional.test_subscriptions import make_type, say
from tokens.models import Account, Scope
from transactional import contacts, explain, mailable, queue, subscriptions, suppressions, sweeper
from transactional.compose import versions
from transactional.egress.consent import DOOR
from transactional.inbound import effects
from transactional.models import (
    Contact,
    DeliveryAttempt,
    Event,
    Message,
    QueueRow,
    Recipient,
    Source,
    Status,
    Subscribed,
    SubscriptionSource,
    SuppressionReason,
)
from transactional.submission import facts
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, TemplateSubmission
from transactional.wire.handler import Envelope
from transactional.wire.reply import Reply

__all__ = ["smarthost"]

pytestmark = pytest.mark.django_db(transaction=True)

LATER = Reply(451, "4.3.2", ("Not now",))
ANN = "ann@reader.example"


class Shut(Sink):
    """Puts everything off until it is told to open."""

    def __init__(self) -> None:
        super().__init__(self._later)
        self.open = False

    def _later(self, envelope: Envelope, number: int) -> Reply | None:
        return None if self.open else LATER


@pytest.fixture
def sink(settings: Any) -> Iterator[Shut]:
    settings.RETRY_SCALE = 0.01
    with running(Shut()) as one:
        assert isinstance(one, Shut)
        settings.EGRESS = f"relay://127.0.0.1:{one.port}"
        yield one


def news(account: Account, to: str = ANN, **fields: Any) -> Recipient:
    """A marketing mail that the door lets in."""
    source, made = EgressSource.objects.get_or_create(
        address="127.0.0.99", defaults={"ehlo_name": "shared.test", "state": "ready"}
    )
    if made:
        pools.add(pools.shared_pool(), source)
        facts.forget()
    email = make_email(
        account, kind="marketing", subject="News",
        html='<p>Via Roma 1</p><a href="{{ unsubscribe_link }}">Leave</a>', **fields,
    )  # fmt: skip
    versions.publish(email, by="a")
    asked = TemplateSubmission(principal=key(account), source=Source.API, email_id=email.pk, to=to)
    [answer] = accept_many([asked])
    assert isinstance(answer, Accepted)
    return Recipient.objects.get(message_id=answer.message_id)


def order(account: Account, to: str = ANN) -> Recipient:
    """A transactional mail."""
    [answer] = send_raw(account)
    Recipient.objects.filter(message_id=answer.message_id).update(address=to)
    return Recipient.objects.get(message_id=answer.message_id)


def tries(one: Recipient) -> int:
    return DeliveryAttempt.objects.filter(recipient_id=one.pk).count()


def has_ended(one: Recipient) -> bool:
    one.refresh_from_db()
    return one.status not in (Status.QUEUED, Status.DEFERRED, Status.UNCERTAIN)


def stopped(one: Recipient) -> dict[str, Any]:
    """What the event says that ended it; it is the last one, and no copy has left."""
    one.refresh_from_db()
    assert one.status == Status.SUPPRESSED
    assert not QueueRow.objects.filter(pk=one.pk).exists()
    event = Event.objects.filter(recipient_id=one.pk).order_by("id").last()
    assert event is not None and event.type == "cancelled"
    data: dict[str, Any] = event.data
    assert (data["how"], data["code"]) == ("suppressed", one.reply)
    assert data["reason"] == mailable.STOPPED[one.reply] and "response" not in data
    return data


def age(one: Recipient, seconds: float = DOOR + 60) -> None:
    """Let it have been accepted so long ago."""
    Message.objects.filter(pk=one.message_id).update(
        created_at=timezone.now() - timedelta(seconds=seconds)
    )


def test_what_was_put_off_twice_ends_when_its_reader_leaves_and_other_mail_goes_on(
    account: Account, sink: Shut
) -> None:
    mails = [news(account), order(account), news(account, "bob@reader.example")]
    with engine():
        eventually(lambda: all(tries(one) >= 2 for one in mails))
        assert subscriptions.leave_all(
            mails[0].pk, source=SubscriptionSource.LINK, data={"how": "one_click"}
        )
        eventually(lambda: has_ended(mails[0]))
        sink.open = True
        eventually(drained)
    assert sorted(one.rcpts[0] for one in sink.kept) == [ANN, "bob@reader.example"]
    assert not any(b"News" in one.data for one in sink.kept if one.rcpts == (ANN,))
    data = stopped(mails[0])
    assert data["code"] == "PREVIOUSLY_UNSUBSCRIBED_PORTAL" and data["was"] == "deferred"
    assert mails[0].attempts == tries(mails[0])  # being stopped is no try
    told = explain.explain(account.pk, mails[0].message_id)
    assert told is not None
    (step,) = [one for one in told.recipients[0].before if one.step == "policy"]
    with translation.override("en"):
        assert step.code == "barred" and "its reader has unsubscribed." in step.says


def test_a_hard_bounce_stops_what_waits_for_the_same_address(account: Account, sink: Shut) -> None:
    waiting = [order(account) for _ in range(3)]
    with engine():
        eventually(lambda: all(tries(one) >= 1 for one in waiting))
        effects.bounced(waiting[0].pk, status="5.1.1", diagnostic="smtp; 550 5.1.1 No such user")
        eventually(drained)
        sink.open = True
        time.sleep(0.3)
    assert not sink.kept
    for one in waiting[1:]:
        data = stopped(one)
        assert (data["code"], data["cause"]) == ("PREVIOUSLY_BOUNCED", str(waiting[0].pk))
        (step,) = explain.steps(data["decisions"])
        assert step.code == "barred_since" and str(timezone.now().year) in step.says
    waiting[0].refresh_from_db()
    assert waiting[0].status == "bounced"


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("type", "PREVIOUSLY_UNSUBSCRIBED_MESSAGE"),
        ("quarantine", "QUARANTINED_ADDRESS"),
        ("pending", "EMAIL_UNCONFIRMED"),
        ("complaint", "PREVIOUS_SPAM"),
        ("by hand", "BLOCKED_ADDRESS"),
    ],
)
def test_what_stood_in_a_long_queue_is_asked_about_and_transactional_mail_by_its_own_rule(
    account: Account, sink: Shut, how: str, code: str
) -> None:
    """Nothing was tried yet; the account's settings say what reaches transactional mail."""
    kind, sink.open = make_type(account, "Offers"), True
    mail, receipt, other = news(account, subscription_type=kind), order(account), news(account)
    Contact.objects.get_or_create(account=account, email=ANN)
    if how == "type":
        say(account, kind, Subscribed.UNSUBSCRIBED, ANN)
    elif how == "quarantine":
        contacts.quarantine(account.pk, ANN)
    elif how == "pending":
        Contact.objects.filter(email=ANN).update(opt_in="pending")
    else:
        why = SuppressionReason.COMPLAINT if how == "complaint" else SuppressionReason.MANUAL
        suppressions.add(account.pk, ANN, reason=why, scope=Scope.MARKETING)
    for one in (mail, receipt, other):
        age(one)
    with engine():
        eventually(drained)
    assert stopped(mail)["code"] == code and mail.attempts == 0
    assert Recipient.objects.get(pk=receipt.pk).status == "delivered"
    assert Recipient.objects.get(pk=other.pk).status == (
        "delivered" if how == "type" else "suppressed"
    )
    assert len(sink.kept) == (2 if how == "type" else 1)


def test_what_the_door_let_in_a_moment_ago_is_asked_about_no_second_time(
    account: Account, sink: Shut, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    before = mailable.stopped

    def counted(copies: Any) -> Any:
        asked.append(len(copies))
        return before(copies)

    monkeypatch.setattr(mailable, "stopped", counted)
    sink.open = True
    send_raw(account, 20)
    Message.objects.update(created_at=timezone.now())  # however slow this machine is
    with engine():
        eventually(drained)
        assert asked == [] and len(sink.kept) == 20
        for one in range(20):
            order(account, f"u{one}@old.example")
        with_rows = Message.objects.filter(pk__in=QueueRow.objects.values("message_id"))
        with_rows.update(created_at=timezone.now() - timedelta(seconds=60))
        eventually(drained)
    assert len(sink.kept) == 40
    assert sum(asked) <= 20


def test_a_pause_that_is_lifted_asks_again(account: Account, sink: Shut) -> None:
    mail, sink.open = news(account), True
    assert queue.hold(account.pk, [mail.message_id]).ids == (mail.pk,)
    with engine():
        time.sleep(0.2)
        subscriptions.leave_all(mail.pk, source=SubscriptionSource.LINK, data={"how": "page"})
        assert queue.let_go(account.pk, [mail.message_id]) == 1
        eventually(drained)
    assert stopped(mail)["was"] == "queued" and not sink.kept


def test_a_copy_in_doubt_is_not_sent_again_to_who_has_left(account: Account, sink: Shut) -> None:
    """Its worker died behind the dot."""
    mail, sink.open = news(account), True
    now = timezone.now()
    QueueRow.objects.filter(pk=mail.pk).update(
        lease=mail.pk, lease_until=now - timedelta(seconds=1), dot_at=now
    )
    assert sweeper.sweep() == 1
    subscriptions.leave_all(mail.pk, source=SubscriptionSource.LINK, data={"how": "page"})
    with engine():
        eventually(drained)
    assert stopped(mail)["was"] == "uncertain" and not sink.kept


def test_the_smarthost_gets_nothing_for_an_address_that_has_bounced(
    account: Account, smarthost: Relaying, sink: Shut
) -> None:
    mail, other = order(account), order(account, "bob@reader.example")
    with engine():
        eventually(lambda: tries(mail) >= 1 and tries(other) >= 1)
        suppressions.add(account.pk, ANN, reason=SuppressionReason.HARD_BOUNCE)
        # The next usual try would come after the deadline: the smarthost's turn
        rows = QueueRow.objects.filter(lease=None)
        eventually(
            lambda: bool(
                rows.update(
                    due_at=timezone.now(), ends=None,
                    deliver_by=timezone.now() + timedelta(seconds=8),
                )
            )
            or drained()
        )  # fmt: skip
        eventually(drained)
    assert stopped(mail)["code"] == "PREVIOUSLY_BOUNCED"
    assert [one.rcpts for one in smarthost.kept] == [("bob@reader.example",)]
