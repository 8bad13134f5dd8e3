"""The goals of the delivery engine, each with what was measured of it and whether that is enough."""

from collections.abc import Mapping, Sequence
from statistics import median

from bench.report import Run

MOST_CPU = 2.0  # CPU seconds per 1,000 of W
LEAST_RATE = 700.0  # messages a second of W
LEAST_API_RATE = 500.0
OF_PEER = 0.5  # of what Postfix and OpenDKIM spend


def line(met: bool, goal: str, measured: str) -> str:
    """One goal: `met` or `MISSED`, the goal in words, what was measured."""
    return f"{'met   ' if met else 'MISSED'}  {goal}: {measured}"


def lines(results: Mapping[str, Sequence[Run]]) -> list[str]:
    """The verdicts that these runs allow."""
    found: list[str] = []
    peer = results.get("Postfix + OpenDKIM")
    if w := results.get("w"):
        cpu, rate = _cpu(w), _rate(w)
        goal = f"W at most {MOST_CPU:.1f} CPU-s per 1,000"
        found.append(line(cpu <= MOST_CPU, goal, f"{cpu:.2f}"))
        goal = f"W at least {LEAST_RATE:.0f} messages/s"
        found.append(line(rate >= LEAST_RATE, goal, f"{rate:.0f}"))
        if peer:
            part = cpu / _cpu(peer)
            goal = "W at most half the CPU of Postfix + OpenDKIM"
            found.append(line(part <= OF_PEER, goal, f"{part:.2f} of {_cpu(peer):.2f}"))
    if api := results.get("api"):
        goal = f"API → delivered at least {LEAST_API_RATE:.0f} messages/s"
        found.append(line(_rate(api) >= LEAST_API_RATE, goal, f"{_rate(api):.0f}"))
    return found


def _cpu(runs: Sequence[Run]) -> float:
    return median(run.per_thousand for run in runs)


def _rate(runs: Sequence[Run]) -> float:
    return median(run.count / run.seconds for run in runs)
