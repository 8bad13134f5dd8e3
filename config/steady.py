"""A machine's own count of seconds since it was booted, and how another clock goes beside it."""

import time
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

SLACK = timedelta(
    seconds=3
)  # by which a clock may differ from a steady one between two looks at it


@cache
def boot() -> str:
    """What tells this machine, since it was booted, from all others: a UUID, as the kernel gives it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:36]


def steady_seconds() -> float:
    """Seconds since this machine was booted (CLOCK_BOOTTIME: goes on while it sleeps); no setting of a
    clock changes them.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Watch:
    """Another clock, from one look at it to the next, beside this machine's seconds: did it jump?"""

    def __init__(self) -> None:
        self._seen: tuple[datetime, float] | None = None

    @property
    def until(self) -> datetime | None:
        """The latest that it should say now; None where it has not been looked at."""
        if self._seen is None:
            return None
        return self._seen[0] + timedelta(seconds=steady_seconds() - self._seen[1]) + SLACK

    @property
    def since(self) -> float:
        """Seconds since it was last seen where it should be."""
        return 0.0 if self._seen is None else steady_seconds() - self._seen[1]

    def saw(self, at: datetime, here: float) -> bool:
        """It said `at` at `here` of our seconds; whether it jumped, and then it is not believed."""
        if self._seen is not None:
            seen, then = self._seen
            if abs(at - seen - timedelta(seconds=here - then)) > SLACK:
                return True
        self._seen = at, here
        return False

    def forget(self) -> None:
        """Believe it again, as it stands: what a jump meant is put right."""
        self._seen = None
