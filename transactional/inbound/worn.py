"""Addresses worn out by soft bounces: several over some time, none of them final by itself."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from config.ids import uuid7_floor
from transactional import suppressions
from transactional.classify import WEARING
from transactional.models import SuppressionReason

TIMES = 3  # mails that failed for the mailbox's sake (full, suspended, filtered) …
SPAN = timedelta(days=7)  # … of which the first and the last are this far apart
FORGOTTEN = timedelta(days=60)  # older ones do not count
FRESH = timedelta(hours=2)  # only addresses that bounced since are looked at: the chore is hourly

# What was put off until its time was up failed like what was refused. A delivery ends the count: the mailbox works again; so does a member who takes it
# off the list
_WORN = """
WITH fresh AS MATERIALIZED (
    SELECT DISTINCT r.account_id, r.address
    FROM transactional_event e JOIN transactional_recipient r ON r.id = e.recipient_id
    WHERE e.id >= %(fresh)s AND r.id >= %(oldest)s AND e.type IN ('bounced', 'expired')
      AND e.data->>'reason' = ANY(%(reasons)s)
), told AS (
    SELECT r.account_id, lower(r.address) AS address, r.id, e.at, e.data->>'response' AS said
    FROM fresh f
    JOIN transactional_recipient r USING (account_id, address)
    JOIN transactional_event e ON e.message_id = r.message_id AND e.recipient_id = r.id
    WHERE r.id >= %(oldest)s AND e.id >= %(oldest)s AND e.type IN ('bounced', 'expired')
      AND e.data->>'reason' = ANY(%(reasons)s)
      AND NOT EXISTS (
          SELECT 1 FROM transactional_recipient d
          WHERE d.account_id = r.account_id AND d.address = r.address AND d.id >= %(oldest)s
            AND d.status = 'delivered' AND d.status_at > e.at)
      AND NOT EXISTS (
          SELECT 1 FROM transactional_suppressionchange c
          WHERE c.account_id = r.account_id AND c.address = lower(r.address)
            AND c.what = 'removed' AND c.at > e.at)
)
SELECT account_id, address, count(*), (array_agg(id ORDER BY at DESC))[1],
       (array_agg(said ORDER BY at DESC))[1]
FROM told
GROUP BY account_id, address
HAVING count(*) >= %(times)s AND max(at) - min(at) >= %(span)s
"""


def suppress(now: datetime) -> int:
    """Suppress addresses that soft bounces have worn out since the last look; how many are new."""
    values: dict[str, Any] = {
        "fresh": uuid7_floor(now - FRESH),
        "oldest": uuid7_floor(now - FORGOTTEN),
        "reasons": [str(reason) for reason in WEARING],
        "times": TIMES,
        "span": SPAN,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WORN, values)
        rows = cursor.fetchall()
    return sum(
        suppressions.add(
            account_id,
            address,
            reason=SuppressionReason.SOFT_BOUNCE,
            evidence=f"{times} bounces, the last: {said or 'no reason given'}",
            recipient_id=recipient_id,
        )
        for account_id, address, times, recipient_id, said in rows
    )
