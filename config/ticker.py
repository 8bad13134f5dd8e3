"""The only sender of periodic work: what is due is sent, and nothing is looked at between.

Celery's own compares its schedule with itself at each turn, should somebody have changed it, and takes three
turns for each task that it sends. Ours is part of the program.
"""

import heapq
import time
from typing import Any

from celery.beat import PersistentScheduler

TOGETHER = 0.05  # seconds for which one turn sends in advance: what is due at nearly one moment


class Ticker(PersistentScheduler):
    """Beat's scheduler (`config/celery.py`, `beat_scheduler`). One per installation."""

    _due: list[tuple[float, str]] | None = (
        None  # a heap: when, by this process's seconds, and which
    )

    def tick(self, *_args: Any, **_kwargs: Any) -> float:
        """Send what is due; for how many seconds nothing is."""
        now = time.monotonic()
        if self._due is None:
            self._due = [(now + _first(entry), name) for name, entry in self.schedule.items()]
            heapq.heapify(self._due)
        while self._due and self._due[0][0] <= now + TOGETHER:
            at, name = self._due[0]
            entry: Any = self.reserve(self.schedule[name])
            period = float(entry.schedule.seconds)
            # Those that were missed, since this process or the broker stood still, are not made up for
            following = at + period if at + period > now + TOGETHER else now + period
            heapq.heapreplace(self._due, (following, name))
            self.apply_entry(entry, producer=self.producer)
        longest = float(self.max_interval or 0.0)
        wait = self._due[0][0] - time.monotonic() if self._due else longest
        return min(max(wait, 0.0), longest)


def _first(entry: Any) -> float:
    """Seconds until an entry is due, by when it was sent last: maybe by a process before this one."""
    due, seconds = entry.is_due()
    return 0.0 if due else float(seconds)
