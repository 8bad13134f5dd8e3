"""Mail taken back before it was sent: out of the queue, its recipients cancelled, told once each.

With `lifecycle`, the only writer of Recipient.status; the transition is one of its table.
"""

import uuid
from collections.abc import Sequence

import psycopg
from django.db import connection, transaction
from django.utils import timezone

from transactional import events, queue
from transactional.events import NewEvent
from transactional.lifecycle import TRANSITIONS
from transactional.models import EventType, Status

_CANCEL = """
UPDATE transactional_recipient r SET status = %(status)s, status_at = %(at)s
FROM transactional_message m
WHERE r.id = ANY(%(ids)s) AND r.status = ANY(%(olds)s) AND m.id = r.message_id
RETURNING r.id, r.account_id, r.message_id, m.campaign_id
"""


def withdraw(account_id: int, message_ids: Sequence[uuid.UUID]) -> int:
    """Take back what no worker holds of these messages; returns how many recipients that were.

    What is under way, or may have arrived, stays.
    """
    now = timezone.now()
    with transaction.atomic():
        connection.ensure_connection()
        with psycopg.Cursor(connection.connection) as cursor:
            values = {"account_id": account_id, "message_ids": list(message_ids)}
            cursor.execute(queue.WITHDRAW, values)
            ids = [row[0] for row in cursor.fetchall()]
            olds = [str(old) for old, new in TRANSITIONS.items() if Status.CANCELLED in new]
            given = {"status": str(Status.CANCELLED), "at": now, "ids": ids, "olds": olds}
            cursor.execute(_CANCEL, given)
            rows = cursor.fetchall()
        events.append(
            [
                NewEvent(
                    account_id=owner,
                    message_id=message_id,
                    recipient_id=recipient_id,
                    campaign_id=campaign_id,
                    type=EventType.CANCELLED,
                    at=now,
                    data={"how": "withdrawn"},
                )
                for recipient_id, owner, message_id, campaign_id in rows
            ]
        )
    return len(rows)
