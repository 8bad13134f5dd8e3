"""Months that are past their time go whole; what is queued, unread or in use holds them back."""

import threading
import uuid
from datetime import timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from analytics.models import FoldCursor
from tests.transactional.retention.aged import (
    all_read,
    count,
    later,
    mail,
    names,
    this_month,
)
from tokens.models import Account
from transactional import retention
from transactional.models import LogState, QueueRow, partitions

pytestmark = pytest.mark.django_db
WAITED = 60.0  # seconds: far more than the tries take


def no_sleep(_seconds: float) -> None:
    """Tests do not wait between two tries."""


def test_content_goes_first_then_messages_and_events(account: Account) -> None:
    row = mail(account)
    all_read()
    first = retention.drop_old(later(140))
    assert this_month("transactional_body") in first
    assert not [name for name in first if "_body_" not in name]
    assert count("transactional_body") == 0
    assert count("transactional_message") == 1
    then = retention.drop_old(later(440))
    for table in partitions.TABLES:
        assert count(table) == 0
        assert (this_month(table) in then) == (table != "transactional_body")
        assert this_month(table) not in names(table)
    state = LogState.objects.get(table="transactional_event")
    assert state.kept_from is not None
    assert state.kept_from > row.message.created_at
    assert state.waits_for == ""


def test_nothing_goes_before_its_time(account: Account) -> None:
    mail(account)
    all_read()
    month = next(one for one in partitions.listing() if one.name == this_month(one.table))
    assert retention.drop_old(month.high + timedelta(days=90, seconds=-1)) == []
    assert count("transactional_body") == 1
    assert retention.drop_old(month.high + timedelta(days=90)) == [this_month("transactional_body")]


def test_for_ever_is_for_ever(account: Account, settings: Any) -> None:
    settings.KEEP_BODIES_DAYS = settings.KEEP_MESSAGES_DAYS = settings.KEEP_EVENTS_DAYS = 0
    mail(account)
    all_read()
    assert retention.drop_old(later(5000)) == []
    assert not retention.is_gone(uuid.UUID("00000000-0000-7000-8000-000000000000"))


def test_queued_mail_holds_its_month_back(account: Account) -> None:
    waiting = mail(account, queued=True)
    all_read()
    assert retention.drop_old(later()) == []
    assert {one.waits_for for one in LogState.objects.all()} == {"queue"}
    assert count("transactional_body") == 1
    QueueRow.objects.filter(pk=waiting.pk).delete()
    assert this_month("transactional_body") in retention.drop_old(later())


def test_events_that_are_not_counted_stay(account: Account) -> None:
    mail(account)
    all_read()
    FoldCursor.objects.update(xid=0)
    gone = retention.drop_old(later())
    assert not [name for name in gone if "_event_" in name]
    assert count("transactional_event") == 1
    state = LogState.objects.get(table="transactional_event")
    assert state.waits_for == "analytics.foldcursor all"
    all_read()
    assert this_month("transactional_event") in retention.drop_old(later())


def test_every_reader_of_the_log_is_known_and_one_that_never_ran_holds_it_back(
    account: Account,
) -> None:
    mail(account)
    readers = {one.reader.partition(" ")[0] for one in retention.cursors()}
    assert {"analytics.foldcursor", "transactional.versionfold"} <= readers
    FoldCursor.objects.all().delete()
    assert {one.xid for one in retention.cursors() if one.reader == "analytics.foldcursor"} == {0}
    assert not [name for name in retention.drop_old(later()) if "_event_" in name]


def test_a_reader_is_not_waited_for_and_mail_does_not_stand_behind_us(account: Account) -> None:
    mail(account)
    all_read()
    given = connection.settings_dict
    reader = psycopg.connect(
        host=given["HOST"], user=given["USER"], password=given["PASSWORD"], port=given["PORT"],
        dbname=given["NAME"],
    )  # fmt: skip
    tries: list[float] = []
    # It leaves after all where nothing waits a set time only: PostgreSQL below libfaketime
    leaving = threading.Timer(WAITED, reader.close)
    leaving.daemon = True
    leaving.start()
    with reader:
        reader.execute("SELECT count(*) FROM transactional_body")  # a long report
        began = timezone.now()
        assert retention.drop_old(later(140), sleep=tries.append) == []
        waited = (timezone.now() - began).total_seconds()
        assert tries == [1.0] * 4
        # Five times 300 ms, and what the machine takes: the reader would have been there for ever
        assert 1.5 <= waited < WAITED
        assert LogState.objects.get(table="transactional_body").waits_for == "lock"
        leaving.cancel()
    assert this_month("transactional_body") in retention.drop_old(later(140), sleep=no_sleep)


def test_a_run_that_was_killed_is_finished_by_the_next(account: Account) -> None:
    mail(account)
    all_read()
    body = next(one for one in partitions.listing() if one.name == this_month("transactional_body"))
    partitions.detach(body)
    assert count(f"{body.name}_gone") == 1
    assert retention.run(timezone.now()).partitions == ()
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f"{body.name}_gone"])
        assert cursor.fetchone() == (None,)


def test_the_command_tells_before_it_does(account: Account, settings: Any) -> None:
    mail(account)
    all_read()

    def said(*args: str) -> str:
        out = StringIO()
        call_command("retention", *args, stdout=out)
        return out.getvalue()

    assert "No partition is past its time." in said("--dry-run")
    assert "content 90, messages 400, events 400" in said("--dry-run")
    settings.KEEP_BODIES_DAYS = -60  # as if two months had gone by
    assert f"{this_month('transactional_body')}: would go" in said("--dry-run")
    assert count("transactional_body") == 1
    assert f"{this_month('transactional_body')}: gone" in said()
    assert count("transactional_body") == 0
