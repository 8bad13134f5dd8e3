"""Pauses marketing mail where readers report too much of it as spam, and ends pauses whose rate has fallen."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from analytics import complaints
from analytics.complaints import Of
from domains import complaint_pauses, complaint_rates
from domains.complaint_rates import DayCounts, Terms
from domains.models import ComplaintPause, Domain, EgressSource
from transactional import complaint_holds


@dataclass(frozen=True, slots=True)
class Seen:
    """What readers reported of late, day by day: by domain, and by shared IP."""

    today: date
    terms: Terms
    domains: Mapping[Of, list[DayCounts]]
    sources: Mapping[int, list[DayCounts]]


def watch(now: datetime | None = None) -> None:
    """Judge every domain and shared IP that mail of the last days was reported of; a few queries, whatever
    their number.
    """
    today = complaints.today(now)
    seen = Seen(
        today,
        complaint_pauses.terms(),
        complaints.domains_to_judge(today),
        complaints.sources_to_judge(today),
    )
    _end(seen)
    _pause(seen)
    complaint_holds.let_go_of_the_rest()


def _end(seen: Seen) -> None:
    rows = ComplaintPause.objects.standing().select_related("domain", "source")
    for row in rows:
        if row.domain is not None:
            days = seen.domains.get((row.domain.account_id, row.domain.name), [])
        else:
            days = seen.sources.get(row.source_id or 0, [])
        if not complaint_rates.is_over(days, seen.today, seen.terms):
            continue
        ended = complaint_pauses.end(row.pk)
        if ended is not None:
            complaint_holds.let_go(ended)


def _pause(seen: Seen) -> None:
    answered = complaint_pauses.answered_for(seen.today)
    standing = set(ComplaintPause.objects.standing().values_list("domain_id", "source_id"))
    for on, days in _accused(seen):
        key = (0, on.pk) if isinstance(on, EgressSource) else (on.pk, 0)
        if (key[0] or None, key[1] or None) in standing:
            continue
        since = answered.get(key)
        ruling = complaint_rates.judge(days, seen.today, seen.terms, since=since)
        if ruling is not None:
            complaint_pauses.pause(on, ruling)


def _accused(seen: Seen) -> list[tuple[Domain | EgressSource, list[DayCounts]]]:
    """Those whose rate is too high if nobody has answered for it."""

    def high(days: list[DayCounts]) -> bool:
        return complaint_rates.judge(days, seen.today, seen.terms) is not None

    names = {of: days for of, days in seen.domains.items() if high(days)}
    ids = {pk: days for pk, days in seen.sources.items() if high(days)}
    found: list[tuple[Domain | EgressSource, list[DayCounts]]] = []
    if names:
        accounts, domains = {of[0] for of in names}, {of[1] for of in names}
        rows = Domain.objects.filter(account_id__in=accounts, name__in=domains)
        found += [(row, names[of]) for row in rows if (of := (row.account_id, row.name)) in names]
    if ids:
        shared = EgressSource.objects.filter(pk__in=ids, account__isnull=True)
        found += [(row, ids[row.pk]) for row in shared]
    return found
