"""The only place that keeps warm-up budgets: who may take how much of a day's, and what came of it.

Workers take a budget in portions before they send, so that all of them together never send more;
what they could not use goes back. Outcomes come down from `lifecycle`, with its own writes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from domains import sites, warmup_plan
from domains.models import EgressSource, SourceEvent, WarmupDay
from domains.source_states import move
from domains.warmup_plan import OTHER, Day, Step

LOOKED_AT = 40  # days before that a budget is decided from
PORTION = 10  # a worker takes this part (1/n) of what is left at most, so that others find some
LARGEST_PORTION = 100
UNLIMITED = -1  # granted: no budget at this provider any more

_FIELDS = ("day", "cap", "taken", "urgent", "sent", "deferred", "blocked", "complaints")
# What ordinary mail may still take: all but what is kept for urgent mail
_GRANT = """
WITH room AS (
    SELECT id, cap, cap - reserve - (taken - urgent) AS free FROM domains_warmupday
    WHERE source_id = %s AND provider = %s AND day = %s FOR UPDATE
), given AS (
    SELECT id, least(%s, greatest(1, free / %s)) AS n FROM room WHERE free > 0
), written AS (
    UPDATE domains_warmupday d SET taken = taken + given.n FROM given WHERE d.id = given.id
)
SELECT coalesce((SELECT n FROM given), CASE WHEN room.cap IS NULL THEN -1 ELSE 0 END) FROM room
"""
# What lifecycle adds to its flush: the outcomes of warming IPs, in one statement
REPORT = """
UPDATE domains_warmupday d
SET sent = d.sent + r.sent, deferred = d.deferred + r.deferred, blocked = d.blocked + r.blocked
FROM json_to_recordset(%(report)s::json)
    AS r(source bigint, provider text, day date, sent int, deferred int, blocked int)
WHERE d.source_id = r.source AND d.provider = r.provider AND d.day = r.day
"""


@dataclass(frozen=True, slots=True)
class Result:
    """One outcome of a warming IP: `what` is sent, deferred, blocked, or empty (says nothing)."""

    source_id: int
    provider: str
    day: date
    what: str


def today(now: datetime | None = None) -> date:
    """The day whose budgets count: in UTC, everywhere."""
    return (now or timezone.now()).astimezone(UTC).date()


def tomorrow(now: datetime) -> datetime:
    """When the next day's budgets begin."""
    return datetime.combine(today(now) + timedelta(days=1), datetime.min.time(), UTC)


def signal_of(status: str, data: Mapping[str, Any]) -> str:
    """What an outcome says of our reputation: sent, deferred, blocked, or nothing (empty).

    A full mailbox, an unknown user, a greylisting or a dead host says nothing of it.
    """
    if status == "delivered":
        return "sent"
    if status == "deferred" and data.get("class") in ("throttled", "temporary"):
        return "deferred"
    if status == "bounced" and data.get("category") == "block":
        return "blocked"
    return ""


def report_rows(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Outcomes added up, for REPORT."""
    counted: dict[tuple[int, str, date], Counter[str]] = {}
    for result in results:
        key = (result.source_id, result.provider, result.day)
        if result.what:
            counted.setdefault(key, Counter())[result.what] += 1
    return [
        {
            "source": source,
            "provider": provider,
            "day": day.isoformat(),
            **{what: counts[what] for what in ("sent", "deferred", "blocked")},
        }
        for (source, provider, day), counts in counted.items()
    ]


def grant(source_id: int, provider: str, day: date) -> int:
    """A portion of a day's budget for ordinary mail; 0: used up; UNLIMITED: there is none."""
    open_day(source_id, provider, day)
    with connection.cursor() as cursor:
        cursor.execute(_GRANT, (source_id, provider, day, LARGEST_PORTION, PORTION))
        found = cursor.fetchone()
    return int(found[0]) if found else 0


def give_back(source_id: int, provider: str, day: date, n: int) -> None:
    """Return what was taken and not used."""
    rows = WarmupDay.objects.filter(source_id=source_id, provider=provider, day=day)
    rows.update(taken=F("taken") - n)


def count_urgent(source_id: int, provider: str, day: date, n: int) -> None:
    """Count what could not wait and was sent beyond the budget of ordinary mail."""
    row = open_day(source_id, provider, day)
    rows = WarmupDay.objects.filter(pk=row.pk)
    rows.update(taken=F("taken") + n, urgent=F("urgent") + n)


def open_day(source_id: int, provider: str, day: date) -> WarmupDay:
    """A day's row, made at its first use from the days before."""
    rows = WarmupDay.objects.filter(source_id=source_id, provider=provider)
    found = rows.filter(day=day).first()
    if found is not None:
        return found
    past = _days(rows.filter(day__lt=day).order_by("-day")[:LOOKED_AT])
    decided = warmup_plan.step(warmup_plan.plan_for(provider), past, day)
    made, _ = WarmupDay.objects.get_or_create(
        source_id=source_id, provider=provider, day=day, defaults=_columns(decided)
    )
    return made


def _columns(decided: Step) -> dict[str, Any]:
    return {
        "cap": decided.cap,
        "code": decided.code,
        "signal": decided.data.get("signal", ""),
        "reserve": decided.reserve,
    }


def _days(rows: Iterable[WarmupDay]) -> list[Day]:
    """Oldest first."""
    found = [Day(**{name: getattr(row, name) for name in _FIELDS}) for row in rows]
    return sorted(found, key=lambda d: d.day)


def complained(source_id: int, provider: str, *, day: date | None = None) -> None:
    """A reader of this provider called a message of this IP spam; counted on the day we hear of it."""
    if EgressSource.objects.filter(pk=source_id, warm_up=True).exists():
        row = open_day(source_id, provider or OTHER, day or today())
        WarmupDay.objects.filter(pk=row.pk).update(complaints=F("complaints") + 1)


@dataclass(frozen=True, slots=True)
class ProviderView:
    """What the calendar shows of one provider: the days so far, those to come, and the end."""

    provider: str
    name: str
    past: tuple[WarmupDay, ...]
    current: WarmupDay | None
    coming: tuple[Day, ...]
    ends: date | None

    @property
    def warm(self) -> bool:
        """Whether it has no budget any more."""
        return self.current is not None and self.current.cap is None


def calendar(source: EgressSource, *, now: datetime | None = None) -> list[ProviderView]:
    """Each provider that mail has gone to, with its days and what is to be expected."""
    day = today(now)
    by_provider: dict[str, list[WarmupDay]] = {}
    since = day - timedelta(days=LOOKED_AT)
    rows = WarmupDay.objects.filter(source=source, day__gte=since).order_by("day")
    for row in rows:
        by_provider.setdefault(row.provider, []).append(row)
    return [_view(provider, found, day) for provider, found in sorted(by_provider.items())]


def _view(provider: str, rows: Sequence[WarmupDay], day: date) -> ProviderView:
    current = next((row for row in rows if row.day == day), None)
    if current is None and rows[-1].cap is None:
        current = rows[-1]
    coming, ends = warmup_plan.forecast(provider, _days(rows), day)
    return ProviderView(
        provider=provider,
        name=sites.NAMES.get(provider, ""),
        past=tuple(row for row in rows if row.day < day),
        current=current,
        coming=coming,
        ends=ends,
    )


def start(source_id: int, why: Any) -> bool:
    """Begin a warm-up, from the first budget at every provider. False where one goes on already."""
    with transaction.atomic():
        if not move(source_id, SourceEvent.WARM_UP_STARTED, why):
            return False
        WarmupDay.objects.filter(source_id=source_id).delete()
    return True


def finish_due(*, now: datetime | None = None) -> int:
    """End the warm-ups that have no budget left at any provider of the last weeks; how many."""
    done = 0
    day = today(now)
    for source in EgressSource.objects.filter(warm_up=True).order_by("pk"):
        views = calendar(source, now=now)
        for view in views:
            if view.past and view.current is None and (day - view.past[-1].day).days == 1:
                open_day(source.pk, view.provider, day)  # its calendar goes on without mail, too
        latest = [view.current or view.past[-1] for view in calendar(source, now=now)]
        if latest and all(row.cap is None for row in latest):
            done += move(source.pk, SourceEvent.WARMED)
    return done
