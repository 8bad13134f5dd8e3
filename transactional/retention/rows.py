"""Rows that go one by one, in batches that lock little and never for long."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from config.ids import uuid7_floor
from transactional.models import BroadcastState, partitions
from transactional.retention import bounds, folds

BATCH = 2000
SECONDS = 10.0  # of one kind, in one run

# Of a default partition, which is no month: rows that came while their own was lacking
_DEFAULT = """
DELETE FROM "{table}_default" WHERE id IN (
    SELECT id FROM "{table}_default" WHERE id < %s AND {free} ORDER BY id LIMIT %s
)
"""
_SESSIONS = """
DELETE FROM django_session WHERE session_key IN (
    SELECT session_key FROM django_session WHERE expire_date < %s ORDER BY expire_date LIMIT %s
)
"""
# Who a finished send was for: how many there were of each outcome is kept with the send
_COUNTED = """
UPDATE transactional_broadcast b SET outcome = (
    SELECT coalesce(jsonb_object_agg(state, n), '{}') FROM (
        SELECT state, count(*) AS n FROM transactional_broadcastrow r
        WHERE r.broadcast_id = b.id GROUP BY state
    ) AS counted
)
WHERE b.state = ANY(%s) AND b.finished_at < %s AND b.outcome IS NULL
"""
_ROWS = """
DELETE FROM transactional_broadcastrow WHERE id IN (
    SELECT r.id FROM transactional_broadcast b
    JOIN transactional_broadcastrow r ON r.broadcast_id = b.id
    WHERE b.outcome IS NOT NULL AND b.finished_at < %s LIMIT %s
)
"""


def in_batches(statement: str, values: Sequence[Any], *, seconds: float = SECONDS) -> int:
    """Run a DELETE whose last value is its limit until it finds no more, or its time is up.

    Each batch is a transaction of its own; returns how many rows went.
    """
    until, gone = time.monotonic() + seconds, 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(statement, [*values, BATCH])
            gone += int(cursor.rowcount)
            if cursor.rowcount < BATCH or time.monotonic() > until:
                return gone


def of_default_partitions(now: datetime) -> int:
    """Rows of default partitions that are past their time, and that nothing needs."""
    gone, queued = 0, bounds.oldest_queued()
    for table in partitions.TABLES:
        until = bounds.floor(table, now)
        if until is None:
            continue
        values: list[Any] = [uuid7_floor(min(until, queued) if queued else until)]
        free = "true"
        if table == "transactional_event":
            read = folds.cursors()
            free = " AND ".join(["(xid, id) <= (%s, %s)"] * len(read)) or "true"
            values += [value for one in read for value in (one.xid, one.event_id)]
        gone += in_batches(_DEFAULT.format(table=table, free=free), values)
    return gone


def of_sessions(now: datetime) -> int:
    """Browser sessions that have ended."""
    return in_batches(_SESSIONS, [now])


def of_sends(now: datetime) -> int:
    """Rows of finished sends, once their messages are past their time; their counts stay."""
    until = bounds.floor("transactional_message", now)
    if until is None:
        return 0
    with connection.cursor() as cursor:
        ended = [str(BroadcastState.DONE), str(BroadcastState.CANCELLED)]
        cursor.execute(_COUNTED, [ended, until])
    return in_batches(_ROWS, [until])
