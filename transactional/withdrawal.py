"""Mail taken back before it was sent: out of the queue, its recipients cancelled, told once each.

With `lifecycle`, the only writer of Recipient.status; the transition is one of its table.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """How many recipients were taken back; how many were `missed`: a worker was writing them."""

    number: int
    missed: int


def withdraw(account_id: int, message_ids: Sequence[uuid.UUID]) -> Withdrawn:
    """Take back what of these messages no final dot may have been sent of.

    What is under way, or may have arrived, stays. What is missed is asked for again, after a commit.
    """
    now = timezone.now()
    with transaction.atomic():
        taken = queue.withdraw(account_id, message_ids)
        connection.ensure_connection()
        with psycopg.Cursor(connection.connection) as cursor:
            ids = list(taken.ids)
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
    return Withdrawn(len(rows), taken.missed)
