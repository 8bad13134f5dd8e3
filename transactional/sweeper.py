"""Gives back what silent workers hold, and says what becomes of copies that they may have sent.

With `lifecycle`, a writer of Recipient.status; the transitions are those of its table.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from transactional import events, queue, retry
from transactional.events import NewEvent
from transactional.lifecycle import TRANSITIONS
from transactional.models import EventType, Status

# Why, as the events keep it
UNSEEN = gettext_noop("The final dot was sent, its reply was never seen.")


@dataclass(frozen=True, slots=True)
class _Silent:
    """A row whose worker fell silent. `doubts`: earlier copies that nobody answered for."""

    id: uuid.UUID
    message_id: uuid.UUID
    account_id: int
    dot_at: datetime | None
    policy: str
    campaign_id: int | None
    doubts: int

    @property
    def because(self) -> str:
        """What decides about its copy in doubt: one of retry.HOLDING, or `resend`."""
        enough = self.policy == "resend" and self.doubts + 1 >= retry.DOUBTS
        return "copies" if enough else self.policy

    @property
    def told(self) -> dict[str, Any]:
        """What its event says."""
        copies = {"copies": self.doubts + 1} if self.because == "copies" else {}
        return {"reason": UNSEEN, "because": self.because, **copies}


@transaction.atomic
def sweep(limit: int = 1000, *, until: datetime | None = None) -> int:
    """Give back rows whose worker fell silent; returns how many. `until`: only leases before it.

    A row without a final-dot marker simply becomes due. With one, its outcome is unknown: it is
    sent again and marked, or held, as its stream says; the last of `retry.DOUBTS` copies is held.
    """
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            queue.SWEEP, {"limit": limit, "until": until, "holding": list(retry.HOLDING)}
        )
        rows = [_Silent(*row) for row in cursor]
        plain = [row.id for row in rows if row.dot_at is None]
        unknown = [row for row in rows if row.dot_at is not None]
        again = [row.id for row in unknown if row.because not in retry.HOLDING]
        held = [row.id for row in unknown if row.because in retry.HOLDING]
        now = timezone.now()
        for ids, resent in ((plain, False), (again, True)):
            if ids:
                cursor.execute(queue.FREE, {"ids": ids, "resent": resent})
        if held:
            cursor.execute(queue.DROP, {"ids": held})
        if unknown:
            _tell_unknown(cursor, unknown, now)
    return len(rows)


def _tell_unknown(cursor: psycopg.Cursor[Any], unknown: Sequence[_Silent], now: datetime) -> None:
    cursor.execute(
        """
        UPDATE transactional_recipient SET status = u.status, status_at = %(at)s
        FROM unnest(%(ids)s::uuid[], %(statuses)s::text[]) AS u(id, status)
        WHERE transactional_recipient.id = u.id
          AND transactional_recipient.status = ANY(%(olds)s)
        RETURNING transactional_recipient.id
        """,
        {
            "ids": [row.id for row in unknown],
            "statuses": [
                str(Status.HELD if row.because in retry.HOLDING else Status.UNCERTAIN)
                for row in unknown
            ],
            "at": now,
            "olds": [str(old) for old, new in TRANSITIONS.items() if Status.UNCERTAIN in new],
        },
    )
    moved = {row[0] for row in cursor.fetchall()}  # the others have ended by a report meanwhile
    events.append(
        [
            NewEvent(
                account_id=row.account_id,
                message_id=row.message_id,
                recipient_id=row.id,
                campaign_id=row.campaign_id,
                type=EventType.HELD if row.because in retry.HOLDING else EventType.UNCERTAIN,
                at=now,
                data=row.told,
            )
            for row in unknown
            if row.id in moved
        ]
    )
