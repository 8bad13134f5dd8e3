"""The only place that says when a stream's mail takes its smarthost instead of the direct way.

The same recipient, the same copy, the same marker before its final dot: an attempt like any other,
so a message goes one way or the other and never both.
"""

from datetime import datetime

from transactional import retry
from transactional.egress.decisions import Decision
from transactional.models import Lane
from transactional.queue import Job

# Codes after which the direct way is shut for longer than mail should wait
SHUT = frozenset({"incident", "site_down", "receiver_throttles", "no_budget"})
# Seconds that mail waits for the direct way all the same; a code or a reset hardly any
PATIENCE, URGENT_PATIENCE = 60.0, 5.0


def when_shut(job: Job, code: str, wait: float, *, scale: float = 1.0) -> Decision | None:
    """The direct way is parked: whether to go round it. `wait`: seconds until it is asked again."""
    patience = URGENT_PATIENCE if job.lane == Lane.URGENT else PATIENCE
    if code in SHUT and wait >= patience * scale:
        return Decision("fallback", "direct_way_shut", {"because": code, "wait": round(wait)})
    return None


def when_dead(job: Job) -> Decision | None:
    """Nobody has answered at the site: mail that has tried it once leaves the next look to others."""
    if job.attempt == 0:
        return None
    return Decision("fallback", "direct_way_dead", {"tries": job.attempt})


def when_late(job: Job, now: datetime, *, scale: float = 1.0) -> Decision | None:
    """The deadline is near: this may be the last try, and the ones before it failed."""
    if job.attempt == 0:
        return None
    left = (job.deliver_by - now).total_seconds()
    usual = retry.delay("temporary", job.attempt + 1, jitter=lambda: 0.5, scale=scale)
    if left <= usual:
        return Decision("fallback", "deadline_near", {"left": round(left), "tries": job.attempt})
    return None
