"""Sees from what receivers answer when one of them refuses one of our IPs alike again and again.

In the memory of each engine and pure: times are given. What it suspects is opened by `breaker`.
"""

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field

from transactional.classify import Category, Reason, Verdict
from transactional.incidents.skeleton import skeleton

WINDOW = 600.0  # seconds that are looked at
# (alike refusals, their part of all answers): of us or our mail; of recipients, which a list of bad
# addresses explains as well, so that nearly everything must be refused
BLOCKS = (10, 0.5)
RECIPIENTS = (40, 0.95)
KEPT = 5000  # cells; the longest silent go first
MOST = 2000  # answers remembered of a cell
# They speak of one message, or of ourselves: no reason to stop a whole site
PRIVATE = frozenset({Reason.CONTENT_ERROR, Reason.SYNTAX_ERROR, Reason.MESG_TOO_BIG})

# They speak of a From domain: no reason to stop a site that takes others' mail from the same IP
OF_A_DOMAIN = frozenset({Reason.AUTH_FAILURE})

CellKey = tuple[int, str]  # source, site


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Many alike refusals from one site to one IP; times in the watcher's clock."""

    source_id: int
    site: str
    verdict: Verdict
    skeleton: str
    sample: str
    alike: int
    answers: int
    first_at: float
    accounts: frozenset[int]


@dataclass(slots=True)
class _Seen:
    answers: deque[tuple[float, str, int, str]] = field(default_factory=deque)
    alike: Counter[str] = field(default_factory=Counter)

    def add(self, now: float, window: float, what: str, account: int, domain: str) -> None:
        """Remember an answer, and forget those before the window."""
        while self.answers and (self.answers[0][0] < now - window or len(self.answers) >= MOST):
            self._drop()
        self.answers.append((now, what, account, domain))
        if what:
            self.alike[what] += 1

    def _drop(self) -> None:
        _, what, _, _ = self.answers.popleft()
        if what:
            self.alike[what] -= 1
            if self.alike[what] <= 0:
                del self.alike[what]


class Watch:
    """One per engine."""

    def __init__(self, *, scale: float = 1.0) -> None:
        self._window = WINDOW * max(scale, 0.05)
        self._cells: OrderedDict[CellKey, _Seen] = OrderedDict()

    def took(self, key: CellKey, account_id: int, now: float, domain: str = "") -> None:
        """The site answered mail from `domain`, and refused nothing that matters here."""
        self._note(key, now, "", account_id, domain)

    def refused(
        self,
        key: CellKey,
        account_id: int,
        verdict: Verdict,
        reply: str,
        now: float,
        *,
        domain: str = "",
        known: bool = False,
    ) -> Suspicion | None:
        """The site refused mail from `domain`; an incident, if that makes enough of them.

        `known`: such an answer is known to be about all mail from this IP, and the cell was stopped for
        it: one is enough, for no more will come.
        """
        counts = verdict.category in (Category.BLOCK, Category.HARD)
        if not counts or verdict.reason in PRIVATE:
            self.took(key, account_id, now, domain)
            return None
        what = f"{verdict.reason} {skeleton(reply)}"
        seen = self._note(key, now, what, account_id, domain)
        enough, part = RECIPIENTS if verdict.category is Category.HARD else BLOCKS
        alike = seen.alike[what]
        if not known and (alike < enough or alike < part * len(seen.answers)):
            return None
        same = [one for one in seen.answers if one[1] == what]
        if not known and verdict.reason in OF_A_DOMAIN:
            domains = {domain for _, _, _, domain in same}
            if any(domain not in domains for _, _, _, domain in seen.answers):
                return None
        self._cells.pop(key)  # counted anew when it is over
        return Suspicion(
            source_id=key[0],
            site=key[1],
            verdict=verdict,
            skeleton=skeleton(reply),
            sample=reply,
            alike=alike,
            answers=len(seen.answers),
            first_at=same[0][0],
            accounts=frozenset(account for _, _, account, _ in same),
        )

    def _note(self, key: CellKey, now: float, what: str, account_id: int, domain: str) -> _Seen:
        seen = self._cells.get(key)
        if seen is None:
            seen = self._cells[key] = _Seen()
            if len(self._cells) > KEPT:
                self._cells.popitem(last=False)
        self._cells.move_to_end(key)
        seen.add(now, self._window, what, account_id, domain)
        return seen
