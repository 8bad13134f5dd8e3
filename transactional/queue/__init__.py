"""The queue: every statement that touches its table, and the wake-ups that hasten a claim.

A row is leased by a claim's token for LEASE_SECONDS and renewed by the worker's heartbeat. All
writes name the token, so a worker whose lease ran out changes nothing: no row, no dot.
"""

from transactional.queue.claim import Caps, Claimed, Claimer
from transactional.queue.depth import COUNTED, Counted, Depth, counted, depth
from transactional.queue.held import Taken, hold, let_go, withdraw
from transactional.queue.orphans import Orphan, doubted, give_back, orphaned
from transactional.queue.plan import InFront, Plan, in_front, plans
from transactional.queue.rows import (
    BUILDING,
    BUILT,
    DIED,
    DROP,
    FINISH,
    FORGET,
    FREE,
    MARK,
    RELEASE,
    RENEW,
    RESCHEDULE,
    SWEEP,
    TABLE,
    Job,
    row,
)
from transactional.queue.strays import Stray, put_right
from transactional.queue.wakeups import Waker, wake

__all__ = [
    "BUILDING",
    "BUILT",
    "COUNTED",
    "DIED",
    "DROP",
    "FINISH",
    "FORGET",
    "FREE",
    "MARK",
    "RELEASE",
    "RENEW",
    "RESCHEDULE",
    "SWEEP",
    "TABLE",
    "Caps",
    "Claimed",
    "Claimer",
    "Counted",
    "Depth",
    "InFront",
    "Job",
    "Orphan",
    "Plan",
    "Stray",
    "Taken",
    "Waker",
    "counted",
    "depth",
    "doubted",
    "give_back",
    "hold",
    "in_front",
    "let_go",
    "orphaned",
    "plans",
    "put_right",
    "row",
    "wake",
    "withdraw",
]
