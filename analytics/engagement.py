"""From hits to events: the only place where an open or a click enters the event log."""

import logging
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from django.db import DataError, connection, transaction

from analytics import spool
from analytics.spool import Hit
from config.ids import uuid7_floor
from transactional import events, retention
from transactional.events import NewEvent
from transactional.models import EventType

logger = logging.getLogger(__name__)

BATCH = 500  # hits per transaction
OWNERS = """
SELECT r.id, r.account_id, r.message_id, m.campaign_id
FROM transactional_recipient r JOIN transactional_message m ON m.id = r.message_id
WHERE r.id = ANY(%s)
"""
# A rebuild counts the firsts of kept events anew, so these stay as long as those
FIRSTS = """
DELETE FROM analytics_firstengagement WHERE id IN (
    SELECT id FROM analytics_firstengagement WHERE recipient_id < %s
    ORDER BY recipient_id LIMIT %s
)
"""
Owner = tuple[int, uuid.UUID, int | None]


def ingest() -> int:
    """Record every hit this host has spooled; returns how many. Raises django.db.Error."""
    return spool.drain(record)


def record(hits: Sequence[Hit]) -> int:
    """Write hits as events, those already written skipped; returns how many were new.

    Idempotent by the hits' ids, so a run that was killed may simply be repeated. Hits of
    recipients that are no longer kept are left out.
    """
    return sum(_record(hits[start : start + BATCH]) for start in range(0, len(hits), BATCH))


def _record(hits: Sequence[Hit]) -> int:
    try:
        with transaction.atomic():
            return _write(hits)
    except (DataError, psycopg.DataError) as err:
        if len(hits) == 1:
            logger.error("a hit cannot be recorded, it is left out: %s", err)
            return 0
    # One hit that PostgreSQL does not take must not hold up the others
    return sum(_record([hit]) for hit in hits)


def _write(hits: Sequence[Hit]) -> int:
    owners = _owners({hit.recipient_id for hit in hits})
    return events.append(
        [_event(hit, owner) for hit in hits if (owner := owners.get(hit.recipient_id)) is not None]
    )


def _owners(recipient_ids: set[uuid.UUID]) -> dict[uuid.UUID, Owner]:
    """Account, message and campaign of each recipient, in one query."""
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(OWNERS, [list(recipient_ids)])
        return {row[0]: (row[1], row[2], row[3]) for row in cursor}


def _event(hit: Hit, owner: Owner) -> NewEvent:
    account_id, message_id, campaign_id = owner
    data: dict[str, Any] = {"ip": hit.ip, "user_agent": hit.user_agent}
    if hit.kind == "click":
        data.update(url=hit.url, link=hit.link_index)
    return NewEvent(
        id=hit.id,
        account_id=account_id,
        message_id=message_id,
        recipient_id=hit.recipient_id,
        campaign_id=campaign_id,
        type=EventType.CLICKED if hit.kind == "click" else EventType.OPENED,
        at=hit.at,
        data=data,
    )


def forget_firsts(now: datetime) -> int:
    """Remove the first opens and clicks of mail whose messages and events are past their time."""
    floors = [
        retention.floor(name, now) for name in ("transactional_message", "transactional_event")
    ]
    kept = [one for one in floors if one is not None]
    if len(kept) < len(floors):
        return 0
    return retention.in_batches(FIRSTS, [uuid7_floor(min(kept))])
