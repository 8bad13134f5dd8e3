"""The only place that notices a jump of the clock, and decides what it means for mail.

The database's `now()` rules: due times, deadlines and leases are its. A machine holds it against its
own count of seconds since it was booted (CLOCK_BOOTTIME: goes on while the machine sleeps, and nobody
sets it). Where the difference changes, the clock was set, and the times that are stored move along:
a deadline is as far away as before, a wait is as long as before, no lease ends early. What a transaction
writes that was open meanwhile is put right when it is seen (`queue/strays.py`).
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from config.steady import boot, steady_seconds
from domains import moved as checks
from transactional.incidents import breaker
from transactional.models import ClockJump, ClockMark, StsPolicy
from transactional.queue import moved

logger = logging.getLogger(__name__)

JUMP = 5.0  # seconds from which a difference is a jump; the rest is put down to slow clocks
FRESH = 60.0  # seconds after which the mark is written anew
DRIFT = 0.5  # the same for a difference
WINDOW = 120.0  # seconds that are looked back where nobody knows how long ago it was
LATE = timedelta(minutes=5)  # after a step back, in which transactions of before it may still end
KEPT = timedelta(days=30)  # marks of machines that were booted since
_LOCK = 0x506F7374_636C  # one at a time
_LOOK = """
SELECT clock_timestamp(), mark.base, mark.steady, coalesce(jump.total, 0),
       CASE WHEN jump.seconds < 0 THEN jump.at END,
       (SELECT max(steady) FROM transactional_clockmark),
       (SELECT json_object_agg(boot, base) FROM transactional_clockmark),
       EXISTS (SELECT 1 FROM transactional_clockjump WHERE moved_at IS NULL)
FROM (VALUES (1)) AS one(row)
LEFT JOIN transactional_clockmark mark ON mark.boot = %s
LEFT JOIN LATERAL (SELECT * FROM transactional_clockjump ORDER BY id DESC LIMIT 1) jump ON true
"""


@dataclass(frozen=True, slots=True)
class _Sight:
    """The database's clock beside ours. `off`: by how much it is not where it should be."""

    now: datetime
    here: float  # steady_seconds() at that moment
    total: float
    off: float
    age: float | None  # seconds since the mark was written; None where this machine has none
    pending: bool
    skew: float
    back_at: datetime | None  # when it was last set back, if it was not set forward since
    bases: Mapping[str, float]  # of each machine's count, without noted jumps

    @property
    def stale(self) -> bool:
        """Whether the mark is to be written anew."""
        return self.age is None or self.age > FRESH or abs(self.off) > DRIFT


Follower = Callable[[moved.Jump], None]
_followers: dict[str, Follower] = {}


def follower(function: Follower) -> Follower:
    """Register what moves times of a floor above along with a jump, in the transaction that moves
    mail's. To be known wherever a clock is looked at, import it in the app's `ready`.
    """
    _followers[f"{function.__module__}.{function.__qualname__}"] = function
    return function


_looked_at: float | None = None  # by this process, on its machine's own clock
_offsets: Mapping[str, float] = {}


def settle(window: float = WINDOW) -> datetime:
    """Look at the database's clock, and put right what a jump means; its time.

    Cheap where nothing happened: one look, and a write a minute. Call it before anything is decided
    by how late it is. `window`: for how many seconds the caller has not looked at it.
    """
    global _looked_at, _offsets
    sight = _look()
    if sight.stale or sight.pending or abs(sight.off) >= JUMP:
        if _looked_at is not None:
            window = min(window, sight.here - _looked_at)
        sight = _see_to_it(window)
    _looked_at = sight.here
    _offsets = {key: base + sight.total for key, base in sight.bases.items()}
    if sight.back_at is not None and sight.now - sight.back_at < LATE:
        moved.catch_up(sight.total)
    return sight.now


def offsets() -> Mapping[str, float]:
    """What is to be added to each machine's own count of seconds for the database's time in seconds, as
    of this process's last look.
    """
    return _offsets


def _see_to_it(window: float) -> _Sight:
    with transaction.atomic():
        _lock()
        sight = _look()
        if abs(sight.off) >= JUMP:
            sight = _note(sight, window)
        _mark(sight)
    with transaction.atomic():
        _lock()
        for jump in ClockJump.objects.filter(moved_at=None).order_by("id"):
            _move(jump)
    return sight


def _look() -> _Sight:
    with connection.cursor() as cursor:
        before, wall = steady_seconds(), timezone.now()
        cursor.execute(_LOOK, [boot()])
        now, base, marked, total, back_at, steady, bases, pending = cursor.fetchone()
    took = steady_seconds() - before
    here, said = before + took / 2, now.timestamp() - total
    off, age = 0.0, None
    if base is not None:
        off, age = said - here - base, here + base - marked
        off = 0.0 if abs(off) <= took else off
    elif steady is not None and said < steady:
        off = said - steady  # of another boot, of another machine: yet no clock runs backwards
    skew = (wall - now).total_seconds() + took / 2
    return _Sight(now, here, total, off, age, pending, skew, back_at, bases or {})


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _note(sight: _Sight, window: float) -> _Sight:
    """Write the jump down, and keep every lease as it was."""
    jump = ClockJump.objects.create(
        at=sight.now,
        seconds=sight.off,
        total=sight.total + sight.off,
        window=WINDOW if sight.age is None else min(window, sight.age),
        skew=sight.skew,
    )
    moved.renew_leases()
    logger.error(
        "THE CLOCK JUMPED by %+.0f s: the database says %s; deadlines and waits move along",
        jump.seconds,
        sight.now.astimezone(UTC).isoformat(timespec="seconds"),
    )
    back_at = jump.at if jump.seconds < 0 else None
    return replace(sight, total=jump.total, off=0.0, back_at=back_at)


def _mark(sight: _Sight) -> None:
    steady = sight.now.timestamp() - sight.total
    ClockMark.objects.update_or_create(
        boot=boot(),
        defaults={"base": steady - sight.here, "seen_at": sight.now, "steady": steady},
    )
    ClockMark.objects.filter(seen_at__lt=sight.now - KEPT).delete()


def _move(jump: ClockJump) -> None:
    by = timedelta(seconds=jump.seconds)
    since = timedelta(seconds=jump.window)
    what = moved.Jump(jump.at, by=by, window=since, skew=timedelta(seconds=jump.skew))
    jump.rows = moved.move(what)
    breaker.move(by)
    checks.move(by)
    _move_policies(jump.at, by)
    for name in sorted(_followers):
        _followers[name](what)
    jump.moved_at = timezone.now()
    jump.save(update_fields=["rows", "moved_at"])
    logger.warning("the times of %d waiting messages moved by %+.0f s", jump.rows, jump.seconds)


def _move_policies(at: datetime, by: timedelta) -> None:
    """MTA-STS policies hold for as long as before: whoever sets a clock forward strips nobody of TLS."""
    before = StsPolicy.objects.filter(fetched_at__lt=at - min(by, timedelta(0)))
    before.update(fetched_at=F("fetched_at") + by, expires_at=F("expires_at") + by)
    StsPolicy.objects.exclude(failed_at=None).update(failed_at=F("failed_at") + by)
