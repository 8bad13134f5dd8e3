"""sendIds go page by page, an hour's part in each run, and only those past their time."""

import itertools
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from config.ids import uuid7
from tokens.models import Account
from transactional import retention
from transactional.models import LogState, SendIdentity
from transactional.retention import send_ids

pytestmark = pytest.mark.django_db
MIDNIGHT = timezone.now().replace(hour=0, minute=30)


def _used(account: Account, count: int, made: datetime) -> None:
    SendIdentity.objects.bulk_create(
        SendIdentity(
            account=account, send_id=f"{made:%m%d}-{n:05}", message_id=uuid7(), created_at=made
        )
        for n in range(count)
    )


def test_only_what_is_past_its_time_goes(account: Account) -> None:
    now = timezone.now()
    _used(account, 5, now - timedelta(days=401))
    _used(account, 3, now - timedelta(days=399))
    assert retention.run(now).send_ids == 5
    assert SendIdentity.objects.count() == 3
    assert retention.run(now).send_ids == 0
    told = LogState.objects.get(table=send_ids.TABLE)
    assert (told.looked_at, told.waits_for) == (now, "")


def test_for_ever_is_for_ever(account: Account, settings: Settings) -> None:
    settings.KEEP_SEND_IDS_DAYS = 0
    _used(account, 2, timezone.now() - timedelta(days=9999))
    assert send_ids.forget(timezone.now()) == 0
    assert SendIdentity.objects.count() == 2


def test_a_large_table_is_walked_in_a_day(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_ids, "SMALL", 0)
    monkeypatch.setattr(send_ids, "STEP", 2)
    _used(account, 6000, MIDNIGHT - timedelta(days=500))
    _used(account, 10, MIDNIGHT)
    went = [send_ids.forget(MIDNIGHT + timedelta(hours=hour)) for hour in range(24)]
    assert sum(went) == 6000
    assert max(went) < 6000 / 24 * 2.5
    assert SendIdentity.objects.count() == 10


@pytest.mark.parametrize("pages", [8193, 9999, 10_000_007])
def test_the_parts_of_a_day_are_the_whole_table(pages: int) -> None:
    parts = [send_ids._part(pages, hour) for hour in range(24)]
    assert parts[0][0] == 0 and parts[-1][1] == pages
    assert all(one[1] == following[0] for one, following in itertools.pairwise(parts))


def test_what_takes_too_long_waits_and_says_so(account: Account) -> None:
    _used(account, 5, MIDNIGHT - timedelta(days=500))
    assert send_ids.forget(MIDNIGHT, seconds=0) == 0
    assert LogState.objects.get(table=send_ids.TABLE).waits_for == "time"
    assert SendIdentity.objects.count() == 5
