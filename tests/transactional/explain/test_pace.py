"""When a message should be done: by what is before it, in its own lane and at its own receiver."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from config.ids import uuid7_floor
from tests.cast import make_email
from tests.transactional.test_lifecycle import enqueue
from tokens.models import Account
from transactional import explain, queue
from transactional.compose import versions
from transactional.explain.story import Ahead
from transactional.models import (
    DeliveryAttempt,
    Lane,
    Message,
    QueueRow,
    Recipient,
    Stream,
)

pytestmark = pytest.mark.django_db(transaction=True)
WAITING = 31
OLDEST = 45.0  # seconds: what is within a minute when it is made is so when it is looked at


@pytest.fixture
def last(account: Account) -> QueueRow:
    """The last of WAITING messages to x.example; each is due a little after the one before."""
    enqueue(account, WAITING)
    rows = list(QueueRow.objects.order_by("due_at", "pk"))
    for place, row in enumerate(rows):
        row.due_at = timezone.now() - timedelta(seconds=WAITING - place)
        row.save(update_fields=["due_at"])
    return rows[-1]


def tried(
    account: Account, times: int, domain: str, *, within: float = OLDEST, **message: Any
) -> None:
    """So many tries, evenly spread over the last seconds."""
    fields = {"stream": Stream.objects.default(account, "transactional"), **message}
    made = Message.objects.create(
        account=account, kind="transactional", source="api", credential="api:1",
        from_address="a@shop.example", from_domain="shop.example", subject="s",
        message_id="m@shop.example", **fields,
    )  # fmt: skip
    recipient = Recipient.objects.create(
        message=made, account=account, address=f"u@{domain}", kind="to", status="delivered"
    )
    now = timezone.now()
    moments = [now - timedelta(seconds=within * n / times) for n in range(times)]
    DeliveryAttempt.objects.bulk_create(
        DeliveryAttempt(
            id=uuid.UUID(int=uuid7_floor(at).int + (7 << 76) + (2 << 62) + n), message=made,
            recipient=recipient, account=account, number=1, at=at, duration_ms=1, stage="dot",
            code=250,
        )
        for n, at in enumerate(moments)
    )  # fmt: skip


def ahead(account: Account, row: QueueRow) -> Ahead:
    found = explain.explain(account.pk, row.message_id)
    assert found is not None and found.recipients[0].ahead is not None
    return found.recipients[0].ahead


def seconds(one: Ahead) -> float:
    return (one.finish - timezone.now()).total_seconds()


def test_a_receiver_that_takes_one_a_second_takes_thirty_in_half_a_minute(
    account: Account, last: QueueRow
) -> None:
    tried(account, 60, "x.example")
    tried(account, 1800, "fast.example")  # the rest of the account's mail is quick: no help here
    one = ahead(account, last)
    assert (one.in_front, one.per_second) == (30, 1.0)
    assert seconds(one) == pytest.approx(30, abs=5)


def test_what_is_before_it_to_others_passes_at_the_pace_of_its_lane(
    account: Account, last: QueueRow
) -> None:
    tried(account, 60, "x.example")
    tried(account, 60, "y.example")
    QueueRow.objects.exclude(pk=last.pk).update(domain="y.example")
    assert queue.in_front(last.pk, most=100) == queue.InFront(30, 0)
    one = ahead(account, last)
    assert one.per_second == 2.0 and seconds(one) == pytest.approx(15, abs=5)


def test_urgent_mail_and_other_streams_have_a_pace_of_their_own(
    account: Account, last: QueueRow
) -> None:
    urgent = versions.snapshot(make_email(account, lane=Lane.URGENT), by="alice")
    tried(account, 30, "x.example", version=urgent)
    tried(account, 600, "x.example")
    tried(account, 900, "x.example", stream=Stream.objects.default(account, "marketing"))
    assert ahead(account, last).per_second == 10.0
    QueueRow.objects.update(lane=Lane.URGENT)
    one = ahead(account, last)
    assert one.per_second == 0.5 and seconds(one) == pytest.approx(60, abs=5)


def test_mail_by_smtp_has_the_pace_of_the_lane_that_its_header_names(
    account: Account, last: QueueRow
) -> None:
    tried(account, 30, "x.example", lane=Lane.URGENT)
    tried(account, 600, "x.example", lane=Lane.NORMAL)
    assert ahead(account, last).per_second == 10.0
    QueueRow.objects.update(lane=Lane.URGENT)
    assert ahead(account, last).per_second == 0.5


def test_a_try_of_its_own_that_is_later_and_a_deadline_that_is_sooner_count(
    account: Account, last: QueueRow
) -> None:
    tried(account, 60, "x.example")
    now = timezone.now()
    QueueRow.objects.filter(pk=last.pk).update(due_at=now + timedelta(minutes=10))
    one = ahead(account, last)
    assert one.in_front == 30 and seconds(one) == pytest.approx(600, abs=5)
    QueueRow.objects.filter(pk=last.pk).update(due_at=now, deliver_by=now + timedelta(seconds=8))
    assert seconds(ahead(account, last)) == pytest.approx(8, abs=5)


def test_many_tries_are_measured_by_their_last_seconds(
    account: Account, last: QueueRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transactional.explain.pace.SAMPLED", 100)
    tried(account, 600, "x.example", within=20)
    # 30 a second by those that are sampled, less what passes until they are looked at; 10 by all
    assert 12 < ahead(account, last).per_second < 31


def test_first_of_its_kind_it_is_done_when_it_is_due(account: Account) -> None:
    enqueue(account, 1)
    one = ahead(account, QueueRow.objects.get())
    assert one.in_front == 0 and abs(seconds(one)) < 5
