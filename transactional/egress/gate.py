"""A site in one worker: what is under way there, how many may be, and whose turn is next.

Who has least under way there comes next, so that no account's mail stands behind another's thousands; of one account's
the oldest, so that what was sent back to the queue goes before what has come since. A site that
keeps conversations for long is let no more of them than a part of its places, so that what a site which has turned
slow holds of a worker stays small.
"""

import asyncio
from bisect import bisect_right, insort_right
from dataclasses import dataclass, field
from itertools import islice

from transactional.egress.cell import Cell
from transactional.egress.places import NOBODY, Owner

STALLED = 1.0  # seconds in which nobody has left a site that is spoken with: it stands still
BUSY = 60.0  # seconds after which a busy site is looked at again, however slow it is
LONG = 15.0  # seconds after which a conversation counts as a long one
OF_LONG = 5  # part (1/n) of a site's places: where so many are held for long, it has turned slow


@dataclass(slots=True, eq=False)
class Waiter:
    """Somebody who waits for a place there, and the cells one of which must have one too. `age`: less is older."""

    owner: Owner
    age: int
    cells: tuple[Cell, ...]
    called: asyncio.Future[None]


@dataclass(slots=True)
class Gate:
    """A site in this worker: what is under way, what waits, how long one message takes."""

    most: int
    proven_until: float = (
        0.0  # it has answered lately; before, one try goes first, to see who is there
    )
    domains: set[str] = field(default_factory=set)
    inflight: int = 0
    promised: int = 0  # places kept for those that were told to go on
    hold: float = 0.05  # seconds, averaged
    left_at: float = 0.0
    began: dict[int, float] = field(
        default_factory=dict
    )  # when each under way did, the oldest first
    number: int = 0
    of: dict[Owner, int] = field(default_factory=dict)  # under way or promised
    lines: dict[Owner, list[Waiter]] = field(default_factory=dict)

    def room(self, now: float) -> int:
        """Messages that may be under way there."""
        if now >= self.proven_until:
            return 1
        few = max(1, self.most // OF_LONG)
        long_since = next(islice(self.began.values(), few - 1, None), now)
        return few if now - long_since >= LONG else self.most

    def expected(
        self, now: float, room: int, *, ours: bool = False, owner: Owner = NOBODY, age: int = 0
    ) -> float:
        """Seconds until a message of an owner that comes now has its turn. `ours`: where nothing moves, it is
        our doing.

        Where nobody has left for long, no place moves, however many there are: as long again is the best
        guess, and then they move as they did. What comes back sooner is claimed, planned and sent back for nothing.
        """
        still = 0.0 if ours else self.still(now)
        places = max(1, min(room, self.room(now)))
        turns = self._ahead(owner, age) + 1
        if still < STALLED:
            return min(BUSY, turns * max(self.hold, still) / places)
        return min(BUSY, max(still, self.hold / places) + (turns - 1) * self.hold / places)

    def still(self, now: float) -> float:
        """For how many seconds nobody has left, of those that are under way."""
        return now - self.left_at if self.inflight else 0.0

    def _ahead(self, owner: Owner, age: int) -> int:
        """How many have their turn before one more of an owner's."""
        own = bisect_right(self.lines.get(owner, ()), age, key=_age)
        return own + sum(
            min(len(line), own + 1) for other, line in self.lines.items() if other != owner
        )

    # -- coming and going

    def enter(self, owner: Owner, now: float) -> int:
        """One more is under way; the number to leave with."""
        if not self.inflight:
            self.left_at = now  # nothing has been waited for yet
        self.inflight += 1
        self.number += 1
        self.began[self.number] = now
        self._more(owner)
        return self.number

    def leave(self, owner: Owner, number: int, now: float, since: float) -> None:
        """It is over."""
        self.inflight -= 1
        self.hold += 0.2 * (now - since - self.hold)
        self.left_at = now
        if self.began.pop(number, None) is not None:
            self._less(owner)

    # -- waiting

    @property
    def has_line(self) -> bool:
        """Whether anybody waits."""
        return bool(self.lines)

    def line_up(self, owner: Owner, cells: tuple[Cell, ...], age: int = 0) -> Waiter:
        """Wait for a place, behind what is older; to be told `gone` in the end."""
        waiter = Waiter(owner, age, cells, asyncio.get_running_loop().create_future())
        insort_right(self.lines.setdefault(owner, []), waiter, key=_age)
        return waiter

    def gone(self, waiter: Waiter) -> None:
        """It waits no more: it was called, or has given up."""
        line = self.lines.get(waiter.owner, ())
        if waiter in line:
            self._out(waiter)
        else:
            self.promised -= 1
            self._less(waiter.owner)

    def call(self, now: float, free: int) -> None:
        """Promise so many places, each to whom it is the turn of."""
        while free and (waiter := self._following(now)) is not None:
            self._out(waiter)
            self.promised += 1
            self._more(waiter.owner)
            waiter.called.set_result(None)
            free -= 1

    def _following(self, now: float) -> Waiter | None:
        """Of whose owner least is under way, the more urgent lane first."""
        owners = [*self.lines]
        if len(owners) > 1:
            owners.sort(key=lambda owner: (self.of.get(owner, 0), owner))
        for owner in owners:
            for waiter in self.lines[owner]:
                if not waiter.called.done() and any(
                    cell.inflight < cell.allowed(now) for cell in waiter.cells
                ):
                    return waiter
        return None

    def _out(self, waiter: Waiter) -> None:
        line = self.lines[waiter.owner]
        line.remove(waiter)
        if not line:
            del self.lines[waiter.owner]

    def _more(self, owner: Owner) -> None:
        self.of[owner] = self.of.get(owner, 0) + 1

    def _less(self, owner: Owner) -> None:
        self.of[owner] -= 1
        if not self.of[owner]:
            del self.of[owner]


def _age(waiter: Waiter) -> int:
    return waiter.age
