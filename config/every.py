"""The only schedule of periodic work: by seconds that pass, whatever is done to the clock.

Celery's own goes by the wall clock: set back by an hour, beat would do nothing for an hour.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from celery.schedules import schedstate, schedule

_BEGAN = (datetime.now(UTC), time.monotonic())


def steady_now() -> datetime:
    """The time as it went on since this process began."""
    wall, moment = _BEGAN
    return wall + timedelta(seconds=time.monotonic() - moment)


class Every(schedule):
    """Every so many seconds."""

    def __init__(self, seconds: float | timedelta) -> None:
        super().__init__(run_every=seconds, nowfun=steady_now)
        self._every = seconds

    def is_due(self, last_run_at: datetime) -> Any:
        """Whether it is time, and in how many seconds to ask again.

        A last run in times to come is one from before the clock was set back.
        """
        if self.maybe_make_aware(last_run_at) > self.maybe_make_aware(self.now()):
            return schedstate(is_due=True, next=self.seconds)
        return super().is_due(last_run_at)

    def __reduce__(self) -> Any:
        """Beat keeps its entries in a file."""
        return type(self), (self._every,)
