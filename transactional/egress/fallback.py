"""The only place that says when a stream's mail takes its smarthost instead of the direct way.

The same recipient, the same copy, the same marker before its final dot: an attempt like any other,
so a message goes one way or the other and never both. What is beyond a smarthost's own limits is asked
of it once: from then on the message is the direct way's.
"""

from datetime import datetime

from transactional import retry
from transactional.classify import Reason, Verdict
from transactional.egress.cell import Closed
from transactional.egress.decisions import Decision
from transactional.models import Lane
from transactional.queue import Job
from transactional.wire.reply import Reply

# Seconds that mail waits for the direct way all the same; a code or a reset hardly any
PATIENCE, URGENT_PATIENCE = 60.0, 5.0
# Seconds before its deadline in which mail waits for no further turn
LAST = 15.0
# The step under which an attempt keeps that a smarthost, named by its id, cannot carry its message
CARRIED = "smarthost"
# RFC 6531 §3.7.4.2: an address, or a header in UTF-8, that the server does not carry
_NO_UTF8 = frozenset({"5.6.7", "5.6.9"})


def when_shut(job: Job, why: Closed, now: datetime, *, scale: float = 1.0) -> Decision | None:
    """There is no leave for the direct way: whether to go round it.

    That is so where nothing goes there for longer than mail should wait, and for mail, tried or not,
    that could not wait for its turn twice before its deadline.
    """
    patience = URGENT_PATIENCE if job.lane == Lane.URGENT else PATIENCE
    data = {"because": why.code, "wait": round(why.wait)}
    if why.stands and why.wait >= patience * scale:
        return Decision("fallback", "direct_way_shut", data)
    left = (job.deliver_by - now).total_seconds()
    if left <= max(2 * why.wait, LAST * scale):
        return Decision("fallback", "no_turn_in_time", {**data, "left": round(left)})
    return None


def when_unready(job: Job, *, scale: float = 1.0) -> Closed:
    """No IP of the stream may speak to receivers: how long the next look is away."""
    wait = retry.delay("temporary", job.attempt + 1, jitter=lambda: 0.5, scale=scale)
    return Closed("no_source", wait, stands=True)


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


def beyond(smarthost_id: int, reply: Reply, why: Verdict) -> Decision | None:
    """Whether a refusal is of a smarthost's own limits, theirs or ours in its place: the receiver itself
    may take the mail. None: it is of something else.
    """
    data = {"smarthost": smarthost_id}
    if reply.enhanced in _NO_UTF8:
        return Decision("smarthost", "no_utf8", data)
    if why.reason is Reason.MESG_TOO_BIG:
        return Decision("smarthost", "too_large", data)
    return None


def passed_over(smarthost_id: int) -> Decision:
    """The direct way is shut, and the smarthost has shown before that it cannot carry the message."""
    return Decision("smarthost", "passed_over", {"smarthost": smarthost_id})
