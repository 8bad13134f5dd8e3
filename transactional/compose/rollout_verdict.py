"""Whether a version being rolled out does harm: its mail against the live version's, by exact tests.

Pure: counters in, a verdict with its figures out. A few bad mails prove nothing, so each measure
has a least number; and an alarm must be rarer by chance than one look in a thousand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, lgamma, log, log1p

ALARM = 0.001  # how often chance alone may look like harm, per look and measure
WORSE = 1.5  # times the live version's rate: less is no harm, however sure
KNOWN = 50  # mails of the live version from which its rate is taken; fewer: the ceiling is


@dataclass(frozen=True, slots=True)
class Measure:
    """A share of bad mails: which of which, from how many bad ones on, and what is too much anyway."""

    code: str
    bad: str
    of: tuple[str, ...]
    least: int
    ceiling: float


MEASURES = (
    # Refused because the version's templates or contract would not take the data
    Measure("RENDER_ERRORS", "failed", ("failed", "accepted"), 3, 0.02),
    Measure("BOUNCES", "bounced", ("bounced", "delivered", "expired"), 5, 0.05),
    Measure("COMPLAINTS", "complained", ("delivered",), 3, 0.003),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`harm` and the measure's code with its figures; without harm: HEALTHY or TOO_FEW."""

    harm: bool
    code: str
    data: Mapping[str, float] = field(default_factory=dict)


def judge(trial: Mapping[str, int], live: Mapping[str, int], *, enough: int = 50) -> Verdict:
    """Compare the counters of the version on trial with those of the live one, since it began."""
    for measure in MEASURES:
        bad, total = trial.get(measure.bad, 0), _sum(trial, measure)
        if bad < measure.least or total == 0:
            continue
        live_bad, live_total = live.get(measure.bad, 0), _sum(live, measure)
        if live_total >= KNOWN:
            worse = bad / total > WORSE * live_bad / live_total
            chance = fisher(bad, total, live_bad, live_total) if worse else 1.0
        else:
            worse = bad / total > measure.ceiling
            chance = binomial(bad, total, measure.ceiling) if worse else 1.0
        if chance < ALARM:
            figures = {"bad": bad, "of": total, "live_bad": live_bad, "live_of": live_total}
            return Verdict(True, measure.code, {**figures, "chance": float(f"{chance:.2g}")})
    seen = trial.get("accepted", 0) + trial.get("failed", 0)
    data = {"seen": seen, "enough": enough}
    return Verdict(False, "HEALTHY" if seen >= enough else "TOO_FEW", data)


def _sum(counts: Mapping[str, int], measure: Measure) -> int:
    # A complaint about mail whose delivery is not counted yet still counts
    return max(sum(counts.get(name, 0) for name in measure.of), counts.get(measure.bad, 0))


def fisher(bad: int, total: int, other_bad: int, other_total: int) -> float:
    """The chance of at least `bad` of `total`, were both groups alike (Fisher's exact, one-sided)."""
    everyone, all_bad = total + other_total, bad + other_bad
    base = _choose(everyone, total)
    found = 0.0
    for k in range(bad, min(total, all_bad) + 1):
        if total - k > everyone - all_bad:
            continue
        term = exp(_choose(all_bad, k) + _choose(everyone - all_bad, total - k) - base)
        found += term
        if term < found * 1e-12:
            break
    return min(1.0, found)


def binomial(bad: int, total: int, rate: float) -> float:
    """The chance of at least `bad` of `total` at this rate (one-sided)."""
    found = 0.0
    for k in range(bad, total + 1):
        term = exp(_choose(total, k) + k * log(rate) + (total - k) * log1p(-rate))
        found += term
        if term < found * 1e-12:
            break
    return min(1.0, found)


def _choose(n: int, k: int) -> float:
    """The logarithm of n over k."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
