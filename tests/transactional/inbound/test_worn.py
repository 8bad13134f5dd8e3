from datetime import UTC, datetime, timedelta

import pytest

from config.ids import uuid7, uuid7_floor
from tests.transactional.mail import delivered_mail
from tokens.models import Account, Scope
from transactional import suppression_list
from transactional.inbound import worn
from transactional.models import Event, Recipient, Status, Suppression

NOW = datetime.now(UTC)
ADDRESS = "Reader@far.example"


def mailed(
    account: Account, days_ago: float, *, reason: str = "mailboxfull", status: str = Status.BOUNCED
) -> Recipient:
    """Mail of that day and, where it bounced, its event."""
    at = NOW - timedelta(days=days_ago)
    low = uuid7().int & ((1 << 80) - 1)
    made = type(uuid7())(int=uuid7_floor(at).int >> 80 << 80 | low)
    one = delivered_mail(account, ADDRESS, status=status, recipient_id=made)
    Recipient.objects.filter(pk=one.pk).update(status_at=at)
    if status in (Status.BOUNCED, Status.EXPIRED):
        Event.objects.create(
            account=account,
            message=one.message,
            recipient=one,
            type=str(status),
            at=at,
            data={"category": "soft", "reason": reason, "response": f"full since {days_ago}"},
        )
    return one


def test_three_full_mailboxes_over_a_week_suppress(account: Account) -> None:
    mailed(account, 8)
    mailed(account, 4)
    last = mailed(account, 0)
    assert worn.suppress(NOW) == 1
    row = Suppression.objects.of(account).get()
    assert (row.address, row.reason) == (ADDRESS.lower(), "soft_bounce")
    assert (row.scope, row.recipient_id) == (Scope.ALL, last.pk)
    assert row.evidence == "3 bounces, the last: full since 0"
    assert worn.suppress(NOW) == 0


def test_mail_put_off_until_its_time_was_up_wears_an_address_out_too(account: Account) -> None:
    """`452 4.2.2` for three days is a full mailbox as much as `552` at once is."""
    for day in (9, 5):
        mailed(account, day, status=Status.EXPIRED)
    mailed(account, 0, status=Status.EXPIRED, reason="expired")
    assert worn.suppress(NOW) == 0
    mailed(account, 0, status=Status.EXPIRED)
    assert worn.suppress(NOW) == 1


@pytest.mark.parametrize("days", [(8, 0), (6, 3, 0), (70, 65, 0)])
def test_too_few_too_close_or_too_long_ago_do_not(account: Account, days: tuple[int, ...]) -> None:
    for day in days:
        mailed(account, day)
    assert worn.suppress(NOW) == 0


@pytest.mark.parametrize(
    ("reason", "count"),
    [("suspend", 1), ("filtered", 1), ("blocked", 0), ("expired", 0), ("networkerror", 0)],
)
def test_only_reasons_of_the_mailbox_wear_it_out(account: Account, reason: str, count: int) -> None:
    for day in (9, 5, 0):
        mailed(account, day, reason=reason)
    assert worn.suppress(NOW) == count


def test_a_delivery_begins_the_count_anew(account: Account) -> None:
    for day in (20, 10):
        mailed(account, day)
    mailed(account, 5, status=Status.DELIVERED)
    mailed(account, 0)
    assert worn.suppress(NOW) == 0


def test_what_a_member_took_off_stays_off_until_it_wears_out_anew(account: Account) -> None:
    for day in (9, 5, 0):
        mailed(account, day)
    assert worn.suppress(NOW) == 1
    row = Suppression.objects.of(account).get()
    suppression_list.remove(account.pk, row.pk, why="they made room", by="alice@shop.example")
    assert worn.suppress(NOW) == 0


def test_another_accounts_bounces_do_not_count(account: Account, cast: object) -> None:
    other = cast.other_account  # type: ignore[attr-defined]
    mailed(other, 9)
    mailed(other, 5)
    mailed(account, 0)
    assert worn.suppress(NOW) == 0
    assert not Suppression.objects.exists()


def test_an_address_that_bounced_long_ago_is_not_looked_at(account: Account) -> None:
    for day in (12, 6, 1):
        mailed(account, day)
    Event.objects.all().update(at=NOW - timedelta(days=1))
    assert worn.suppress(NOW + timedelta(days=1)) == 0
