"""Mail that an incident ended is sent again: the one way from `bounced` back into the queue."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

import psycopg
from django.db import connection
from django.utils import timezone

from config import bulk
from transactional import events, queue
from transactional.events import NewEvent
from transactional.models import EventType, Lane
from transactional.wire.address import AddressError, parse_path

# Only what can still be built is taken back: a body that retention has removed is gone
_TAKE = """
WITH chosen AS (
    SELECT r.id, r.message_id, r.address, m.stream_id, m.campaign_id, m.version_id, s.lifetime,
           r.attempts
    FROM transactional_recipient r
    JOIN transactional_message m ON m.id = r.message_id
    JOIN transactional_stream s ON s.id = m.stream_id
    JOIN transactional_body b ON b.id = m.id
    WHERE r.id = ANY(%(ids)s) AND r.account_id = %(account)s AND r.status = 'bounced'
      AND (b.raw IS NOT NULL OR b.context IS NOT NULL)
    ORDER BY r.id FOR UPDATE OF r
), moved AS (
    UPDATE transactional_recipient r SET status = 'queued', status_at = %(at)s
    FROM chosen WHERE r.id = chosen.id
)
SELECT chosen.*, v.lane FROM chosen
LEFT JOIN transactional_emailversion v ON v.id = chosen.version_id
"""


def requeue(account_id: int, ids: Sequence[uuid.UUID], *, why: str) -> int:
    """Queue bounced recipients of an account again, in the caller's transaction; how many.

    They get their stream's whole lifetime anew. One that does not stand at `bounced` is left alone.
    """
    if not ids:
        return 0
    now = timezone.now()
    connection.ensure_connection()
    rows, told = [], []
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_TAKE, {"ids": list(ids), "account": account_id, "at": now})
        for pk, message_id, address, stream_id, campaign_id, _, lifetime, attempts, lane in cursor:
            rows.append(
                queue.row(
                    recipient_id=pk,
                    message_id=message_id,
                    account_id=account_id,
                    stream_id=stream_id,
                    lane=int(Lane.NORMAL) if lane is None else lane,
                    domain=_domain(address),
                    due_at=now,
                    deliver_by=now + timedelta(seconds=lifetime),
                )
            )
            told.append(
                NewEvent(
                    account_id=account_id,
                    message_id=message_id,
                    recipient_id=pk,
                    campaign_id=campaign_id,
                    type=EventType.REQUEUED,
                    at=now,
                    data={"was": "bounced", "reason": why, "attempt": attempts},
                )
            )
        bulk.write(cursor, [(queue.TABLE, rows)])
    events.append(told)
    return len(rows)


def _domain(address: str) -> str:
    try:
        path = parse_path(address)
    except AddressError:
        path = None
    return path.domain_ascii if path is not None else address.rpartition("@")[2].lower()
