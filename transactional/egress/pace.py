"""When what finds no place comes back: one after the other, at the pace at which those that have one end; and how much
of such mail is looked at meanwhile.
"""

from transactional.egress.places import Owner

LEAST = 1.0  # seconds after which mail asks again
LONGEST = 600.0


class Pace:
    """Of one owner's mail."""

    __slots__ = ("hold", "tail")

    def __init__(self) -> None:
        self.hold = LEAST  # seconds that a place is held, averaged
        self.tail = 0.0  # when the last one that was sent back is due

    def ended(self, took: float) -> None:
        """A place was held for so many seconds."""
        self.hold += 0.2 * (took - self.hold)

    def wait(self, now: float, places: int, oldest: float) -> float:
        """Seconds for one more to wait; `oldest`: for how long the longest held place has been held so far."""
        hold = max(self.hold, oldest)
        self.tail = min(max(self.tail, now + LEAST) + hold / places, now + LONGEST)
        return self.tail - now


class Brake:
    """Whose mail goes back to the queue as soon as it is claimed is claimed at no more than this rate: to claim, plan
    and park a hundred thousand rows at once would cost everybody else's mail a minute of processor time.
    """

    RATE = 100.0  # rows a second that go back, of all such owners together
    BURST = 50.0  # rows that may at once

    def __init__(self) -> None:
        self._until: dict[Owner, float] = {}

    def went_back(self, owner: Owner, now: float) -> None:
        """One of an owner's found no place."""
        each = max(1, len(self._until)) / self.RATE
        self._until[owner] = max(self._until.get(owner, 0.0), now - self.BURST / self.RATE) + each

    def holds(self, now: float) -> list[Owner]:
        """Whose mail is not to be claimed now."""
        for owner in [owner for owner, until in self._until.items() if until < now - 1.0]:
            del self._until[owner]
        return [owner for owner, until in self._until.items() if until > now]
