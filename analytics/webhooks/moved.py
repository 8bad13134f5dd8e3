"""Times of webhooks, moved along with a jump of the database's clock."""

from typing import Any

from django.conf import settings
from django.db import connection

from transactional import clock
from transactional.queue.moved import SLACK, Jump

# As of mail (transactional/queue/moved.py): set back, every wait was stored by the old clock but the
# few that began since, which become shorter; set forward, those that the old clock can have stored.
# What is leased keeps its lease, for as long as a lease lasts
_OLD = "CASE WHEN %(by)s < interval '0' THEN {0} > now() ELSE {0} < %(from)s END"
_DELIVERIES = f"""
UPDATE analytics_webhookdelivery
SET due_at = CASE WHEN lease IS NULL THEN due_at + %(by)s
             ELSE now() + make_interval(secs => %(lease)s) END
WHERE state = 'waiting' AND (lease IS NOT NULL OR {_OLD.format("due_at")})
"""  # noqa: S608 — our own constants
_PROBES = f"""
UPDATE analytics_webhookendpoint SET probe_at = probe_at + %(by)s
WHERE deleted_at IS NULL AND probe_at IS NOT NULL AND {_OLD.format("probe_at")}
"""  # noqa: S608 — as above
# An outage lasts as long as it lasts: days that only the clock skipped switch nobody off
_OUTAGES = """
UPDATE analytics_webhookendpoint SET failing_since = failing_since + %(by)s
WHERE deleted_at IS NULL AND failing_since < %(from)s + greatest(-%(by)s, interval '0')
"""


@clock.follower
def move(jump: Jump) -> None:
    """Move next tries, leases, probes and outages. In the caller's transaction."""
    values: dict[str, Any] = {
        "by": jump.by,
        "from": jump.at - jump.window - SLACK,
        "lease": float(settings.LEASE_SECONDS),
    }
    with connection.cursor() as cursor:
        for statement in (_DELIVERIES, _PROBES, _OUTAGES):
            cursor.execute(statement, values)
