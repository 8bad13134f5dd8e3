"""One endpoint's place in the engine: what is claimed for it, how much at once, how fast. Pure.

The window grows by one with each success and halves with each failure, so a server that has just come
back is not met by everything that waited; the rate bounds what it gets in a second. One whose answers
take long holds little in hand: the engine's room is everybody's.
"""

from collections import deque
from dataclasses import dataclass, field

from analytics.webhooks.deliveries import Job, Target

FIRST = 2  # posts at once to an endpoint that is new here, or has failed
SLOW = 2.0  # seconds of an answer from which on an endpoint gets no more at once
AHEAD = 16  # claimed per place of the window: the next ones are there when a post ends
QUICK = 1.0  # seconds of an answer up to which so much is claimed; from then on, one per place


@dataclass(slots=True)
class Lane:
    """`most` posts at once; `rate` in posts a second, 0: unbounded."""

    target: Target
    most: int
    rate: float
    now: float
    window: float = FIRST
    active: int = 0
    quick: bool = False  # whether its last answer, whatever it was, came soon
    tokens: float = 0.0
    waiting: deque[Job] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.tokens = self.rate

    def use(self, target: Target) -> None:
        """Take over what has changed of the endpoint."""
        self.target = target

    @property
    def places(self) -> int:
        """Posts at once."""
        return 1 if self.target.probing else max(1, int(self.window))

    @property
    def _ahead(self) -> int:
        """How many may wait here."""
        if self.target.probing:
            return 0
        return self.places * (AHEAD if self.quick else 1)

    def room(self, now: float) -> int:
        """How many more to claim."""
        if self.target.probing:
            return 0 if self.active or self.waiting else 1
        room = self._ahead - len(self.waiting)
        if self.rate:
            self.tokens = min(self.tokens + (now - self.now) * self.rate, max(self.rate, 1.0))
            self.now = now
            room = min(room, int(self.tokens))
        return max(room, 0)

    def add(self, jobs: list[Job]) -> None:
        """Take what was claimed."""
        self.waiting.extend(jobs)
        self.tokens -= len(jobs) if self.rate else 0

    def shed(self) -> list[Job]:
        """Take out what waits here and is more than may, the last ones."""
        return [self.waiting.pop() for _ in range(len(self.waiting) - self._ahead)]

    def take(self) -> Job | None:
        """The next job that may be posted now."""
        if not self.waiting or self.active >= self.places:
            return None
        self.active += 1
        return self.waiting.popleft()

    def done(self, *, took: bool, seconds: float) -> None:
        """A post has ended."""
        self.active -= 1
        self.quick = seconds < QUICK
        if not took:
            self.window = max(1.0, self.window / 2)
        elif seconds < SLOW:
            self.window = min(self.window + 1, self.most)
        else:
            self.window = max(FIRST, self.window - 1)

    @property
    def idle(self) -> bool:
        """Whether nothing of it is in this process."""
        return not self.active and not self.waiting
