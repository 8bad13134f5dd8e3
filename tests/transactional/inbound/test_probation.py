"""Trials of worn-out addresses: let through when due, lifted by a delivery, put off by a bounce."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.transactional.inbound.test_worn import ADDRESS, mailed
from tokens.models import Account
from transactional import suppressions
from transactional.inbound import probation
from transactional.models import (
    Event,
    EventType,
    Recipient,
    Status,
    Suppression,
    SuppressionChange,
    SuppressionReason,
)

NOW = datetime.now(UTC)
KEY = ADDRESS.lower()


def worn_out(account: Account, *, trial: float) -> Suppression:
    """A suppression for soft bounces whose trial begins in so many days."""
    cause = mailed(account, 100)
    suppressions.add(
        account.pk, ADDRESS, reason=SuppressionReason.SOFT_BOUNCE, recipient_id=cause.pk
    )
    row: Suppression = Suppression.objects.of(account).get()
    row.trial_at = NOW + timedelta(days=trial)
    row.save()
    return row


def stands_in_the_way(account: Account) -> bool:
    return (account.pk, KEY) in suppressions.find([(account.pk, KEY)])


def test_a_worn_out_address_gets_a_trial_after_thirty_days(account: Account) -> None:
    suppressions.add(account.pk, ADDRESS, reason=SuppressionReason.SOFT_BOUNCE)
    row = Suppression.objects.of(account).get()
    assert row.trial_at is not None
    assert timedelta(days=29) < row.trial_at - NOW < timedelta(days=31)
    assert stands_in_the_way(account)


@pytest.mark.parametrize(
    "reason",
    [SuppressionReason.HARD_BOUNCE, SuppressionReason.COMPLAINT, SuppressionReason.MANUAL],
)
def test_nothing_else_gets_one(account: Account, reason: SuppressionReason) -> None:
    suppressions.add(account.pk, ADDRESS, reason=reason)
    assert Suppression.objects.of(account).get().trial_at is None


def test_a_delivery_lifts_it_once_a_day_has_passed(account: Account) -> None:
    row = worn_out(account, trial=-3)
    assert not stands_in_the_way(account)
    assert probation.settle(NOW) == (0, 0)
    mailed(account, 0.5, status=Status.DELIVERED)
    assert probation.settle(NOW) == (0, 0)  # a bounce may still come
    mailed(account, 2, status=Status.DELIVERED)
    assert probation.settle(NOW) == (1, 0)
    assert not Suppression.objects.of(account).exists()
    change = SuppressionChange.objects.of(account).get()
    assert (change.what, change.address, change.by) == ("removed", KEY, "postino")
    event = Event.objects.of(account).get(type=EventType.UNBOUNCED)
    assert (event.recipient_id, event.data) == (row.recipient_id, {"how": "trial"})


def test_a_bounce_puts_the_next_trial_off_for_twice_as_long(account: Account) -> None:
    worn_out(account, trial=-3)
    mailed(account, 2, status=Status.DELIVERED)
    mailed(account, 1)
    assert probation.settle(NOW) == (0, 1)
    row = Suppression.objects.of(account).get()
    assert row.trial_at == NOW + timedelta(days=60) and row.trials == 1
    assert stands_in_the_way(account)
    assert probation.settle(NOW) == (0, 0)


def test_a_mailbox_that_stayed_full_until_the_end_fails_its_trial(account: Account) -> None:
    worn_out(account, trial=-3)
    mailed(account, 1, status=Status.EXPIRED)
    assert probation.settle(NOW) == (0, 1)


def test_a_refusal_of_the_sender_is_no_failure_of_the_address(account: Account) -> None:
    worn_out(account, trial=-3)
    mailed(account, 1, reason="blocked")
    assert probation.settle(NOW) == (0, 0)
    assert not stands_in_the_way(account)


def test_trials_without_an_outcome_do_not_keep_others_from_theirs(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_account = Account.objects.create(name="Other")
    monkeypatch.setattr(probation, "STEP", 1)
    worn_out(account, trial=-3)
    mailed(account, 1, status=Status.EXPIRED, reason="expired")
    worn_out(other_account, trial=-3)
    mailed(other_account, 2, status=Status.DELIVERED)
    assert probation.settle(NOW) == (1, 0)
    assert not Suppression.objects.of(other_account).exists()


def test_mail_from_before_the_trial_decides_nothing(account: Account) -> None:
    worn_out(account, trial=-1)
    mailed(account, 5)
    mailed(account, 4, status=Status.DELIVERED)
    assert probation.settle(NOW) == (0, 0)
    assert Recipient.objects.count() == 3
