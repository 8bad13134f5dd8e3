"""How a warm-up goes on: the next day's budget at one mailbox provider, from the days before. Pure.

A budget grows only on evidence: it was used, and the provider's answers were good. Mixed answers hold
it, bad ones halve it. It ends when the target is reached, or when two weeks fit well within it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import ceil

OTHER = "other"  # everyone but the large providers, together


@dataclass(frozen=True, slots=True)
class Plan:
    """Messages on the first day, the factor of a good day, and the budget that ends the warm-up."""

    start: int
    growth: float
    target: int


# By the providers of `domains/sites.py`; the strictest receivers grow slowest
PLANS: Mapping[str, Plan] = {
    "google": Plan(50, 1.4, 50_000),
    "microsoft": Plan(50, 1.3, 25_000),
    "microsoft-365": Plan(50, 1.4, 25_000),
    "yahoo": Plan(50, 1.35, 25_000),
    "apple": Plan(50, 1.35, 15_000),
    OTHER: Plan(100, 1.5, 50_000),
}
USED = 0.5  # part of a budget that must be used before it grows
FITS = 14  # days in a row that fit well within the budget: this provider's mail needs no more
COLD = 30  # days without mail after which a reputation is forgotten, and the warm-up begins anew
FEW = 20  # attempts below which a rate says nothing; two bad answers are needed then
RESERVED, RESERVE_MOST = 0.02, 0.2  # part of a budget kept for urgent mail: at least, at most
# signal → (rate that holds, rate that steps back)
LIMITS: Mapping[str, tuple[float, float]] = {
    "deferred": (0.05, 0.20),
    "blocked": (0.01, 0.05),
    "complaints": (0.001, 0.003),
}
LONGEST = 120  # days that a forecast looks ahead


@dataclass(frozen=True, slots=True)
class Day:
    """One day at one provider. `cap` None: warm, without a budget.

    `taken` were sent or given to a worker; `urgent` of them beyond the budget of ordinary mail.
    """

    day: date
    cap: int | None
    taken: int = 0
    urgent: int = 0
    sent: int = 0
    deferred: int = 0
    blocked: int = 0
    complaints: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """A day's budget, why it is so (`code`), and what is kept of it for urgent mail."""

    cap: int | None
    code: str
    data: Mapping[str, str] = field(default_factory=dict)
    reserve: int = 0


def plan_for(provider: str) -> Plan:
    """The plan of a provider; of everyone else together for one that has none."""
    return PLANS.get(provider, PLANS[OTHER])


def step(plan: Plan, past: Sequence[Day], today: date) -> Step:
    """The budget of a day, from the days before it, oldest first."""
    last = past[-1] if past else None
    if last is None:
        return _with(plan.start, "start", last)
    if last.cap is None:
        return Step(None, "warm")
    if (today - last.day).days > COLD:
        return _with(plan.start, "cold", last)
    signal, verdict = worst(last)
    if verdict == "bad":
        return _with(max(plan.start, last.cap // 2), "stepped_back", last, signal)
    if verdict == "mixed":
        return _with(last.cap, "held", last, signal)
    if _fits(past):
        return Step(None, "fits")
    if last.taken < last.cap * USED:
        return _with(last.cap, "unused", last)
    grown = ceil(last.cap * plan.growth)
    if grown >= plan.target:
        return Step(None, "target")
    return _with(grown, "grown", last)


def _with(cap: int, code: str, last: Day | None, signal: str = "") -> Step:
    """A budget; what urgent mail needed of the last one is kept for it, and somewhat more."""
    needed = 0.0
    if last is not None and last.cap:
        needed = 1.5 * last.urgent * cap / last.cap
    reserve = ceil(min(max(cap * RESERVED, needed), cap * RESERVE_MOST))
    return Step(cap, code, {"signal": signal} if signal else {}, reserve)


def worst(day: Day) -> tuple[str, str]:
    """The signal that speaks loudest against growth, and what it means: good, mixed or bad."""
    attempts = day.sent + day.deferred + day.blocked
    counted = (("deferred", attempts), ("blocked", attempts), ("complaints", day.sent))
    mixed = ("", "good")
    for signal, among in counted:
        bad = getattr(day, signal)
        if not among or (bad < 2 and among < FEW):
            continue
        holds, back = LIMITS[signal]
        # A single one in a small number is no rate: it holds, and does not step back
        if bad / among >= back and bad > 1:
            return signal, "bad"
        if bad / among >= holds and mixed[1] == "good":
            mixed = (signal, "mixed")
    return mixed


def _fits(past: Sequence[Day]) -> bool:
    """Whether the last weeks' mail used little of its budgets, with good answers throughout."""
    last = past[-FITS:]
    return len(last) == FITS and all(
        d.cap and d.sent > 0 and d.taken < d.cap * USED and worst(d)[1] == "good" for d in last
    )


def forecast(
    provider: str, past: Sequence[Day], today: date
) -> tuple[tuple[Day, ...], date | None]:
    """The days to come if each budget is used and every answer good, and the day without one.

    `past` holds today, if it has begun. None: further away than LONGEST days.
    """
    plan = plan_for(provider)
    days = [d for d in past if d.day < today]
    current = next((d for d in past if d.day == today), None)
    first = Step(current.cap, "") if current is not None else step(plan, days, today)
    coming: list[Day] = []
    for number in range(LONGEST):
        when = today + timedelta(days=number)
        found = first if number == 0 else step(plan, [*days, *coming], when)
        if found.cap is None:
            return tuple(coming), when
        coming.append(Day(when, found.cap, taken=found.cap, sent=found.cap))
    return tuple(coming), None
