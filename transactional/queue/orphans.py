"""Rows that a dead worker still holds, looked for by what it left behind: a recipient and the lease it had it under, or
whose its leases are: of each lease the first half is its engine's.
"""

import secrets
import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from config.bulk import as_json
from transactional import retry
from transactional.queue.rows import Job

_HELD = """
SELECT q.lease, q.id, q.message_id, q.account_id, q.stream_id, q.lane, q.domain, q.attempt,
       q.deliver_by, q.resent, q.crashes, q.parked, r.address, m.campaign_id, m.version_id,
       m.from_domain, m.message_id, m.created_at, m.kind, NULL::bytea, NULL::bytea,
       r.source_id, r.status, now(),
       CASE WHEN q.resent THEN (
           SELECT count(*) FROM transactional_event e
           WHERE e.message_id = q.message_id AND e.recipient_id = q.id AND (
               e.type = 'uncertain'
               OR e.type = 'held' AND e.data->>'because' = ANY(%(holding)s::text[])
           )
       ) ELSE 0 END
FROM json_to_recordset(%(held)s::json) AS held(id uuid, lease uuid)
JOIN transactional_queuerow q ON q.id = held.id AND q.lease = held.lease
JOIN transactional_recipient r ON r.id = q.id
JOIN transactional_message m ON m.id = q.message_id
"""

# What the sweeper said of a dead worker's row, since that worker began with it
_DOUBTED = """
SELECT count(DISTINCT r.id)
FROM json_to_recordset(%(held)s::json) AS held(id uuid, since timestamptz)
JOIN transactional_recipient r ON r.id = held.id
JOIN transactional_event e ON e.message_id = r.message_id AND e.recipient_id = r.id
WHERE e.type IN ('uncertain', 'held') AND e.at >= held.since
"""

# What has no marker has sent no dot. Whatever statement of the dead is still under way finds its lease gone, and what it
# is writing at this moment keeps its lease until that ends
_GIVE_BACK = """
UPDATE transactional_queuerow
SET lease = NULL, lease_until = NULL, due_at = least(due_at, clock_timestamp())
WHERE id IN (
    SELECT id FROM transactional_queuerow
    WHERE lease IS NOT NULL AND dot_at IS NULL AND lease BETWEEN %(first)s AND %(last)s
    FOR UPDATE SKIP LOCKED
)
"""

HOLDER = 8  # octets of a lease that say whose it is
_WHICH = 16 - HOLDER

Held = tuple[uuid.UUID, uuid.UUID]  # a row, and the lease under which it was held


def new_holder() -> bytes:
    """What the leases of one engine begin with; no other's ever do."""
    return secrets.token_bytes(HOLDER)


def new_lease(holder: bytes) -> uuid.UUID:
    """A token for one claim of this engine."""
    return uuid.UUID(bytes=holder + secrets.token_bytes(_WHICH))


async def give_back(connection: psycopg.AsyncConnection[Any], holder: bytes) -> int:
    """Let others have what a dead engine held and had sent no dot of, in its old place; how many rows.

    Only for an engine whose process is known to have ended: what it holds it would send.
    """
    first, last = (uuid.UUID(bytes=holder + edge * _WHICH) for edge in (b"\0", b"\xff"))
    done = await connection.execute(_GIVE_BACK, {"first": first, "last": last})
    return done.rowcount


@dataclass(frozen=True, slots=True)
class Orphan:
    """A row that is still under a dead worker's lease, without its content. `doubts`: earlier copies that nobody answered for."""

    job: Job
    doubts: int


async def orphaned(
    connection: psycopg.AsyncConnection[Any], held: Collection[Held]
) -> list[Orphan]:
    """Those of these rows that nobody has taken since."""
    values = {
        "held": as_json([{"id": row, "lease": lease} for row, lease in held]),
        "holding": list(retry.HOLDING),
    }
    moment = time.monotonic()
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(_HELD, values)
        return [Orphan(Job(*(*row[:-1], moment)), row[-1]) for row in await cursor.fetchall()]


async def doubted(
    connection: psycopg.AsyncConnection[Any], since: Collection[tuple[uuid.UUID, datetime]]
) -> int:
    """How many of these recipients were called in doubt, each since a moment of its own."""
    held = as_json([{"id": row, "since": at} for row, at in since])
    cursor = await connection.execute(_DOUBTED, {"held": held})
    found = await cursor.fetchone()
    return int(found[0]) if found else 0
