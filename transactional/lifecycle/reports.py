"""The only place where what comes back about a recipient after its delivery is applied."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection
from django.utils import timezone

from transactional import events, queue
from transactional.events import NewEvent
from transactional.lifecycle.transitions import EVENT_OF, FROM
from transactional.models.message import REPLY_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came back about a recipient, after its delivery (a DSN)."""

    recipient_id: uuid.UUID
    status: str
    reply: str
    data: Mapping[str, Any]


def apply_report(report: Report) -> bool:
    """Apply a report inside the caller's transaction; False where it changes nothing. What was put off
    or in doubt is not tried again.

    The recipient's row is locked, so the same report twice makes one event, and a report that
    overtakes our own commit of `delivered` waits for it.
    """
    values = {
        "id": report.recipient_id,
        "status": str(report.status),
        "at": timezone.now(),
        "reply": report.reply[:REPLY_LIMIT],
        "olds": FROM[report.status],
    }
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_REPORT, values)
        found = cursor.fetchone()
        if found is not None:
            cursor.execute(queue.FORGET, {"id": report.recipient_id})
    if found is None:
        return False
    account_id, message_id, campaign_id, was = found
    events.append(
        [
            NewEvent(
                account_id=account_id,
                message_id=message_id,
                recipient_id=report.recipient_id,
                campaign_id=campaign_id,
                type=EVENT_OF[report.status],
                at=timezone.now(),
                data={**report.data, "was": was, "response": report.reply[:1000]},
            )
        ]
    )
    return True


_REPORT = """
WITH before AS (
    SELECT id, status FROM transactional_recipient WHERE id = %(id)s FOR UPDATE
), moved AS (
    UPDATE transactional_recipient r
    SET status = %(status)s, status_at = %(at)s, reply = %(reply)s
    FROM before WHERE r.id = before.id AND strpos(%(olds)s, '|' || r.status || '|') > 0
    RETURNING r.message_id, before.status AS was
)
SELECT m.account_id, m.id, m.campaign_id, moved.was
FROM moved JOIN transactional_message m ON m.id = moved.message_id
"""
