"""Rows of the queue: their table, how they are written, and what is done to them under a lease."""

import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from config.bulk import Table
from config.steady import boot, steady_seconds

TABLE = Table(
    "transactional_queuerow",
    (
        ("id", "uuid"),
        ("message_id", "uuid"),
        ("account_id", "bigint"),
        ("stream_id", "bigint"),
        ("lane", "int2"),
        ("domain", "varchar"),
        ("attempt", "int2"),
        ("due_at", "timestamptz"),
        ("deliver_by", "timestamptz"),
        ("resent", "bool"),
        ("boot", "uuid"),
        ("ends", "float8"),
    ),
    # The database's clock rules, whatever the clock of the machine that hands a row over says
    computed=(
        ("due_at", "now()"),
        ("deliver_by", "now() + ({row}.deliver_by - {row}.due_at)"),
    ),
)

# What is written waits for whoever moves the row along with a jump of the clock, and counts from the time
# when it is written (clock_timestamp), not from that when its transaction began (now)

# The three writes of a flush (see `lifecycle`), over rows named `marks` and `u`.
# The fence before a final dot: only a live lease may mark, only its holder may finish or take a marker
# back. Each names the lease it was done under: a batch may hold a row's stale job beside its live one
MARK = """
UPDATE transactional_queuerow q
SET dot_at = CASE WHEN marks.dot THEN now() END, beyond = marks.beyond
FROM json_to_recordset(%(marks)s::json) AS marks(id uuid, lease uuid, dot bool, beyond bool)
WHERE q.id = marks.id AND q.lease = marks.lease AND (q.lease_until > now() OR NOT marks.dot)
RETURNING q.id, q.lease
"""

FINISH = """
DELETE FROM transactional_queuerow q USING u
WHERE q.id = u.id AND q.lease = u.lease AND u.wait IS NULL
RETURNING q.id, q.lease
"""

RESCHEDULE = """
UPDATE transactional_queuerow q
SET lease = NULL, lease_until = NULL, dot_at = NULL, attempt = u.attempts,
    due_at = clock_timestamp() + make_interval(secs => u.wait), parked = NULL,
    resent = q.resent OR u.resent, crashes = 0
FROM u WHERE q.id = u.id AND q.lease = u.lease AND u.wait IS NOT NULL
RETURNING q.id, u.lease
"""

# It waits for no row, so that it never stands crosswise with what writes outcomes at the same moment; a
# row that is being written has its next turn long before its lease ends
RENEW = """
WITH held AS MATERIALIZED (
    SELECT id FROM transactional_queuerow
    WHERE id = ANY(%(ids)s) AND lease = ANY(%(leases)s) AND lease_until > now()
    FOR UPDATE SKIP LOCKED
)
UPDATE transactional_queuerow q
SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
FROM held WHERE q.id = held.id
RETURNING q.id, q.lease
"""

# A worker that stops gives back what it has not begun
RELEASE = """
UPDATE transactional_queuerow SET lease = NULL, lease_until = NULL
WHERE id = ANY(%(ids)s) AND lease = ANY(%(leases)s) AND dot_at IS NULL
"""

# A copy that a smarthost may have sent on is never sent again by itself: any other way would be a second.
# Last, of what is sent again: how many copies of it were in doubt before
SWEEP = """
SELECT q.id, q.message_id, q.account_id, q.dot_at,
       CASE WHEN q.beyond THEN 'smarthost' ELSE s.uncertain_policy END, m.campaign_id,
       CASE WHEN q.resent AND q.dot_at IS NOT NULL THEN (
           SELECT count(*) FROM transactional_event e
           WHERE e.message_id = q.message_id AND e.recipient_id = q.id AND (
               e.type = 'uncertain'
               OR e.type = 'held' AND e.data->>'because' = ANY(%(holding)s::text[])
           )
       ) ELSE 0 END
FROM transactional_queuerow q
JOIN transactional_stream s ON s.id = q.stream_id
JOIN transactional_message m ON m.id = q.message_id
WHERE q.lease IS NOT NULL AND q.lease_until < least(statement_timestamp(), %(until)s)
ORDER BY q.lease_until LIMIT %(limit)s FOR UPDATE OF q SKIP LOCKED
"""

# In its old place: mail that was under way does not wait behind all that has been taken since
FREE = """
UPDATE transactional_queuerow
SET lease = NULL, lease_until = NULL, dot_at = NULL, due_at = least(due_at, clock_timestamp()),
    resent = resent OR %(resent)s
WHERE id = ANY(%(ids)s)
"""

# Before a copy is built that could end the process, and when it has not; an outcome forgets it
BUILT = """
UPDATE transactional_queuerow SET crashes = crashes - 1
WHERE id = %(id)s AND lease = %(lease)s AND crashes > 0
"""
BUILDING = """
UPDATE transactional_queuerow SET crashes = crashes + 1
WHERE id = %(id)s AND lease = %(lease)s AND lease_until > now()
"""
# What a process was building when it died
DIED = "UPDATE transactional_queuerow SET crashes = crashes + 1 WHERE id = ANY(%(ids)s)"

# A recipient that has ended by a report needs no further try. What a worker holds it drops itself
FORGET = """
DELETE FROM transactional_queuerow WHERE id = (
    SELECT id FROM transactional_queuerow WHERE id = %(id)s AND lease IS NULL FOR UPDATE SKIP LOCKED
)
"""

DROP = "DELETE FROM transactional_queuerow WHERE id = ANY(%(ids)s)"


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A claimed recipient with all that is needed to build and send its copy.

    Each claim's job is one of its own, whatever it holds: told apart by identity, which is cheap.
    """

    lease: uuid.UUID
    id: uuid.UUID
    message_id: uuid.UUID
    account_id: int
    stream_id: int
    lane: int
    domain: str
    attempt: int
    deliver_by: datetime
    resent: bool
    crashes: int
    parked: str | None
    address: str
    campaign_id: int | None
    version_id: int | None
    from_domain: str
    header_id: str
    created_at: datetime
    kind: str
    raw: bytes | None
    context: bytes | None
    source_id: int | None = None  # the IP that an earlier try left from
    status: str = "queued"  # the recipient's; one that has ended meanwhile is not tried
    claimed_at: datetime | None = None  # by the database's clock
    claimed: float = 0.0  # the same moment on this machine's monotonic clock

    @property
    def held(self) -> tuple[uuid.UUID, uuid.UUID]:
        """The row, and the lease under which this job has it."""
        return self.id, self.lease

    def now(self) -> datetime:
        """The database's clock as it went on from the claim: no jump of any clock moves it.

        Whatever is said about this job's deadline is said by it.
        """
        if self.claimed_at is None:
            return timezone.now()
        return self.claimed_at + timedelta(seconds=time.monotonic() - self.claimed)


def row(
    *,
    recipient_id: uuid.UUID,
    message_id: uuid.UUID,
    account_id: int,
    stream_id: int,
    lane: int,
    domain: str,
    due_at: datetime,
    deliver_by: datetime,
    resent: bool = False,
) -> tuple[Any, ...]:
    """A new queue row in the order of TABLE's columns; it is due when it is stored.

    `due_at` is the moment from which `deliver_by` counts, both by the caller's clock: what is stored
    counts from the database's, and beside it from this machine's own count of seconds, which no clock
    that is set changes.
    """
    return (
        recipient_id,
        message_id,
        account_id,
        stream_id,
        lane,
        domain,
        0,
        due_at,
        deliver_by,
        resent,
        boot(),
        steady_seconds() + (deliver_by - due_at).total_seconds(),
    )
