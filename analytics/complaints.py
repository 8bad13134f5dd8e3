"""Complaint rates read from their counters: of a domain and of an IP, and what the watch judges by."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import QuerySet, Sum
from django.utils import timezone

from analytics.models import ComplaintDay
from domains import complaint_rates
from domains.complaint_rates import MONTH, WEEK, WINDOWS, Counts, DayCounts

KEPT = timedelta(days=40)  # more than the longest window
GONE_AT_ONCE = 5000

SUMS = (Sum("delivered"), Sum("unreported"), Sum("complaints"))
Of = tuple[int, str]  # an account and one of its domains

# Whatever complaints of the last days are about, with all that was delivered beside them
_DOMAINS = """
SELECT d.account_id, d.domain, d.day, sum(d.delivered), sum(d.unreported), sum(d.complaints)
FROM analytics_complaintday d
WHERE d.day >= %(since)s AND (d.account_id, d.domain) IN (
    SELECT account_id, domain FROM analytics_complaintday WHERE day >= %(since)s AND complaints > 0
)
GROUP BY 1, 2, 3
"""
_SOURCES = """
SELECT d.source_id, d.day, sum(d.delivered), sum(d.unreported), sum(d.complaints)
FROM analytics_complaintday d JOIN domains_egresssource s ON s.id = d.source_id
WHERE d.day >= %(since)s AND s.account_id IS NULL AND d.source_id IN (
    SELECT source_id FROM analytics_complaintday WHERE day >= %(since)s AND complaints > 0
)
GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Window:
    """A window with its name, its length in UTC days and its counts."""

    code: str
    days: int
    counts: Counts


def today(now: datetime | None = None) -> date:
    """The UTC day that counts as today."""
    return (now or timezone.now()).astimezone(UTC).date()


def of_domain(account_id: int, domain: str) -> list[Window]:
    """What an account's mail from one of its domains came to, the shortest window first."""
    return _windows(ComplaintDay.objects.of(account_id).filter(domain=domain))


def of_source(source_id: int) -> list[Window]:
    """What all mail from an IP came to."""
    return _windows(ComplaintDay.objects.filter(source_id=source_id))


def _windows(rows: "QuerySet[ComplaintDay]") -> list[Window]:
    now = today()
    rows = rows.filter(day__gte=complaint_rates.first_day(MONTH, now))
    found = rows.order_by("day").values_list("day").annotate(*SUMS)
    days = [_day(row) for row in found]
    return [
        Window(code, length, complaint_rates.within(days, code, now))
        for code, length in WINDOWS.items()
    ]


def domains_to_judge(now: date) -> dict[Of, list[DayCounts]]:
    """Each account's domain that mail of the deciding windows was reported of, day by day."""
    found: dict[Of, list[DayCounts]] = defaultdict(list)
    for account_id, domain, *row in _rows(_DOMAINS, now):
        found[(account_id, domain)].append(_day(row))
    return dict(found)


def sources_to_judge(now: date) -> dict[int, list[DayCounts]]:
    """The same for each of the operator's shared IPs."""
    found: dict[int, list[DayCounts]] = defaultdict(list)
    for source_id, *row in _rows(_SOURCES, now):
        found[source_id].append(_day(row))
    return dict(found)


def _rows(statement: str, now: date) -> Iterator[tuple[Any, ...]]:
    values: Mapping[str, Any] = {"since": complaint_rates.first_day(WEEK, now)}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        yield from cursor.fetchall()


def _day(row: Iterable[Any]) -> DayCounts:
    day, *counts = row
    return DayCounts(day, Counts(*map(int, counts)))


def forget_old(now: date) -> int:
    """Remove counts that no window reaches back to, a batch at a time; how many went."""
    old = ComplaintDay.objects.filter(day__lt=now - KEPT).order_by("pk")
    keys = list(old.values_list("pk", flat=True)[:GONE_AT_ONCE])
    ComplaintDay.objects.filter(pk__in=keys).delete()
    return len(keys)
