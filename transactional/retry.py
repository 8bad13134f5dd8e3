"""When a deferred recipient is tried again, and when it has been tried long enough. Pure."""

from collections.abc import Callable
from datetime import datetime, timedelta

MINUTE = 60.0
CAP = 3600.0  # seconds between two tries, at most

# First wait in seconds by the class of the reply (wire/reply.py); it doubles with each try
FIRST: dict[str, float] = {
    "greylisted": 1 * MINUTE,
    "temporary": 1 * MINUTE,
    "connection": 1 * MINUTE,
    "dns": 2 * MINUTE,
    "throttled": 5 * MINUTE,
    "mailbox_full": 30 * MINUTE,
}


def delay(
    reply_class: str, tries: int, *, jitter: Callable[[], float], scale: float = 1.0
) -> float:
    """Seconds until the next try after `tries` failed ones.

    `jitter` gives a number in [0, 1): the wait is spread over ±20 %, so that a batch refused
    together does not come back together. `scale` shrinks all waits, for tests of fast clocks.
    """
    first = FIRST.get(reply_class, MINUTE)
    wait = min(max(CAP, first), first * 2.0 ** min(tries - 1, 16))
    return wait * (0.8 + 0.4 * jitter()) * scale


def next_due(
    now: datetime,
    deliver_by: datetime,
    wait: float,
) -> datetime | None:
    """When to try again; None once the message's lifetime is over.

    A wait that would pass the deadline is cut to one last try just before it.
    """
    if now >= deliver_by:
        return None
    due = now + timedelta(seconds=wait)
    if due < deliver_by:
        return due
    last = deliver_by - timedelta(seconds=5)
    return last if last > now + timedelta(seconds=5) else None
