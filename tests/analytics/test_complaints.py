"""Complaints are counted against the mail they are about: per domain, IP and day of the delivery."""

from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from analytics import complaints, rollup
from analytics.models import ComplaintDay
from domains.complaint_rates import DAY, MONTH, WEEK, Counts
from domains.models import EgressSource
from tests.analytics.conftest import NOON, Sent, make_sent
from tests.analytics.test_rollup import fold_all
from transactional import events
from transactional.models import Event, LogState, Message


def wrote(sent: Sent, kind: str, recipient: int = 0, *, day: int = 0, **data: Any) -> None:
    at = NOON + timedelta(days=day)
    events.append([sent.happened(kind, recipient, at=at, data=data)])


def table() -> list[tuple[Any, ...]]:
    rows = ComplaintDay.objects.order_by("domain", "source_id", "day")
    return list(
        rows.values_list("domain", "source_id", "day", "delivered", "unreported", "complaints")
    )


def test_a_complaint_counts_on_the_day_of_its_delivery_at_its_ip(counted: Sent) -> None:
    wrote(counted, "delivered", 0, egress=7)
    wrote(counted, "delivered", 1, day=1, egress=8, provider="yahoo")
    wrote(counted, "delivered", 2, day=1, egress=7, provider="google")
    fold_all()
    wrote(counted, "complained", 0, day=3)
    wrote(counted, "complained", 1, day=1)
    wrote(counted, "opened", 1, day=1)
    fold_all()
    assert table() == [
        ("shop.example", 7, date(2026, 11, 20), 1, 0, 1),
        ("shop.example", 7, date(2026, 11, 21), 0, 1, 0),
        ("shop.example", 8, date(2026, 11, 21), 1, 0, 1),
    ]
    assert set(ComplaintDay.objects.values_list("account_id", flat=True)) == {
        counted.campaign.account_id
    }


def test_a_bounce_that_comes_back_takes_its_delivery_back_on_its_own_day(counted: Sent) -> None:
    wrote(counted, "delivered", 0, egress=7)
    wrote(counted, "delivered", 1, egress=7, provider="apple")
    wrote(counted, "bounced", 0, day=2, was="delivered")
    wrote(counted, "bounced", 1, day=2, was="delivered")
    wrote(counted, "bounced", 2, day=2)
    fold_all()
    assert table() == [("shop.example", 7, date(2026, 11, 20), 0, 0, 0)]


def test_behind_a_smarthost_no_ip_of_ours_was_seen(counted: Sent) -> None:
    wrote(counted, "delivered", egress=None)
    wrote(counted, "complained", day=1)
    fold_all()
    assert table() == [("shop.example", None, date(2026, 11, 20), 1, 0, 1)]


def test_a_report_that_overtakes_its_delivery_counts_on_its_own_day(counted: Sent) -> None:
    wrote(counted, "complained", day=1)
    fold_all()
    wrote(counted, "delivered", day=1, egress=7)
    fold_all()
    assert sorted(row[3:] for row in table()) == [(0, 0, 1), (1, 0, 0)]
    assert {row[2] for row in table()} == {date(2026, 11, 21)}


def test_mail_of_before_this_was_counted_and_reports_about_it_count_nowhere(counted: Sent) -> None:
    wrote(counted, "delivered", attempt=1)
    wrote(counted, "complained", day=1)
    wrote(counted, "bounced", day=1, was="delivered")
    fold_all()
    assert table() == []


def test_erasing_a_person_keeps_the_rates(counted: Sent) -> None:
    wrote(counted, "delivered", egress=7, provider="yahoo", response="250 ann@a.example")
    wrote(counted, "complained", day=1)
    fold_all()
    before = table()
    who = {"message_ids": [counted.message.pk], "recipient_ids": [counted.recipients[0].pk]}
    events.anonymise(counted.campaign.account_id, **who)
    assert "response" not in Event.objects.get(type="delivered").data
    rollup.rebuild()
    assert table() == before == [("shop.example", 7, date(2026, 11, 20), 1, 0, 1)]


def test_a_rebuild_finds_the_same_and_keeps_days_whose_events_are_gone(counted: Sent) -> None:
    wrote(counted, "delivered", 0, egress=7)
    wrote(counted, "delivered", 1, day=1, egress=7)
    wrote(counted, "complained", 0, day=2)
    wrote(counted, "complained", 1, day=2)
    fold_all(limit=1)
    before = table()
    rollup.rebuild(limit=2)
    assert table() == before
    begins = NOON + timedelta(hours=12)
    LogState.objects.create(table="transactional_event", kept_from=begins)
    Event.objects.filter(at__lt=begins).delete()
    Message.objects.update(created_at=NOON)
    rollup.rebuild()
    assert table() == before


def test_events_of_an_account_that_is_gone_hold_up_nothing(counted: Sent, cast: Any) -> None:
    other = make_sent(cast.other_account)
    wrote(other, "delivered", egress=7)
    Event.objects.filter(account_id=cast.other_account.pk).update(account_id=10**9)
    wrote(counted, "delivered", egress=7)
    fold_all()
    assert len(table()) == 1


def add(sent: Sent, ago: int, counts: Counts, source: int | None = 7, **more: Any) -> None:
    ComplaintDay.objects.create(
        account_id=more.get("account", sent.campaign.account_id),
        domain=more.get("domain", "shop.example"),
        source_id=source,
        day=complaints.today() - timedelta(days=ago),
        delivered=counts.delivered,
        unreported=counts.unreported,
        complaints=counts.complaints,
    )


def test_windows_are_summed_over_ips_and_over_accounts(sent: Sent, cast: Any) -> None:
    add(sent, 0, Counts(10, 1, 0))
    add(sent, 1, Counts(10, 1, 1), source=8)
    add(sent, 6, Counts(10, 1, 1))
    add(sent, 29, Counts(10, 1, 1))
    add(sent, 30, Counts(10, 1, 1))
    add(sent, 0, Counts(100, 0, 9), account=cast.other_account.pk)
    add(sent, 0, Counts(1, 0, 0), domain="other.example")
    found = complaints.of_domain(cast.account.pk, "shop.example")
    assert [(one.code, one.days, one.counts) for one in found] == [
        (DAY, 2, Counts(20, 2, 1)),
        (WEEK, 7, Counts(30, 3, 2)),
        (MONTH, 30, Counts(40, 4, 3)),
    ]
    assert complaints.of_source(7)[0].counts == Counts(111, 1, 9)
    assert complaints.of_source(9)[2].counts == Counts()


def test_the_watch_reads_only_what_was_reported_of(
    sent: Sent, cast: Any, django_assert_num_queries: Any
) -> None:
    shared = EgressSource.objects.create(address="127.0.0.90", ehlo_name="s.test")
    own = EgressSource.objects.of(cast.account).get()
    add(sent, 0, Counts(10, 0, 1), source=shared.pk)
    add(sent, 3, Counts(20, 5, 0), source=own.pk)
    add(sent, 7, Counts(20, 0, 9), source=shared.pk)
    add(sent, 0, Counts(5, 0, 0), domain="quiet.example", source=own.pk)
    today = complaints.today()
    with django_assert_num_queries(2):
        domains, sources = complaints.domains_to_judge(today), complaints.sources_to_judge(today)
    assert set(domains) == {(cast.account.pk, "shop.example")}
    days = sorted(domains[(cast.account.pk, "shop.example")], key=lambda one: one.day)
    assert [one.counts for one in days] == [Counts(20, 5, 0), Counts(10, 0, 1)]
    assert list(sources) == [shared.pk] and [one.counts for one in sources[shared.pk]] == [
        Counts(10, 0, 1)
    ]


def test_counts_are_kept_beyond_the_longest_window_and_then_go(sent: Sent) -> None:
    add(sent, 40, Counts(1, 0, 0))
    add(sent, 41, Counts(1, 0, 0))
    assert complaints.forget_old(timezone.now().date()) == 1
    assert ComplaintDay.objects.get().day == complaints.today() - timedelta(days=40)
