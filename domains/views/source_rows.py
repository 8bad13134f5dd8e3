"""What an IP's page shows beside its checks: blocklists, the warm-up's calendar, the history."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from math import log10

from django.utils import timezone
from django.utils.functional import Promise

from domains import blocklists, names, warmup
from domains.findings import sentence_of
from domains.models import Domain, EgressSource, Listing, SourceChange, SourceEvent, WarmupDay
from domains.views.rows import Pill, state_words
from domains.views.source_words_table import (
    EVENT_PILLS,
    FAILED,
    LISTING_PILLS,
    OTHERS,
    SIGNALS,
    STEPS,
    UNKNOWN,
)
from domains.warmup import ProviderView

HISTORY = 20  # changes on a page
WIDTH, HEIGHT, BAR = 720, 120, 10  # of a calendar's chart, in its own units


@dataclass(frozen=True, slots=True)
class ListRow:
    """A blocklist with what it says of the IP, or of its name's domain."""

    name: str
    subject: str
    stops: bool
    pill: Pill
    words: str
    sentence: Promise | str
    since: datetime | None
    removal: str

    @property
    def remarkable(self) -> bool:
        """Whether it has the IP, or declined to say."""
        return bool(self.words or self.sentence)


@dataclass(frozen=True, slots=True)
class Told:
    """A line of the history."""

    at: datetime
    pill: Pill
    sentence: str
    by: str
    state: Promise


@dataclass(frozen=True, slots=True)
class Bar:
    """A day in the chart of a calendar; to come, or past."""

    x: float
    y: float
    height: float
    coming: bool
    used: float  # height of the part that was used
    used_y: float


@dataclass(frozen=True, slots=True)
class DayRow:
    """A day in the calendar's table."""

    day: date
    cap: int | None
    row: WarmupDay | None
    why: Promise | str
    signal: Promise | str


@dataclass(frozen=True, slots=True)
class Calendar:
    """A provider's warm-up: today, the chart, each day, and when it is expected to end."""

    name: str | Promise
    today: WarmupDay | None
    warm: bool
    ends: date | None
    bars: tuple[Bar, ...]
    days: tuple[DayRow, ...]
    left: int


def list_rows(source: EgressSource) -> list[ListRow]:
    """Every list that is asked about the IP and its name, the ones that have it first."""
    return _rows((source.address, names.organisational(source.ehlo_name)))


def domain_list_rows(domain: Domain) -> list[ListRow]:
    """Every list that is asked about a domain's name. None of them keeps its mail from leaving."""
    return [replace(row, stops=False) for row in _rows((domain.name,))]


def _rows(subjects: Sequence[str]) -> list[ListRow]:
    if not blocklists.active():
        return []
    known = {(row.subject, row.code): row for row in Listing.objects.filter(subject__in=subjects)}
    rows = [
        _list_row(asked, subject, known.get((subject, asked.list.code)))
        for subject in subjects
        for asked in blocklists.lists_for(blocklists.kind_of(subject))
    ]
    return sorted(rows, key=lambda row: row.pill.css != "bad")


def _list_row(asked: blocklists.Asked, subject: str, known: Listing | None) -> ListRow:
    state = known.state if known else ""
    sentence: Promise | str = ""
    if known is not None and known.why:
        sentence = UNKNOWN.get(known.why, FAILED)
    return ListRow(
        name=asked.list.name,
        subject=subject,
        stops=asked.stops,
        pill=Pill(*LISTING_PILLS[state]),
        words=known.words if known else "",
        sentence=sentence,
        since=known.since if known else None,
        removal=asked.list.removal,
    )


def history(source: EgressSource) -> list[Told]:
    """The newest changes first."""
    rows = SourceChange.objects.filter(source=source).order_by("-pk")[:HISTORY]
    return [told(row) for row in rows]


def told(change: SourceChange) -> Told:
    """A change in words."""
    event = SourceEvent(change.event)
    sentence = sentence_of({"code": change.why, "params": change.data, **change.data})
    label = Pill(EVENT_PILLS.get(event, "mute"), event.label)
    return Told(change.at, label, sentence, change.by, state_words(change.state))


def calendars(source: EgressSource) -> list[Calendar]:
    """One for each provider that mail has gone to."""
    now = timezone.now()
    return [_calendar(view, warmup.today(now)) for view in warmup.calendar(source, now=now)]


def _calendar(view: ProviderView, day: date) -> Calendar:
    today = view.current if view.current is not None and view.current.cap is not None else None
    rows = [*view.past, *([view.current] if view.current and view.current.day == day else [])]
    days = [_day_row(row) for row in rows]
    seen = {row.day for row in rows}
    days += [DayRow(d.day, d.cap, None, "", "") for d in view.coming if d.day not in seen]
    left = 0 if today is None or today.cap is None else max(0, today.cap - today.taken)
    return Calendar(
        name=view.name or OTHERS,
        today=today,
        warm=view.warm,
        ends=view.ends,
        bars=_bars(days),
        days=tuple(days),
        left=left,
    )


def _day_row(row: WarmupDay) -> DayRow:
    return DayRow(row.day, row.cap, row, STEPS.get(row.code, ""), SIGNALS.get(row.signal, ""))


def _bars(days: Sequence[DayRow]) -> tuple[Bar, ...]:
    """Budgets on a logarithmic scale: they grow from fifty to fifty thousand."""
    shown = [one for one in days if one.cap]
    step = min(WIDTH / max(len(shown), 1), 3 * BAR)
    return tuple(
        Bar(
            x=round(number * step, 1),
            y=round(HEIGHT - _height(one.cap), 1),
            height=_height(one.cap),
            coming=one.row is None,
            used=_height(one.row.sent) if one.row else 0,
            used_y=round(HEIGHT - _height(one.row.sent), 1) if one.row else 0,
        )
        for number, one in enumerate(shown)
    )


def _height(count: int | None) -> float:
    return round(min(HEIGHT, HEIGHT * log10(1 + (count or 0)) / 5), 1)
