"""When a deferred recipient is tried again, and when it has been tried long enough. Pure."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

MINUTE = 60.0
CAP = 3600.0  # seconds between two tries, at most

# First wait in seconds by the class of the reply (wire/reply.py); it doubles with each try. What a
# greylist wants is told below
FIRST: dict[str, float] = {
    "temporary": 1 * MINUTE,
    "connection": 1 * MINUTE,
    "dns": 2 * MINUTE,
    "throttled": 5 * MINUTE,
    "mailbox_full": 30 * MINUTE,
}

# Most greylists let mail pass after one minute or after five: the third wait ends just behind those
FIRST_OF_GREYLIST = (1 * MINUTE, 2 * MINUTE, 2.5 * MINUTE)

# What no deadline makes shorter: a greylist wants its minute, a full mailbox is not emptied in one
FLOOR: dict[str, float] = {
    "greylisted": 1 * MINUTE,
    "temporary": 30.0,
    "connection": 15.0,
    "dns": 30.0,
    "throttled": 1 * MINUTE,
    "mailbox_full": 5 * MINUTE,
}
DOUBTS = 4  # copies of unknown outcome: so many may a reader have got, and then no more are sent
# What keeps a copy in doubt from being sent again: a stream's policy, a smarthost, enough of them. A mail
# that is held for one of these has one more copy in doubt; one whose deadline passed has not
HOLDING = ("hold", "smarthost", "copies")
TRIES_LEFT = 4  # a deadline leaves room for so many more tries, if the floor allows


def delay(
    reply_class: str, tries: int, *, jitter: Callable[[], float], scale: float = 1.0
) -> float:
    """Seconds until the next try after `tries` failed ones.

    `jitter` gives a number in [0, 1): the wait is spread over ±20 %, so that a batch refused
    together does not come back together. `scale` shrinks all waits, for tests of fast clocks.
    """
    if reply_class == "greylisted":
        early = FIRST_OF_GREYLIST[min(tries, len(FIRST_OF_GREYLIST)) - 1]
        doubled = max(0, tries - len(FIRST_OF_GREYLIST))
        wait = min(CAP, early * 2.0 ** min(doubled, 16))
    else:
        first = FIRST.get(reply_class, MINUTE)
        wait = min(max(CAP, first), first * 2.0 ** min(tries - 1, 16))
    return wait * (0.8 + 0.4 * jitter()) * scale


def wait(
    reply_class: str,
    tries: int,
    left: float,
    *,
    jitter: Callable[[], float],
    scale: float = 1.0,
) -> float:
    """Seconds until the next try where `left` seconds remain until the deadline.

    The usual delay, but short enough that several tries fit before the deadline: a code that is
    good for ten minutes is not put off for five.
    """
    usual = delay(reply_class, tries, jitter=jitter, scale=scale)
    floor = FLOOR.get(reply_class, 30.0) * scale * (1.0 + 0.2 * jitter())
    return min(usual, max(floor, left / TRIES_LEFT))


def tries_ahead(
    due: datetime, deliver_by: datetime, reply_class: str, tries: int, *, scale: float = 1.0
) -> Iterator[datetime]:
    """When each further try is due, from `due` on, as long as every one ends as the last did.

    Waits without their jitter: a real one comes up to a fifth sooner or later.
    """
    at: datetime | None = min(due, deliver_by)
    while at is not None and at < deliver_by:
        yield at
        tries += 1
        left = (deliver_by - at).total_seconds()
        seconds = wait(reply_class, tries, left, jitter=lambda: 0.5, scale=scale)
        at = next_due(at, deliver_by, seconds)


def next_due(
    now: datetime,
    deliver_by: datetime,
    seconds: float,
) -> datetime | None:
    """When to try again; None once the message's lifetime is over.

    A wait that would pass the deadline is cut to one last try just before it.
    """
    if now >= deliver_by:
        return None
    due = now + timedelta(seconds=seconds)
    if due < deliver_by:
        return due
    last = deliver_by - timedelta(seconds=5)
    return last if last > now + timedelta(seconds=5) else None
