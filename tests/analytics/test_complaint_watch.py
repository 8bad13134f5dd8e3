"""The watch: marketing mail is paused where readers report too much, goes on when that has fallen, and an
owner hears of it once."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from analytics import complaint_watch, complaints, metrics
from analytics.models import ComplaintDay
from analytics.tasks.complaints import watch_complaints
from domains import complaint_pauses, pools
from domains.complaint_rates import Counts
from domains.models import ComplaintPause, Domain, EgressSource
from tests.cast import Cast
from transactional.models import Message


def add(cast: Cast, ago: int, counts: Counts, *, source: EgressSource | None = None) -> None:
    """Counts of a day, beside what others of it are."""
    source = source or EgressSource.objects.of(cast.account).get()
    ComplaintDay.objects.create(
        account=cast.account, domain="shop.example", source=source,
        day=complaints.today() - timedelta(days=ago),
        delivered=counts.delivered, unreported=counts.unreported, complaints=counts.complaints,
    )  # fmt: skip


@pytest.fixture
def shared(cast: Cast) -> EgressSource:
    source = EgressSource.objects.create(address="127.0.0.90", ehlo_name="s.test", state="active")
    pools.add(pools.shared_pool(), source)
    return source


def test_a_domain_is_paused_with_its_evidence_and_its_dedicated_ip_is_not(cast: Cast) -> None:
    add(cast, 2, Counts(1500, 9000, 6))
    complaint_watch.watch()
    row = ComplaintPause.objects.get()
    assert row.domain == Domain.objects.of(cast.account).get() and row.source is None
    assert (row.window, row.delivered, row.complaints) == ("week", 1500, 6)
    assert (row.percent, row.limit) == (Decimal("0.400"), Decimal("0.300"))
    assert row.since == complaints.today() - timedelta(days=6)
    complaint_watch.watch()
    assert ComplaintPause.objects.count() == 1


def test_what_gmail_took_makes_no_rate_better_and_little_mail_is_not_judged(cast: Cast) -> None:
    add(cast, 0, Counts(999, 90_000, 900))
    complaint_watch.watch()
    assert not ComplaintPause.objects.exists()


def test_a_shared_ip_is_paused_by_what_all_accounts_send_from_it(
    cast: Cast, shared: EgressSource, settings: Any
) -> None:
    settings.COMPLAINT_PAUSE_DELIVERED = 300
    ComplaintDay.objects.create(
        account=cast.other_account, domain="stranger.example", source=shared,
        day=complaints.today(), delivered=200, complaints=3,
    )  # fmt: skip
    add(cast, 0, Counts(100, 0, 1), source=shared)
    complaint_watch.watch()
    assert [row.source for row in ComplaintPause.objects.all()] == [shared]
    assert metrics.complaint_pauses()[0].samples == [({"of": "domain"}, 0), ({"of": "ip"}, 1)]


def test_it_ends_by_itself_when_the_rate_has_fallen(cast: Cast) -> None:
    add(cast, 3, Counts(1000, 0, 3))
    complaint_watch.watch()
    later = timezone.now() + timedelta(days=3)
    complaint_watch.watch(later)
    assert ComplaintPause.objects.standing().exists()
    complaint_watch.watch(later + timedelta(days=1))
    row = ComplaintPause.objects.get()
    assert row.ended_at is not None and row.ended_by == ""


def test_the_end_comes_also_where_the_setting_was_switched_off(cast: Cast, settings: Any) -> None:
    add(cast, 0, Counts(1000, 0, 3))
    complaint_watch.watch()
    settings.COMPLAINT_PAUSE_PERCENT = 0.0
    complaint_watch.watch()
    assert not ComplaintPause.objects.standing().exists()
    complaint_watch.watch()
    assert ComplaintPause.objects.count() == 1


def test_a_lifted_pause_comes_back_only_for_mail_of_later_days(cast: Cast) -> None:
    add(cast, 0, Counts(1000, 0, 30))
    complaint_watch.watch()
    assert complaint_pauses.end(ComplaintPause.objects.get().pk, by="alice") is not None
    complaint_watch.watch()
    assert ComplaintPause.objects.count() == 1
    ComplaintDay.objects.update(complaints=90)  # later reports about the same mail
    complaint_watch.watch()
    assert ComplaintPause.objects.count() == 1
    tomorrow = timezone.now() + timedelta(days=1)
    add(cast, -1, Counts(1000, 0, 3))
    complaint_watch.watch(tomorrow)
    again = ComplaintPause.objects.standing().get()
    assert (again.delivered, again.complaints) == (1000, 3)
    assert again.since == complaints.today(tomorrow)


def test_the_owners_are_written_to_once(cast: Cast) -> None:
    add(cast, 1, Counts(2000, 0, 9))
    watch_complaints()
    assert ComplaintPause.objects.get().told_at is not None
    watch_complaints()
    (mail,) = Message.objects.of(cast.account)
    assert "shop.example" in mail.subject and mail.kind == "transactional"


def test_the_watch_asks_the_same_for_many_as_for_one(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        name = f"d{number}.example"
        Domain.objects.create(account=cast.account, name=name)
        ComplaintDay.objects.create(
            account=cast.account, domain=name, source=None, day=complaints.today(),
            delivered=1000, complaints=1,
        )  # fmt: skip
    with django_assert_max_num_queries(7):
        complaint_watch.watch()
