"""The printed result: per message and stage, beside the limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.limits_table import LIMITS

_STAGES = ("submission", "web", "PostgreSQL", "egress")
_OTHERS = ("egress, urgent", "engagement", "webhooks", "default", "beat")
TITLES = {
    "w": "W: SMTP in → delivered, DKIM RSA-2048",
    "smtp": "SMTP in → delivered, RSA-2048 and Ed25519",
    "api": "API → delivered, RSA-2048 and Ed25519",
}


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run. `cpu`: seconds by kind of process."""

    door: str
    count: int
    seconds: float
    accepting: float
    milliseconds: list[float]
    cpu: dict[str, float]

    @property
    def per_thousand(self) -> float:
        """CPU seconds of all our processes per 1,000 messages."""
        return 1000 * sum(self.cpu.values()) / self.count

    def percentile(self, part: float) -> float:
        """Milliseconds within which this part of the messages was accepted."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]

    def us(self, *kinds: str) -> float:
        """µs per message of these kinds of processes."""
        return 1e6 * sum(self.cpu.get(kind, 0.0) for kind in kinds) / self.count


def table(door: str, runs: Sequence[Run]) -> str:
    """Stage by stage, median of the runs, lowest to highest."""
    rows: list[tuple[str, tuple[str, ...]]] = [(stage, (stage,)) for stage in _STAGES]
    named = {kind for _, kinds in rows for kind in kinds} | {*_OTHERS, "Valkey"}
    rest = tuple(sorted({kind for run in runs for kind in run.cpu} - named))
    rows += [("celery, others", _OTHERS), ("Valkey", ("Valkey",)), ("others", rest)]
    lines = [
        f"{TITLES[door]}: {runs[0].count} messages, {len(runs)} run{'s' * (len(runs) > 1)}",
        f"  {'stage':<16}{'µs/message':>12}{'(range)':>16}{'limit':>8}",
    ]
    for title, kinds in rows:
        values = sorted(run.us(*kinds) for run in runs)
        limit = LIMITS[door].get(title)
        lines.append(
            f"  {title:<16}{median(values):>12.0f}"
            f"{f'{values[0]:.0f}–{values[-1]:.0f}':>16}"
            + (f"{limit.us:>8}  {limit.what}" if limit else "")
        )
    return "\n".join([*lines, *_totals(runs)])


def summary(name: str, runs: Sequence[Run]) -> str:
    """What a peer's runs cost in all."""
    return "\n".join([f"{name}: {runs[0].count} messages, {len(runs)} run(s)", *_totals(runs)])


def _totals(runs: Sequence[Run]) -> list[str]:
    totals = sorted(run.per_thousand for run in runs)
    return [
        f"  CPU-s per 1,000: {median(totals):.2f} ({totals[0]:.2f}–{totals[-1]:.2f})",
        f"  delivered: {median(run.count / run.seconds for run in runs):.0f} messages/s,"
        f" accepted: {median(run.count / run.accepting for run in runs):.0f} messages/s",
        f"  accept latency: p50 {median(run.percentile(0.5) for run in runs):.1f} ms,"
        f" p99 {median(run.percentile(0.99) for run in runs):.1f} ms",
    ]
