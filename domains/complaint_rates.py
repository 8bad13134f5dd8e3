"""The only place that says what a complaint rate is, when it pauses marketing mail, and when that ends.

Pure: counts of days in, a ruling out. A day's counts are of the mail that was delivered on it, so a
report that comes later is counted against the mail it is about: the day after a large send, its
reports do not fall upon the little that was delivered since. Gmail and Apple send no reports of spam;
what they took is left out of the rate (`unreported`), or it would look better than it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

ADVISED = Decimal("0.10")  # per cent; from here large mailbox providers begin to distrust a sender
LIMIT = Decimal("0.30")  # per cent; what they say must never be reached
DAY, WEEK, MONTH = "day", "week", "month"
#: UTC days of each window, today included. The shortest has two: a day that has just begun says nothing.
WINDOWS = {DAY: 2, WEEK: 7, MONTH: 30}
DECIDING = (
    WEEK,
    DAY,
)  # a rate that large providers ask for seven days below the limit; one day's spike
_THOUSANDTH = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Counts:
    """Mail delivered to receivers that may report spam, that of which spam was reported, and mail
    delivered to those that never report.
    """

    delivered: int = 0
    unreported: int = 0
    complaints: int = 0

    @property
    def percent(self) -> Decimal | None:
        """Complaints of delivered, in per cent with three decimals; None where nothing was delivered."""
        if self.delivered <= 0:
            return None
        exact = Decimal(100 * self.complaints) / self.delivered
        return exact.quantize(_THOUSANDTH, rounding=ROUND_HALF_UP)

    def reaches(self, percent: Decimal) -> bool:
        """Whether the rate is so high or higher; without complaints it is not."""
        return self.complaints > 0 and 100 * self.complaints >= percent * max(self.delivered, 0)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.delivered + other.delivered,
            self.unreported + other.unreported,
            self.complaints + other.complaints,
        )


@dataclass(frozen=True, slots=True)
class DayCounts:
    """The counts of one UTC day."""

    day: date
    counts: Counts


@dataclass(frozen=True, slots=True)
class Terms:
    """From which rate on marketing mail is paused, and how much must have been delivered for it."""

    percent: Decimal
    least: int

    @property
    def on(self) -> bool:
        """Whether anything is paused at all."""
        return self.percent > 0


@dataclass(frozen=True, slots=True)
class Ruling:
    """A rate that pauses marketing mail: in which window, of the days since `since`."""

    window: str
    since: date
    counts: Counts


def first_day(window: str, today: date) -> date:
    """The first UTC day of a window."""
    return today - timedelta(days=WINDOWS[window] - 1)


def within(
    days: Iterable[DayCounts], window: str, today: date, since: date | None = None
) -> Counts:
    """The counts of a window; `since`: of days from this one on alone."""
    first = max(first_day(window, today), since or date.min)
    total = Counts()
    for one in days:
        if first <= one.day <= today:
            total += one.counts
    return total


def judge(
    days: Iterable[DayCounts], today: date, terms: Terms, *, since: date | None = None
) -> Ruling | None:
    """Whether marketing mail must be paused. `since`: what was delivered before was answered for by a
    person, who let marketing mail go on: it is not held against it again.
    """
    if not terms.on:
        return None
    known = list(days)
    for window in DECIDING:
        counts = within(known, window, today, since)
        if counts.delivered >= terms.least and counts.reaches(terms.percent):
            return Ruling(window, max(first_day(window, today), since or date.min), counts)
    return None


def is_over(days: Iterable[DayCounts], today: date, terms: Terms) -> bool:
    """Whether a pause ends by itself: the rates of both windows are below the limit again, however
    little was delivered, since a pause makes it little.
    """
    known = list(days)
    return not terms.on or not any(
        within(known, window, today).reaches(terms.percent) for window in DECIDING
    )
