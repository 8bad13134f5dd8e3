"""Wall-clock times in named zones: which moment is meant, and when there is none or there are two."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

AHEAD_MAX = timedelta(days=366)


class ScheduleError(ValueError):
    """A time at which nothing can be sent. `code` is stable: zone, gap, past, far."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@cache
def zones() -> tuple[str, ...]:
    """The names people know: `Europe/Rome`, and UTC."""
    areas = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/",
             "Indian/", "Pacific/")  # fmt: skip
    return ("UTC", *sorted(name for name in available_timezones() if name.startswith(areas)))


def moment(wall: datetime, zone: str, *, now: datetime) -> datetime:
    """The moment of a wall-clock time in a zone, in UTC. Raises ScheduleError.

    Of the two moments when clocks are put back, the first is meant; a time that clocks skip is
    refused.
    """
    if zone not in zones():
        raise ScheduleError("zone")
    local = wall.replace(tzinfo=ZoneInfo(zone), fold=0)
    meant = local.astimezone(UTC)
    if meant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != wall:
        raise ScheduleError("gap")
    if meant <= now:
        raise ScheduleError("past")
    if meant > now + AHEAD_MAX:
        raise ScheduleError("far")
    return meant
