"""The ledger of a run with kills: what was promised, what came, and what each kill can answer for."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.faults.kills import Cut
from tests.faults.recovery import Recovery
from tests.faults.site import Site, Verdict

# Copies that Postfix 3.7 left per kill for each of its 20 deliveries under way, by the sink's seconds
POSTFIX = {0.02: 0.23, 0.3: 0.83}


@dataclass(frozen=True)
class Kill:
    """One kill, of what kind, and what it cut off."""

    kind: str
    cut: Cut


@dataclass(frozen=True)
class Account:
    """What the kills of a kind come to."""

    kills: int
    copies: int
    sessions: int  # open to the sink and held by the killed
    busy: int  # of them in a transaction
    awaited: int  # of them with the sink, which had not answered

    @property
    def per_session(self) -> float:
        """Second copies for each session that was cut off."""
        return self.copies / max(self.sessions, 1)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.sessions} sessions of the killed, {self.busy} in a"
            f" transaction, {self.awaited} awaiting the dot's answer; {self.copies} copies:"
            f" {self.copies / max(self.kills, 1):.1f} a kill, {self.per_session:.2f} a session,"
            f" {self.copies / max(self.busy, 1):.2f} a transaction"
        )


@dataclass
class Ledger:
    """Kills as they happen; afterwards the account of them."""

    sink_seconds: float
    recovery: Recovery
    kills: list[Kill] = field(default_factory=list)

    def strike(self, site: Site, pids: Iterable[int], kind: str) -> None:
        """SIGKILL to all of these, written down; what was in anybody's hands then is followed."""
        held = self.recovery.held()
        kill = Kill(kind, site.kill(pids))
        self.recovery.follow(held, kill.cut.at)
        self.kills.append(kill)

    def _causes(self, found: Verdict) -> Counter[int]:
        """How many copies each kill must answer for; -1 where none can.

        Only one that ended delivery processes, and did not leave alive the one whose session the copy before came by.
        """
        caused: Counter[int] = Counter()
        for copy in found.followed:
            able = (
                number
                for number, kill in enumerate(self.kills)
                if kill.cut.explains(copy.port, copy.at)
            )
            caused[next(able, -1)] += 1
        return caused

    def above(self, found: Verdict) -> list[str]:
        """Kills with more copies after them than sessions cut off; copies that no kill explains."""
        return [
            f"kill {number}: {copies} copies"
            for number, copies in self._causes(found).items()
            if number < 0 or copies > len(self.kills[number].cut.sessions)
        ]

    def accounts(self, found: Verdict) -> dict[str, Account]:
        """By the kind of kill."""
        sums: dict[str, Counter[str]] = defaultdict(Counter)
        causes = self._causes(found)
        for number, kill in enumerate(self.kills):
            sums[kill.kind] += Counter(
                kills=1,
                copies=causes[number],
                sessions=len(kill.cut.sessions),
                busy=kill.cut.busy(),
                awaited=kill.cut.awaited(),
            )
        names = ("kills", "copies", "sessions", "busy", "awaited")
        return {kind: Account(*(one[name] for name in names)) for kind, one in sums.items()}

    def per_session(self, found: Verdict) -> float:
        """Second copies for each session to the sink that a kill cut off, over all kills."""
        return found.copies / max(sum(len(kill.cut.sessions) for kill in self.kills), 1)

    def judged(self, found: Verdict) -> str:
        """The same beside what Postfix leaves for each delivery that its limit lets be under way."""
        bar, mine = POSTFIX.get(self.sink_seconds), self.per_session(found)
        if bar is None:
            return f"{mine:.2f}"
        return f"{mine:.2f}; Postfix {bar:.2f}: {'met' if mine <= bar else 'MISSED'}"

    def told(self, found: Verdict, prefix: str, facts: dict[str, object]) -> str:
        """The account, a line each."""
        recovery = self.recovery
        rows = {
            "acknowledged": found.acknowledged,
            "lost": len(found.lost),
            "second copies": found.copies,
            "of them unmarked": len(found.unmarked),
            "rows in a wrong state": len(found.wrong),
            **self.accounts(found),
            "copies for each session cut off": self.judged(found),
            "answers read from journals": found.recalled,
            "messages in hand at the kills": recovery.followed,
            "longest until given back": f"{recovery.longest_held:.1f} s",
            "longest until ended or retried": f"{recovery.longest:.1f} s",
            f"after more than {recovery.within:.0f} s": len(recovery.late),
            **facts,
        }
        head = f"ledger of {prefix}, each message {1000 * self.sink_seconds:.0f} ms at the sink"
        return "\n".join([head, *(f"  {name:<32}{value}" for name, value in rows.items())])
