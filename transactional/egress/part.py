"""The only place that divides a cell's limits among the workers that use it, so that their sum keeps to them.

Pure. The connections are dealt out whole: each worker has its equal part, and the first ones one of what is
left over. Where there are fewer connections than workers they go round in turns: urgent mail's worker keeps
one, as long as another is left to go round, and each of the others has its turn after the next.
"""

import re
from dataclasses import dataclass

TURN = 4.0  # seconds for which a worker has a connection where there are too few
SOONER = 5.0  # seconds after which whoever waits for its turn shows again that it waits
JOINING = (
    3.0  # seconds within which the others hear of one that joins, and tell what they then have
)
UNTIL_TOLD = 0.25  # seconds between two looks whether those whose turn is over have ended
BLIND = 0.5  # part of a turn in which new conversations begin where nobody tells what the others do


@dataclass(frozen=True, slots=True)
class Part:
    """One worker's part among `of` workers; those of urgent mail have the first places.

    `place` is None where it is not known. `clock` is what makes the loop's time that of all. `open` tells the
    connections of each, in the order of places; `told` when the oldest of it was true; without it nobody tells.
    `since`: when this worker began to tell. Until the others have told something later, they do not know of it
    and may come to have all of the limit among them: it then has one connection, where they left one. And what one of
    them has beyond its part, as conversations take their time, none else has meanwhile. Urgent mail's worker has one
    connection in any case.
    """

    of: int = 1
    place: int | None = None
    urgent: int = 0
    clock: float = 0.0
    open: tuple[int, ...] = ()
    told: float = 0.0
    since: float = 0.0

    def takes_turns(self, most: int) -> bool:
        """Whether there are fewer connections than workers."""
        return most < self.of and self.place is not None and self.place < self.of

    def connections(self, most: int, now: float) -> int:
        """Of `most` over all workers, how many may be this one's at a time of its loop."""
        if self.of <= 1:
            return most
        if self.place is None or self.place >= self.of:
            return max(1, most // self.of)  # who does not know which one it is stops no mail
        if most >= self.of:
            if self._is_unknown(now):
                left = min(1, most - sum(self.open) + self.open[self.place])
            else:
                left = self._share(most, self.place) - self._beyond(most)
            return max(left, int(self.place < self.urgent))
        return 1 if self._has_turn(most, now) else 0

    def is_settled(self, most: int, now: float) -> bool:
        """Whether all know of each other and none has more than its part."""
        if self.takes_turns(most) or self._is_unknown(now):
            return False
        own = self.open[self.place] if self.open and self.place is not None else 0
        return not self._beyond(most) and (own == 0 or own <= self._share(most, self.place or 0))

    def wait(self, most: int, now: float) -> float:
        """Seconds until it is worth asking again, where `connections` is none."""
        if not self.takes_turns(most):
            return UNTIL_TOLD
        fixed = self._fixed(most)
        since, turn = self._turn(now)
        round_, going_round = self.of - fixed, most - fixed
        for later in range(round_ + 1):
            if self._seat(turn + later, round_, going_round, fixed) < going_round:
                until = later * TURN - since
                return min(SOONER, until) if later and until > 0 else UNTIL_TOLD
        return SOONER

    def rate(self, most: int) -> float:
        """Its part of a pace over all workers, while it has a connection of `most`."""
        return 1.0 / max(1, min(self.of, most) if self.place is not None else self.of)

    def _share(self, most: int, place: int) -> int:
        return most // self.of + (place < most % self.of)

    def _beyond(self, most: int) -> int:
        """What others have open beyond their parts."""
        return sum(
            max(0, open_ - self._share(most, place))
            for place, open_ in enumerate(self.open)
            if place != self.place
        )

    def _is_unknown(self, now: float) -> bool:
        """Whether the others have not heard of this worker yet, as far as it knows."""
        return (
            bool(self.open) and self.told < self.since and now + self.clock < self.since + JOINING
        )

    def _fixed(self, most: int) -> int:
        """Workers of urgent mail that keep a connection: never the last one."""
        return min(self.urgent, most - 1)

    def _turn(self, now: float) -> tuple[float, int]:
        """Seconds since the turn began, and its number."""
        turn, since = divmod(now + self.clock, TURN)
        return since, int(turn)

    def _seat(self, turn: int, of: int, going_round: int, fixed: int, place: int = -1) -> int:
        """A place's distance from the first that has this turn; below `going_round` it has it too."""
        mine = self.place if place < 0 else place
        assert mine is not None  # noqa: S101 — asked before
        return (mine - fixed - turn * going_round) % of

    def _has_turn(self, most: int, now: float) -> bool:
        assert self.place is not None  # noqa: S101 — asked before
        fixed = self._fixed(most)
        if self.place < fixed:
            return True
        since, turn = self._turn(now)
        of, going_round = self.of - fixed, most - fixed
        seat = self._seat(turn, of, going_round, fixed)
        if seat >= going_round:
            return False
        if not self.told:
            return since < TURN * BLIND  # the rest is for what is under way then
        if self.told < now + self.clock - since:
            return False  # what was told is of before this turn
        ahead = sum(
            open_ if self._seat(turn, of, going_round, fixed, place) > seat else max(1, open_)
            for place, open_ in enumerate(self.open)
            if place >= fixed
            and place != self.place
            and (open_ or self._seat(turn, of, going_round, fixed, place) < seat)
        )
        return ahead < going_round


def seat(worker: str) -> int | None:
    """A worker's place by its name (`urgent@…`, `egress-2@…`), where nobody can tell it; None: unknown."""
    name = worker.partition("@")[0]
    if name == "urgent":
        return 0
    found = re.fullmatch(r"egress(?:-(\d{1,4}))?", name)
    return int(found[1] or 1) if found else None
