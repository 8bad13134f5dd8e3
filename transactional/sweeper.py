"""Gives back what silent workers hold, and says what becomes of copies that they may have sent.

With `lifecycle`, a writer of Recipient.status; the transitions are those of its table.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from transactional import events, queue
from transactional.events import NewEvent
from transactional.lifecycle import TRANSITIONS
from transactional.models import EventType, Status

# Why, as the events keep it
UNSEEN = gettext_noop("The final dot was sent, its reply was never seen.")
HOLDING = (
    "hold",
    "smarthost",
)  # policies that send nothing again: a stream's, and beyond a smarthost


@transaction.atomic
def sweep(limit: int = 1000, *, until: datetime | None = None) -> int:
    """Give back rows whose worker fell silent; returns how many. `until`: only leases before it.

    A row without a final-dot marker simply becomes due. With one, its outcome is unknown: it is
    sent again and marked, or held, as its stream says.
    """
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(queue.SWEEP, {"limit": limit, "until": until})
        rows = cursor.fetchall()
        plain = [row[0] for row in rows if row[3] is None]
        unknown = [row for row in rows if row[3] is not None]
        again = [row[0] for row in unknown if row[4] == "resend"]
        held = [row[0] for row in unknown if row[4] in HOLDING]
        now = timezone.now()
        for ids, resent in ((plain, False), (again, True)):
            if ids:
                cursor.execute(queue.FREE, {"ids": ids, "resent": resent})
        if held:
            cursor.execute(queue.DROP, {"ids": held})
        if unknown:
            _tell_unknown(cursor, unknown, now)
    return len(rows)


def _tell_unknown(
    cursor: psycopg.Cursor[Any], unknown: Sequence[tuple[Any, ...]], now: datetime
) -> None:
    cursor.execute(
        """
        UPDATE transactional_recipient SET status = u.status, status_at = %(at)s
        FROM unnest(%(ids)s::uuid[], %(statuses)s::text[]) AS u(id, status)
        WHERE transactional_recipient.id = u.id
          AND transactional_recipient.status = ANY(%(olds)s)
        RETURNING transactional_recipient.id
        """,
        {
            "ids": [row[0] for row in unknown],
            "statuses": [
                str(Status.HELD if row[4] in HOLDING else Status.UNCERTAIN) for row in unknown
            ],
            "at": now,
            "olds": [str(old) for old, new in TRANSITIONS.items() if Status.UNCERTAIN in new],
        },
    )
    moved = {row[0] for row in cursor.fetchall()}  # the others have ended by a report meanwhile
    events.append(
        [
            NewEvent(
                account_id=account_id,
                message_id=message_id,
                recipient_id=recipient_id,
                campaign_id=campaign_id,
                type=EventType.HELD if policy in HOLDING else EventType.UNCERTAIN,
                at=now,
                data={"reason": UNSEEN, "because": policy},
            )
            for recipient_id, message_id, account_id, _, policy, campaign_id in unknown
            if recipient_id in moved
        ]
    )
