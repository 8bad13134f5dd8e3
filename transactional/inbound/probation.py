"""Probation of worn-out addresses: after a while mail goes there again, and what comes of it decides.

Delivered and quiet for a day: off the list. Bounced again: back on it, for twice as long.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from config.ids import uuid7_floor
from tokens import audit
from transactional import suppression_list
from transactional.classify import WEARING
from transactional.models import Suppression
from transactional.suppressions import TRIAL_AFTER

QUIET = timedelta(days=1)  # a bounce may come a while after the delivery
TRIALS = 3  # doublings: 30, 60, 120, then every 240 days
STEP = 500

# What came of mail to each address since its trial began; a mail is written to as it was spelled. Only
# trials that have an outcome: those without would use up the step, run after run
_TRIED = """
SELECT * FROM (
SELECT s.id,
       bool_or(EXISTS (
           SELECT FROM transactional_event e
           WHERE e.message_id = r.message_id AND e.recipient_id = r.id AND e.id >= %(oldest)s
             AND e.type IN ('bounced', 'expired') AND e.data->>'reason' = ANY(%(reasons)s))) AS failed,
       bool_or(r.status = 'delivered' AND r.status_at < %(quiet)s) AS works
FROM transactional_suppression s
LEFT JOIN transactional_recipient cause ON cause.id = s.recipient_id
JOIN transactional_recipient r ON r.account_id = s.account_id
    AND r.address = ANY(ARRAY[s.address, cause.address]) AND r.id >= %(oldest)s
    AND r.id >= (lpad(to_hex((extract(epoch FROM s.trial_at) * 1000)::bigint), 12, '0')
                 || '70008000000000000000')::uuid
WHERE s.trial_at <= %(now)s
GROUP BY s.id
) AS tried WHERE failed OR works
ORDER BY id LIMIT %(limit)s
"""


def settle(now: datetime) -> tuple[int, int]:
    """Decide the trials that have an outcome; how many were lifted, and how many put off."""
    values: dict[str, Any] = {
        "now": now,
        "quiet": now - QUIET,
        "oldest": uuid7_floor(now - timedelta(days=400)),
        "reasons": [str(reason) for reason in WEARING],  # a refusal of the sender is no failure
        "limit": STEP,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TRIED, values)
        rows = cursor.fetchall()
    lifted = put_off = 0
    for suppression_id, failed, works in rows:
        if failed:
            put_off += _put_off(suppression_id, now)
        elif works:
            lifted += _lift(suppression_id)
    return lifted, put_off


@transaction.atomic
def _put_off(suppression_id: int, now: datetime) -> bool:
    row = Suppression.objects.select_for_update().filter(pk=suppression_id).first()
    if row is None or row.trial_at is None or row.trial_at > now:
        return False
    row.trials = min(row.trials + 1, TRIALS)
    row.trial_at = now + TRIAL_AFTER * 2**row.trials
    row.save(update_fields=["trials", "trial_at"])
    return True


@transaction.atomic
def _lift(suppression_id: int) -> int:
    rows = list(Suppression.objects.select_for_update().filter(pk=suppression_id))
    for row in rows:
        suppression_list.lift(
            row.account_id, [row], why="Mail on trial was delivered", by=audit.SYSTEM, how="trial"
        )
    return len(rows)
