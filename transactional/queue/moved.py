"""Times of the queue's rows, moved along with a jump of the database's clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

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
