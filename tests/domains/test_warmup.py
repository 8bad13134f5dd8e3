"""Budgets in the database: taken by many at once, never exceeded, given back, reported on."""

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections

from config.bulk import as_json
from domains import warmup
from domains.models import EgressSource, SourceState, WarmupDay
from domains.source_states import Why
from tests.cast import Cast

DAY = date(2026, 11, 25)
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def source(cast: Cast) -> EgressSource:
    EgressSource.objects.of(cast.account).update(warm_up=True, state="warming", used_at=NOON)
    return EgressSource.objects.of(cast.account).get()


def put(source: EgressSource, ago: int = 0, provider: str = "google", **fields: Any) -> WarmupDay:
    values = {"cap": 1000, "code": "grown", **fields}
    day = DAY - timedelta(days=ago)
    return WarmupDay.objects.create(source=source, provider=provider, day=day, **values)


def take_all(source: EgressSource) -> list[int]:
    found = []
    while (n := warmup.grant(source.pk, "google", DAY)) > 0:
        found.append(n)
    return found


def test_a_budget_is_taken_in_portions_and_kept_for_urgent_mail(source: EgressSource) -> None:
    put(source, cap=1000, reserve=20)
    portions = take_all(source)
    assert sum(portions) == 980 and max(portions) <= 98 and portions[-1] == 1
    warmup.count_urgent(source.pk, "google", DAY, 20)
    row = WarmupDay.objects.get()
    assert (row.taken, row.urgent, row.taken == row.cap) == (1000, 20, True)
    warmup.give_back(source.pk, "google", DAY, 7)
    assert sum(take_all(source)) == 7


def test_the_first_question_of_a_day_opens_it_from_the_days_before(source: EgressSource) -> None:
    put(source, ago=1, cap=1000, taken=1000, sent=1000)
    put(source, ago=1, provider="yahoo", cap=100, taken=100, sent=50, deferred=50)
    assert warmup.grant(source.pk, "google", DAY) > 0
    assert warmup.grant(source.pk, "yahoo", DAY) > 0
    rows = {row.provider: row for row in WarmupDay.objects.filter(day=DAY)}
    assert (rows["google"].cap, rows["google"].code) == (1400, "grown")
    back = rows["yahoo"]
    assert (back.cap, back.code, back.signal) == (50, "stepped_back", "deferred")


def test_a_warm_provider_has_no_budget(source: EgressSource) -> None:
    put(source, ago=1, cap=None, code="target")
    assert warmup.grant(source.pk, "google", DAY) == warmup.UNLIMITED


@pytest.mark.django_db(transaction=True)
def test_many_at_once_never_take_more_than_there_is(source: EgressSource) -> None:
    put(source, cap=300, reserve=6)
    taken: list[int] = []

    def worker() -> None:
        taken.extend(take_all(source))
        connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 294 == WarmupDay.objects.get().taken


def test_outcomes_are_added_up_by_ip_provider_and_day(source: EgressSource) -> None:
    put(source), put(source, provider="yahoo")
    results = [
        warmup.Result(source.pk, provider, DAY, what)
        for provider, what, n in (
            ("google", "sent", 5),
            ("google", "deferred", 2),
            ("yahoo", "blocked", 1),
        )
        for _ in range(n)
    ]
    with connection.cursor() as cursor:
        cursor.execute(warmup.REPORT, {"report": as_json(warmup.report_rows(results))})
    rows = {row.provider: (row.sent, row.deferred, row.blocked) for row in WarmupDay.objects.all()}
    assert rows == {"google": (5, 2, 0), "yahoo": (0, 0, 1)}


@pytest.mark.parametrize(
    ("status", "data", "signal"),
    [
        ("delivered", {}, "sent"),
        ("deferred", {"class": "throttled"}, "deferred"),
        ("deferred", {"class": "temporary"}, "deferred"),
        ("deferred", {"class": "greylisted"}, ""),
        ("deferred", {"class": "mailbox_full"}, ""),
        ("deferred", {"class": "connection"}, ""),
        ("bounced", {"category": "block"}, "blocked"),
        ("bounced", {"category": "hard"}, ""),
        ("expired", {"class": "throttled"}, ""),
    ],
)
def test_only_what_is_about_us_is_a_signal(status: str, data: dict[str, str], signal: str) -> None:
    assert warmup.signal_of(status, data) == signal


def test_a_complaint_counts_on_its_day_while_the_ip_warms_up(source: EgressSource) -> None:
    warmup.complained(source.pk, "google", day=DAY)
    assert WarmupDay.objects.get().complaints == 1
    EgressSource.objects.filter(pk=source.pk).update(warm_up=False)
    warmup.complained(source.pk, "google", day=DAY)
    assert WarmupDay.objects.get().complaints == 1


def test_the_calendar_shows_days_todays_use_and_the_end(source: EgressSource) -> None:
    put(source, ago=2, cap=50, taken=50, sent=50), put(source, ago=1, cap=70, taken=70, sent=70)
    put(source, cap=98, taken=40, sent=38)
    put(source, ago=1, provider="yahoo", cap=None, code="target")
    google, yahoo = warmup.calendar(source, now=NOON)
    assert [row.cap for row in google.past] == [50, 70]
    assert google.current is not None and (google.current.cap, google.current.taken) == (98, 40)
    assert [day.cap for day in google.coming[:3]] == [98, 138, 194]
    assert google.ends == DAY + timedelta(days=len(google.coming))
    assert yahoo.warm and yahoo.coming == () and (google.name, google.warm) == ("Google", False)


def test_a_warm_up_ends_once_no_provider_has_a_budget(source: EgressSource) -> None:
    put(source, ago=1, cap=None, code="target")
    put(source, ago=1, provider="yahoo", cap=100, taken=100, sent=100)
    assert warmup.finish_due(now=NOON) == 0
    assert WarmupDay.objects.get(day=DAY).provider == "yahoo"  # it goes on, with or without mail
    WarmupDay.objects.filter(provider="yahoo", day=DAY).update(cap=None)
    assert warmup.finish_due(now=NOON) == 1
    source.refresh_from_db()
    assert (source.state, source.warm_up) == (SourceState.ACTIVE, False)
    assert source.changes.latest("pk").event == "warmed"
    assert warmup.finish_due(now=NOON) == 0


def test_a_warm_up_that_never_had_mail_does_not_end(source: EgressSource) -> None:
    assert warmup.finish_due(now=NOON) == 0


def test_a_warm_up_started_again_begins_at_the_beginning(source: EgressSource) -> None:
    put(source, ago=1, cap=None, code="target")
    assert not warmup.start(source.pk, Why(by="alice"))
    EgressSource.objects.filter(pk=source.pk).update(warm_up=False, state="active")
    assert warmup.start(source.pk, Why(by="alice"))
    source.refresh_from_db()
    assert source.state == SourceState.WARMING and not WarmupDay.objects.exists()
