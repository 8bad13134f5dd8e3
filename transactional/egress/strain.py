"""The only place that knows whether mail is held up on this side: by a processor or by the database.

What stands in line for a site then stands in line for us: to send it back to the queue, and to spread what waits there
over the time that this pace would need, would make a short strain a long one.
"""

import asyncio
import time
from collections.abc import Callable

PERIOD = 0.25  # seconds between two looks
LATE = 0.5  # seconds of one statement from which the database holds mail up
BUSY = 0.7  # part of the time that a thread ran, or stood ready to run: the processor holds it up
LASTS = 2.0  # seconds that it counts for after the last sign

_SCHEDULED = "/proc/thread-self/schedstat"  # nanoseconds on a processor, and ready without one


class Strain:
    """Looks at the thread that it runs in. One per engine."""

    def __init__(self, writing: Callable[[], float] = lambda: 0.0) -> None:
        """`writing`: for how many seconds the database has been at the statement that mail waits for."""
        self._writing = writing
        self._late_until = self._busy_until = -1.0
        self._seen: tuple[float, float] | None = None

    @property
    def stands(self) -> bool:
        """Whether nothing goes on for want of the database, or did not a moment ago."""
        return time.monotonic() < self._late_until or self._writing() >= LATE

    @property
    def slows(self) -> bool:
        """Whether mail goes on no faster than this side lets it, or did a moment ago."""
        return time.monotonic() < self._busy_until or self.stands

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(PERIOD)

    def look(self) -> None:
        """Compare with the look before."""
        now, used = time.monotonic(), _used()
        before, self._seen = self._seen, (now, used)
        if self._writing() >= LATE:
            self._late_until = now + LASTS
        if before is None:
            return
        passed = now - before[0]
        if passed > 0 and (used - before[1]) / passed >= BUSY:
            self._busy_until = now + LASTS


def _used() -> float:
    """Seconds for which this thread has run or wanted to; where the kernel does not say, those that it ran."""
    try:
        with open(_SCHEDULED, "rb") as told:
            ran, ready, *_ = told.read().split()
        return (int(ran) + int(ready)) / 1e9
    except (OSError, ValueError):
        return time.thread_time()
