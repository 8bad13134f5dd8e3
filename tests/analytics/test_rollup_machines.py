"""Both are counted, people and machines, and the account's switch chooses which numbers are shown."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from analytics import rollup, selectors
from analytics.models import FirstEngagement
from analytics.stats import Numbers
from tests.analytics.conftest import NOON, Sent
from tests.analytics.test_rollup import MACHINE, fold_all, numbers, table
from tokens.models import Account
from transactional import events
from transactional.models import Event, LogState


def unfiltered(sent: Sent) -> Numbers:
    """The numbers of an account that counts machines too."""
    Account.objects.filter(pk=sent.campaign.account_id).update(filter_machines=False)
    found = numbers(sent)
    Account.objects.filter(pk=sent.campaign.account_id).update(filter_machines=True)
    return found


def test_machines_are_left_out_unless_the_account_wants_them(counted: Sent) -> None:
    counted.write("accepted", "delivered", recipient=0)
    events.append(
        [
            counted.happened("opened", data=MACHINE), counted.happened("opened", data=MACHINE),
            counted.happened("clicked", data=MACHINE), counted.happened("opened", 1),
        ]
    )  # fmt: skip
    fold_all()
    now = numbers(counted)
    assert (now.opens, now.clicks, now.open_hits, now.click_hits) == (1, 0, 1, 0)
    assert (now.machine_opens, now.machine_clicks) == (1, 1)
    assert str(now.openratio) == "100.000" and str(now.clickratio) == "0.000"
    every = unfiltered(counted)
    assert (every.opens, every.clicks, every.open_hits, every.click_hits) == (2, 1, 3, 1)
    assert numbers(counted) == now


@pytest.mark.parametrize("limit", [1, 2, rollup.BATCH])
def test_a_person_after_a_machine_is_the_first_person_on_that_day(
    counted: Sent, limit: int
) -> None:
    at = NOON
    for kind, data, days in (
        ("opened", MACHINE, 0), ("opened", {}, 2), ("opened", {}, 3), ("clicked", MACHINE, 3),
        ("clicked", {}, 4),
    ):  # fmt: skip
        events.append([counted.happened(kind, at=at + timedelta(days=days), data=data)])
    fold_all(limit)
    account, campaign = counted.campaign.account_id, counted.campaign.pk
    span = {"since": date(2026, 11, 20), "until": date(2026, 11, 30)}
    people = [(d.day.day, d.numbers.opens, d.numbers.clicks)
              for d in selectors.days(account, campaign, **span)]  # fmt: skip
    assert people == [(20, 0, 0), (22, 1, 0), (23, 0, 0), (24, 0, 1)]
    Account.objects.filter(pk=account).update(filter_machines=False)
    every = [(d.day.day, d.numbers.opens, d.numbers.clicks)
             for d in selectors.account_days(account, **span)]  # fmt: skip
    assert every == [(20, 1, 0), (22, 0, 0), (23, 0, 1), (24, 0, 0)]
    whole = numbers(counted)
    assert (whole.opens, whole.clicks, whole.machine_opens, whole.machine_clicks) == (1, 1, 0, 0)
    before = table()
    rollup.rebuild(limit=3)
    assert table() == before


def test_events_from_before_machines_were_told_apart_count_as_they_did(counted: Sent) -> None:
    counted.write("opened", "clicked")
    fold_all()
    # As a fold of before has left them
    FirstEngagement.objects.update(only_machines=False, human_at=None)
    events.append([counted.happened("opened", data=MACHINE), counted.happened("opened")])
    fold_all()
    now = numbers(counted)
    assert (now.opens, now.clicks, now.machine_opens, now.open_hits) == (1, 1, 0, 2)


def test_a_rebuild_of_what_is_kept_finds_the_person_after_a_machine_that_is_past_its_time(
    counted: Sent,
) -> None:
    events.append([counted.happened("opened", data=MACHINE)])
    counted.write("opened", day=1)
    fold_all()
    before = table()
    LogState.objects.create(
        table="transactional_event", kept_from=datetime(2026, 11, 21, tzinfo=UTC)
    )
    Event.objects.filter(at__lt=datetime(2026, 11, 21, tzinfo=UTC)).delete()
    assert rollup.rebuild() == 1
    assert table() == before
    assert (numbers(counted).opens, numbers(counted).machine_opens) == (1, 0)


def test_a_fold_of_before_may_go_on_while_the_installation_is_upgraded(counted: Sent) -> None:
    """It names none of the new columns: what it writes counts as it did."""
    account, campaign = counted.campaign.account_id, counted.campaign.pk
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_campaignday (account_id, campaign_id, day, sent, delivered, deferred,"
            " bounced, expired, dropped, opens, clicks, open_hits, click_hits, complaints, unsubscribes)"
            " VALUES (%s, %s, '2026-11-20', 2, 2, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0)",
            [account, campaign],
        )
        cursor.execute(
            "INSERT INTO analytics_firstengagement (recipient_id, kind, at) VALUES (%s, 'open', now())",
            [counted.recipients[0].pk],
        )
    events.append([counted.happened("opened"), counted.happened("opened", 1, data=MACHINE)])
    fold_all()
    assert (numbers(counted).opens, numbers(counted).machine_opens) == (1, 1)
