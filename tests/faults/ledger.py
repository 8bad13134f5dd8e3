"""The ledger of a run with kills: what was promised, what came, and what each kill can answer for."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.faults.site import Site, Verdict


@dataclass(frozen=True)
class Kill:
    """One kill: when it began and was over, and what was open to the sink then."""

    began: float
    at: float
    sessions: int


@dataclass
class Ledger:
    """Kills as they happen; afterwards the account of them."""

    sink_seconds: float
    kills: list[Kill] = field(default_factory=list)

    def strike(self, site: Site, pids: Iterable[int]) -> None:
        """SIGKILL to all of these, written down."""
        began = time.monotonic()
        sessions = site.kill(pids)
        self.kills.append(Kill(began, time.monotonic(), sessions))

    @property
    def sessions(self) -> int:
        """Sessions open at all the kills."""
        return sum(kill.sessions for kill in self.kills)

    def in_hand(self, site: Site, prefix: str) -> int:
        """Messages that the sink had, and had not answered, at the kills."""
        came = [copy.at for copy in site.sink.copies(prefix)]
        return sum(
            sum(kill.began - self.sink_seconds <= at <= kill.began for at in came)
            for kill in self.kills
        )

    def above(self, found: Verdict) -> list[str]:
        """Kills that cannot answer for the copies after them, or copies before any kill."""
        caused: Counter[int] = Counter()
        for at in found.first_at.values():
            later = [number for number, kill in enumerate(self.kills) if kill.at >= at]
            caused[later[0] if later else -1] += 1
        return [
            f"kill {number}: {copies} copies"
            for number, copies in caused.items()
            if number < 0 or copies > self.kills[number].sessions
        ]

    def told(self, found: Verdict, site: Site, prefix: str, facts: dict[str, object]) -> str:
        """The account, a line each."""
        per_kill = found.copies / len(self.kills) if self.kills else 0.0
        rows = {
            "acknowledged": found.acknowledged,
            "lost": len(found.lost),
            "second copies": found.copies,
            "of them unmarked": len(found.unmarked),
            "rows in a wrong state": len(found.wrong),
            "kills": len(self.kills),
            "sessions open at kills": self.sessions,
            "in the sink's hands at kills": self.in_hand(site, prefix),
            "copies per kill": f"{per_kill:.1f}",
            "copies per open session": f"{found.copies / max(self.sessions, 1):.2f}",
            **facts,
        }
        head = f"ledger of {prefix}, each message {1000 * self.sink_seconds:.0f} ms at the sink"
        return "\n".join([head, *(f"  {name:<30}{value}" for name, value in rows.items())])
