"""Pauses over complaints: one at a time, told in the audit log and the IP's history, heard by the pools."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from domains import complaint_pauses, pools
from domains.complaint_rates import WEEK, Counts, Ruling
from domains.models import ComplaintPause, Domain, EgressSource, SourceChange
from tests.cast import Cast
from tokens.models import AuditEntry


def ruling(delivered: int = 1000, complaints: int = 7) -> Ruling:
    today = timezone.now().astimezone(UTC).date()
    return Ruling(WEEK, today - timedelta(days=6), Counts(delivered, 50, complaints))


@pytest.fixture
def domain(cast: Cast) -> Domain:
    found: Domain = Domain.objects.of(cast.account).get()
    return found


def shared(address: str = "127.0.0.90") -> EgressSource:
    source = EgressSource.objects.create(address=address, ehlo_name="s.test", state="active")
    pools.add(pools.shared_pool(), source)
    pools.forget()
    return source


def test_a_pause_keeps_its_evidence_and_stands_once(domain: Domain, cast: Cast) -> None:
    row = complaint_pauses.pause(domain, ruling())
    assert row is not None and row.account_id == cast.account.pk
    assert row.evidence == {"percent": "0.7", "complaints": "7", "delivered": "1000"}
    assert complaint_pauses.pause(domain, ruling()) is None
    assert complaint_pauses.paused_domains() == {(cast.account.pk, "shop.example")}
    assert complaint_pauses.standing_of(cast.account.pk, "shop.example") == row
    assert complaint_pauses.standing_of(cast.other_account.pk, "shop.example") is None
    entry = AuditEntry.objects.of(cast.account).get(what="domain.marketing_paused")
    assert (entry.by, entry.name, entry.data) == ("postino", "shop.example", row.evidence)


def test_it_ends_once_by_itself_or_by_a_person_who_answers_for_it(domain: Domain) -> None:
    row = complaint_pauses.pause(domain, ruling())
    assert row is not None and complaint_pauses.end(row.pk) is not None
    assert complaint_pauses.end(row.pk) is None
    assert complaint_pauses.answered_for(timezone.now().date()) == {}
    second = complaint_pauses.pause(domain, ruling())
    assert second is not None and complaint_pauses.end(second.pk, by="alice@shop.example")
    acts = AuditEntry.objects.of(domain.account_id).order_by("pk").values_list("what", "by")
    assert list(acts)[1:] == [
        ("domain.marketing_resumed", "postino"),
        ("domain.marketing_paused", "postino"),
        ("domain.marketing_lifted", "alice@shop.example"),
    ]
    assert complaint_pauses.paused_domains() == frozenset()


def test_a_person_answers_for_the_whole_day_of_the_lift_and_a_week_back(domain: Domain) -> None:
    row = complaint_pauses.pause(domain, ruling())
    assert row is not None and complaint_pauses.end(row.pk, by="alice")
    at = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
    ComplaintPause.objects.update(ended_at=at)
    tomorrow = at.date() + timedelta(days=1)
    for later in range(8):
        today = at.date() + timedelta(days=later)
        assert complaint_pauses.answered_for(today) == {(domain.pk, 0): tomorrow}
    assert complaint_pauses.answered_for(at.date() + timedelta(days=8)) == {}


def test_marketing_mail_passes_over_a_paused_ip_and_its_history_says_why(cast: Cast) -> None:
    one, other = shared(), shared("127.0.0.91")
    row = complaint_pauses.pause(one, ruling(3000, 12))
    assert row is not None
    pools.forget()
    fleet = pools.fleet(pools.shared_pool().pk)
    assert len(fleet.sources) == 2 and fleet.carrying(pools.TRANSACTIONAL) is fleet
    left = fleet.carrying("marketing")
    assert [source.id for source in left.sources] == [other.pk]
    (passed,) = left.passed
    assert passed.row() == {
        "address": "127.0.0.90", "code": "complaint_pause",
        "data": {"percent": "0.4", "complaints": "12", "delivered": "3000"},
    }  # fmt: skip
    complaint_pauses.end(row.pk, by="ops")
    pools.forget()
    assert len(pools.fleet(pools.shared_pool().pk).carrying("marketing").sources) == 2
    told = SourceChange.objects.filter(source=one).order_by("pk").values_list("event", "why", "by")
    assert list(told) == [
        ("complaints", "complaints", ""),
        ("complaints_over", "complaints_answered", "ops"),
    ]


def test_a_pause_is_of_a_domain_or_of_an_ip(domain: Domain) -> None:
    values: dict[str, Any] = {
        "window": "week", "since": timezone.now().date(), "delivered": 1, "complaints": 1,
        "percent": 1, "limit": 1,
    }  # fmt: skip
    source = shared()
    for of in (
        {},
        {"domain": domain},
        {"account_id": domain.account_id},
        {"domain": domain, "account_id": domain.account_id, "source": source},
        {"source": source, "account_id": domain.account_id},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            ComplaintPause.objects.create(**values, **of)
