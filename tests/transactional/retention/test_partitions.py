"""Partitions are there before their first row; and where one is not, the row is not lost."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from config.ids import uuid7_floor
from tests.transactional.retention.aged import names
from tokens.models import Account
from transactional.models import Message, partitions

pytestmark = pytest.mark.django_db


def holds(at: datetime, account: Account) -> str:
    """Where a message made at this moment is kept."""
    pk = uuid7_floor(at)
    Message.objects.create(id=pk, account=account, kind="transactional", source="api")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tableoid::regclass::text FROM transactional_message WHERE id = %s", [pk]
        )
        return str(cursor.fetchone()[0])


def test_every_moment_of_the_months_to_come_has_its_partition(account: Account) -> None:
    partitions.ensure(timezone.now())
    start = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for months in range(1, 4):
        turn = (start + timedelta(days=32 * months)).replace(day=1)
        assert holds(turn, account) == f"transactional_message_{turn:%Y%m}"
        before = turn - timedelta(milliseconds=1)
        assert holds(before, account) == f"transactional_message_{before:%Y%m}"


def test_months_give_way_to_days_without_a_gap(account: Account, settings: Any) -> None:
    partitions.ensure(timezone.now())
    end = max(one.high for one in partitions.listing())
    settings.LOG_PARTITIONS = "day"
    soon = end - timedelta(days=2)
    made = partitions.ensure(soon)
    assert f"transactional_event_{end:%Y%m%d}" in made
    assert len(made) == len(partitions.TABLES) * (partitions.AHEAD["day"] - 1)
    for day in range(-3, 12):
        at = end + timedelta(days=day, milliseconds=-1)
        assert not holds(at, account).endswith("_default")
    settings.LOG_PARTITIONS = "month"
    partitions.ensure(soon)
    listed = [one for one in partitions.listing() if one.table == "transactional_message"]
    assert all(a.high == b.low for a, b in pairwise(listed))
    assert partitions.ensure(soon) == []


def test_rows_without_a_partition_are_kept_and_later_months_are_made(account: Account) -> None:
    partitions.ensure(timezone.now())
    end = max(one.high for one in partitions.listing())
    far = end + timedelta(days=3)  # beat stood still for so long
    assert holds(far, account) == "transactional_message_default"
    made = partitions.ensure(far)
    assert f"transactional_message_{far:%Y%m}" not in made
    assert f"transactional_body_{far:%Y%m}" in made
    following = (far + timedelta(days=32)).replace(day=1)
    assert f"transactional_message_{following:%Y%m}" in made
    assert holds(following, account) == f"transactional_message_{following:%Y%m}"


def test_a_made_partition_is_like_its_table() -> None:
    partitions.ensure(timezone.now() + timedelta(days=400))
    made = names("transactional_recipient")[-1]
    with connection.cursor() as cursor:
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname = %s", [made])
        assert cursor.fetchone() == (["fillfactor=70"],)
        # every index of the table has its part in the partition
        cursor.execute("SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass", [made])
        own = cursor.fetchone()
        cursor.execute(
            "SELECT count(*) FROM pg_index WHERE indrelid = 'transactional_recipient'::regclass"
        )
        assert own == cursor.fetchone()


def test_a_busy_table_is_left_for_the_next_run() -> None:
    """Somebody reads the default partition: mail would have to wait behind us."""
    given = connection.settings_dict
    reader = psycopg.connect(
        host=given["HOST"], user=given["USER"], password=given["PASSWORD"], port=given["PORT"],
        dbname=given["NAME"],
    )  # fmt: skip
    with reader:
        reader.execute("SELECT count(*) FROM transactional_message_default")
        began = timezone.now()
        made = partitions.ensure(timezone.now() + timedelta(days=400))
        assert (timezone.now() - began).total_seconds() < 60  # the reader stays for ever
    assert not any("_message_" in name for name in made)
    assert any("_event_" in name for name in made)
