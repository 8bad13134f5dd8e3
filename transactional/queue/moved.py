"""Times of the queue's rows, moved along with a jump of the database's clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from config.ids import uuid7_floor
from transactional.queue.strays import ASTRAY

SLACK = timedelta(seconds=2)  # by which the moment of a jump is known

# A live worker renews its lease anyway; nobody's lease ends by the jump, and none lasts the longer
_LEASES = """
UPDATE transactional_queuerow SET lease_until = now() + make_interval(secs => %s)
WHERE lease IS NOT NULL
"""
# Mail that came since the clock jumped was stored by the new one. Its message says when it came, by
# the clock of the machine that took it: in the new clock's terms that is between the jump and now.
# A wait that began since the jump cannot always be told from an older one: then it is the shorter
_MOVE = """
UPDATE transactional_queuerow q
SET deliver_by = q.deliver_by + %(by)s,
    due_at = CASE WHEN q.due_at = q.deliver_by OR %(by)s < interval '0' OR q.due_at < %(from)s
        THEN q.due_at + %(by)s ELSE q.due_at END
FROM transactional_message m
WHERE m.id = q.message_id
  AND NOT (m.created_at - %(skew)s >= %(from)s AND m.created_at - %(skew)s <= now() + %(slack)s)
"""
# A transaction that was open while the clock was set back writes by the old one when all else has
# been moved. Its rows are new, and their ids begin with a moment that is still to come; those that
# were moved have the same ids, but are due earlier than their ids say
_LATE = """
UPDATE transactional_queuerow SET due_at = now() WHERE id IN (
    SELECT id FROM transactional_queuerow
    WHERE id > %(newest)s AND lease IS NULL AND attempt = 0 AND parked IS NULL
      AND due_at > now() + %(slack)s AND due_at < deliver_by
      AND due_at + %(open)s > to_timestamp(
          ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
    ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
"""
# Where it is known when a row ends by the count of the machine that took it, that says more: what is due in
# times to come and ends later than it should was stored by the old clock; so was what is due when it is over
_ASTRAY = """
UPDATE transactional_queuerow q
SET due_at = CASE WHEN q.due_at > q.deliver_by + %(slack)s THEN now()
        ELSE q.due_at - (q.deliver_by - found.really) END,
    deliver_by = found.really
FROM (
    SELECT q.id, ends.really FROM transactional_queuerow q
    JOIN transactional_clockmark k ON k.boot = q.boot::text
    CROSS JOIN LATERAL (SELECT to_timestamp(q.ends + k.base + %(total)s) AS really) ends
    WHERE q.lease IS NULL AND q.due_at > now()
      AND (q.deliver_by > ends.really + %(astray)s OR q.due_at > q.deliver_by + %(slack)s)
    ORDER BY q.id LIMIT %(most)s FOR UPDATE OF q SKIP LOCKED
) found
WHERE q.id = found.id
"""
_LATE_LEASES = """
UPDATE transactional_queuerow SET lease_until = now() + make_interval(secs => %(lease)s)
WHERE lease IS NOT NULL AND lease_until > now() + make_interval(secs => %(lease)s) + %(slack)s
"""
OPEN = timedelta(minutes=1)  # that a transaction began before it gave its rows their ids
AT_ONCE = 1000  # rows that are looked for at a time


@dataclass(frozen=True, slots=True)
class Jump:
    """`at`: when it was noticed, by the new clock; it happened at most `window` before. `skew`: how
    far the clock of the machines that take mail is ahead of the database's.
    """

    at: datetime
    by: timedelta
    window: timedelta
    skew: timedelta


def renew_leases() -> None:
    """Let every lease last LEASE_SECONDS from now."""
    with connection.cursor() as cursor:
        cursor.execute(_LEASES, [float(settings.LEASE_SECONDS)])


def move(jump: Jump) -> int:
    """Move what was stored by the old clock; how many rows. In the caller's transaction."""
    values: dict[str, Any] = {
        "by": jump.by,
        "from": jump.at - jump.window - SLACK,
        "skew": jump.skew,
        "slack": SLACK,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, values)
        return int(cursor.rowcount)


def catch_up(total: float) -> int:
    """Put right what a transaction of before a step back wrote after it; how many rows, AT_ONCE of a
    kind at most. No lease lasts longer than a lease. `total`: seconds of all jumps that were noted.

    Of rows that a machine without a mark of its own took, only ids tell, where they are still to come.
    """
    values: dict[str, Any] = {
        "newest": uuid7_floor(timezone.now() + SLACK),
        "open": OPEN,
        "slack": SLACK,
        "most": AT_ONCE,
        "lease": float(settings.LEASE_SECONDS),
        "astray": timedelta(seconds=ASTRAY),
        "total": total,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LATE_LEASES, values)
        cursor.execute(_ASTRAY, values)
        put_right = int(cursor.rowcount)
        cursor.execute(_LATE, values)
        return put_right + int(cursor.rowcount)
