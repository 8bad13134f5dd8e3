"""Reading the counters: a campaign's numbers per day and in sum.

Without machines' opens and clicks, unless the account has switched that off; both are kept, so
the switch changes all numbers at once and none is counted anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from django.db.models import OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce, TruncDate

from analytics.models import CampaignDay
from analytics.stats import COUNTERS, Numbers, without_machines
from transactional.models import Campaign

SWITCH = "account__filter_machines"
SUMS = {f"sum_{name}": Sum(name) for name in COUNTERS}


@dataclass(frozen=True, slots=True)
class Day:
    """The numbers of one UTC day."""

    day: date
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class Active:
    """A campaign, and when something happened to it last: to the UTC day, else when it began."""

    id: int
    at: datetime


def campaigns(account_id: int, *, by_activity: bool, start: int, limit: int) -> list[Active]:
    """Some of the account's campaigns after the first `start`: newest, or last active, first."""
    last = CampaignDay.objects.filter(campaign=OuterRef("pk")).order_by("-day").values("day")[:1]
    began = TruncDate("created_at", tzinfo=UTC)
    rows = Campaign.objects.of(account_id).annotate(last=Coalesce(Subquery(last), began))
    rows = rows.order_by("-last", "-pk") if by_activity else rows.order_by("-pk")
    found = rows.values_list("pk", "last", "created_at")[start : start + limit]
    return [
        Active(pk, max(created, datetime.combine(day, time(), UTC))) for pk, day, created in found
    ]


def totals(account_id: int, campaign_ids: Iterable[int]) -> dict[int, Numbers]:
    """All-time numbers of each campaign of the account, in one query; zeros where none are."""
    wanted = list(campaign_ids)
    rows = (
        CampaignDay.objects.of(account_id)
        .filter(campaign_id__in=wanted)
        .values("campaign_id", SWITCH)
        .annotate(**SUMS)
    )
    found = {row["campaign_id"]: _numbers(row) for row in rows}
    return {pk: found.get(pk, Numbers()) for pk in wanted}


def days(account_id: int, campaign_id: int, *, since: date, until: date) -> list[Day]:
    """The days of a campaign that have numbers, oldest first; both ends included."""
    rows = (
        CampaignDay.objects.of(account_id)
        .filter(campaign_id=campaign_id, day__gte=since, day__lte=until)
        .values("day", SWITCH)
        .annotate(**SUMS)
        .order_by("day")
    )
    return [Day(row["day"], _numbers(row)) for row in rows]


def account_days(account_id: int, *, since: date, until: date) -> list[Day]:
    """The days of a whole account that have numbers, oldest first; both ends included."""
    rows = (
        CampaignDay.objects.of(account_id)
        .filter(day__gte=since, day__lte=until)
        .values("day", SWITCH)
        .annotate(**SUMS)
        .order_by("day")
    )
    return [Day(row["day"], _numbers(row)) for row in rows]


def _numbers(row: Mapping[str, Any]) -> Numbers:
    numbers = Numbers(**{name: int(row[f"sum_{name}"]) for name in COUNTERS})
    return without_machines(numbers) if row[SWITCH] else numbers
