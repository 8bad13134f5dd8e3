"""From the event log to deliveries: each event once to each endpoint that wants it, and replays.

The log is the outbox, read behind the oldest transaction still running as the roll-up does
(`analytics/rollup.py`), so what commits late is neither missed nor counted out of order. Nothing is
written where mail is sent, and the log is not even read while nobody has an endpoint.
"""

import uuid
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection as django_connection

CURSOR = "webhooks"
BATCH = 2000  # events per transaction
BEGINNING = uuid.UUID(int=0)

# The delivery's id follows from event and endpoint, and has the event's moment: it is pruned by age
ID_OF = """
(left(b.id::text, 13) || '-7' || left(h.hex, 3) || '-8' || substr(h.hex, 4, 3) || '-'
 || substr(h.hex, 7, 12))::uuid"""
_HASH = "CROSS JOIN LATERAL (SELECT md5(b.id::text || w.id) AS hex) h"
# What an endpoint is told: of its account, the types it named, and the mail it named
_WANTED = """
    w.account_id = b.account_id AND w.deleted_at IS NULL
    AND (w.types = '[]'::jsonb OR jsonb_exists(w.types, b.type))
    AND (w.stream_id IS NULL AND w.domain = '' AND w.credential = '' OR EXISTS (
        SELECT 1 FROM transactional_message m
        WHERE m.id = b.message_id AND (w.stream_id IS NULL OR m.stream_id = w.stream_id)
          AND (w.domain = '' OR m.from_domain = w.domain)
          AND (w.credential = '' OR m.credential = w.credential)))"""
_COLUMNS = (
    "id, account_id, endpoint_id, event_id, type, sample, state, tries, step, due_at, status,"
    " outcome, milliseconds"
)
_ROW = f"{ID_OF}, b.account_id, w.id, b.id, b.type, false, 'waiting', 0, 0, now(), 0, '', 0"

ANYBODY = """
SELECT min(since_xid) FROM analytics_webhookendpoint
WHERE deleted_at IS NULL AND state IN ('enabled', 'paused')
"""
REPLAYING = """
SELECT id FROM analytics_webhookendpoint
WHERE deleted_at IS NULL AND state IN ('enabled', 'paused') AND replay_from IS NOT NULL LIMIT 20
"""
_READY = """
INSERT INTO analytics_foldcursor (name, xid, event_id) VALUES (%(name)s, %(since)s - 1, %(event_id)s)
ON CONFLICT (name) DO NOTHING
"""
_TAKE = """
SELECT xid, event_id, xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
FROM analytics_foldcursor WHERE name = %(name)s FOR UPDATE SKIP LOCKED
"""
_ADVANCE = f"""
WITH batch AS MATERIALIZED (
    SELECT e.id, e.xid, e.account_id, e.message_id, e.type
    FROM transactional_event e
    WHERE (e.xid, e.id) > (%(xid)s, %(event_id)s)
      AND e.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    ORDER BY e.xid, e.id LIMIT %(limit)s
), written AS (
    INSERT INTO analytics_webhookdelivery ({_COLUMNS})
    SELECT {_ROW} FROM batch b JOIN analytics_webhookendpoint w
      ON {_WANTED} AND w.state IN ('enabled', 'paused') AND b.xid >= w.since_xid {_HASH}
    ON CONFLICT (id) DO NOTHING RETURNING 1
), last AS (
    SELECT xid, id, count(*) OVER () AS read FROM batch ORDER BY xid DESC, id DESC LIMIT 1
), moved AS (
    UPDATE analytics_foldcursor c SET xid = last.xid, event_id = last.id FROM last
    WHERE c.name = '{CURSOR}'
)
SELECT last.read, (SELECT count(*) FROM written) FROM last
"""  # noqa: S608 — our own constants
# A replay goes by the events' ids, which are their time: what commits later is the cursor's
_REPLAY = f"""
WITH w AS (
    SELECT * FROM analytics_webhookendpoint WHERE id = %(id)s FOR UPDATE SKIP LOCKED
), batch AS MATERIALIZED (
    SELECT e.id, e.account_id, e.message_id, e.type FROM transactional_event e
    WHERE e.id > (SELECT replay_from FROM w) AND e.id <= (SELECT replay_until FROM w)
    ORDER BY e.id LIMIT %(limit)s
), written AS (
    INSERT INTO analytics_webhookdelivery AS d ({_COLUMNS})
    SELECT {_ROW} FROM batch b JOIN w ON {_WANTED} {_HASH}
    ON CONFLICT (id) DO UPDATE SET state = 'waiting', step = 0, due_at = now(), lease = NULL
      WHERE d.state = 'dead' OR d.state = 'delivered' AND (SELECT replay_all FROM w)
    RETURNING 1
)
UPDATE analytics_webhookendpoint SET
    replay_from = CASE WHEN (SELECT count(*) FROM batch) < %(limit)s THEN NULL
                  ELSE (SELECT id FROM batch ORDER BY id DESC LIMIT 1) END
WHERE id = (SELECT id FROM w)
RETURNING (SELECT count(*) FROM batch), (SELECT count(*) FROM written)
"""  # noqa: S608 — as above


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn did. `wanted`: somebody has an endpoint; `more`: the log goes on."""

    wanted: bool
    more: bool = False
    made: int = 0


async def advance(connection: psycopg.AsyncConnection[Any], *, limit: int = BATCH) -> Turn:
    """Write the deliveries of the next events, at most `limit`, in one transaction.

    One at a time: where another process does, this one leaves it alone. `connection` must be in
    autocommit.
    """
    since = (await (await connection.execute(ANYBODY)).fetchone() or (None,))[0]
    if since is None:
        return Turn(wanted=False)
    async with connection.transaction():
        values = {"name": CURSOR, "since": since, "event_id": BEGINNING}
        found = await (await connection.execute(_TAKE, values)).fetchone()
        if found is None:  # the first time; or another process has it
            await connection.execute(_READY, values)
            return Turn(wanted=True)
        xid, event_id, foreign = found
        if foreign:  # restored into another cluster, whose transactions count anew
            await connection.execute(_REBASE)
            return Turn(wanted=True, more=True)
        if xid < since - 1:  # nobody has wanted what lies between
            xid, event_id = since - 1, BEGINNING
        place = {"xid": xid, "event_id": event_id, "limit": limit}
        row = await (await connection.execute(_ADVANCE, place)).fetchone()
    if row is None:
        return Turn(wanted=True)
    return Turn(wanted=True, more=row[0] == limit, made=row[1])


_REBASE = f"""
WITH c AS (
    UPDATE analytics_foldcursor SET event_id = '{BEGINNING}',
        xid = pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1
    WHERE name = '{CURSOR}' RETURNING xid
)
UPDATE analytics_webhookendpoint SET since_xid = c.xid + 1 FROM c
WHERE since_xid > c.xid
"""  # noqa: S608 — as above


async def replay(connection: psycopg.AsyncConnection[Any], *, limit: int = BATCH) -> Turn:
    """Go on with the replays that were asked for, a batch each."""
    ids = [row[0] for row in await (await connection.execute(REPLAYING)).fetchall()]
    made, more = 0, False
    for endpoint_id in ids:
        row = await (
            await connection.execute(_REPLAY, {"id": endpoint_id, "limit": limit})
        ).fetchone()
        if row is not None:
            made, more = made + row[1], more or row[0] == limit
    return Turn(wanted=bool(ids), more=more, made=made)


def forget_place() -> None:
    """Where nobody wants events, none are read, and old ones need not wait to be dropped for us.

    The next endpoint begins with its own first event.
    """
    with django_connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM analytics_foldcursor WHERE name = %s AND ({ANYBODY}) IS NULL",  # noqa: S608 — a constant of ours
            [CURSOR],
        )
