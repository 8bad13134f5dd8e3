"""The queue: every statement that touches its table, and the wake-ups that hasten a claim.

A row is leased by a claim's token for LEASE seconds and renewed by the worker's heartbeat. All
writes name the token, so a worker whose lease ran out changes nothing: no row, no dot.
"""

import logging
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import psycopg
from celery import current_app
from django.conf import settings
from django.db import OperationalError, connection, transaction
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from config.bulk import Table
from transactional.models import Lane

logger = logging.getLogger(__name__)

TABLE = Table(
    "transactional_queuerow",
    (
        ("id", "uuid"),
        ("message_id", "uuid"),
        ("account_id", "bigint"),
        ("stream_id", "bigint"),
        ("lane", "int2"),
        ("domain", "varchar"),
        ("attempt", "int2"),
        ("due_at", "timestamptz"),
        ("deliver_by", "timestamptz"),
        ("resent", "bool"),
    ),
)

# Each lane in its order, the more urgent first; a lane is only looked at while there is room
_LANE = """
SELECT * FROM (
    SELECT id FROM transactional_queuerow
    WHERE lease IS NULL AND lane = {lane} AND due_at <= now()
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) AS lane_{lane}
"""
_CLAIM = """
WITH picked AS (
    SELECT id FROM ({lanes}) AS due LIMIT %(limit)s
), claimed AS (
    UPDATE transactional_queuerow q
    SET lease = %(lease)s, lease_until = now() + make_interval(secs => %(seconds)s)
    FROM picked WHERE q.id = picked.id
    RETURNING q.id, q.message_id, q.account_id, q.stream_id, q.domain, q.attempt, q.deliver_by,
              q.resent
)
SELECT c.id, c.message_id, c.account_id, c.stream_id, c.domain, c.attempt, c.deliver_by, c.resent,
       r.address, m.campaign_id, m.version_id, m.from_domain, m.message_id AS header_id,
       m.created_at, m.kind, b.raw, b.context
FROM claimed c
JOIN transactional_recipient r ON r.id = c.id
JOIN transactional_message m ON m.id = c.message_id
JOIN transactional_body b ON b.id = c.message_id
"""

# The three writes of a flush (see `lifecycle`), over rows named `marks` and `u`.
# The fence before a final dot: only a live lease may mark, only its holder may finish
MARK = """
UPDATE transactional_queuerow q SET dot_at = now()
FROM json_to_recordset(%(marks)s::json) AS marks(id uuid, lease uuid)
WHERE q.id = marks.id AND q.lease = marks.lease AND q.lease_until > now()
RETURNING q.id
"""

FINISH = """
DELETE FROM transactional_queuerow q USING u
WHERE q.id = u.id AND q.lease = u.lease AND u.due IS NULL
RETURNING q.id
"""

RESCHEDULE = """
UPDATE transactional_queuerow q
SET lease = NULL, lease_until = NULL, dot_at = NULL, due_at = u.due, attempt = u.attempts,
    resent = q.resent OR u.resent
FROM u WHERE q.id = u.id AND q.lease = u.lease AND u.due IS NOT NULL
RETURNING q.id
"""

RENEW = """
UPDATE transactional_queuerow SET lease_until = now() + make_interval(secs => %(seconds)s)
WHERE id = ANY(%(ids)s) AND lease = ANY(%(leases)s) AND lease_until > now()
"""

# A worker that stops gives back what it has not begun
RELEASE = """
UPDATE transactional_queuerow SET lease = NULL, lease_until = NULL
WHERE id = ANY(%(ids)s) AND lease = ANY(%(leases)s) AND dot_at IS NULL
"""

SWEEP = """
SELECT q.id, q.message_id, q.account_id, q.dot_at, s.uncertain_policy, m.campaign_id
FROM transactional_queuerow q
JOIN transactional_stream s ON s.id = q.stream_id
JOIN transactional_message m ON m.id = q.message_id
WHERE q.lease IS NOT NULL AND q.lease_until < now()
ORDER BY q.lease_until LIMIT %(limit)s FOR UPDATE OF q SKIP LOCKED
"""

FREE = """
UPDATE transactional_queuerow
SET lease = NULL, lease_until = NULL, dot_at = NULL, due_at = now(), resent = resent OR %(resent)s
WHERE id = ANY(%(ids)s)
"""

DROP = "DELETE FROM transactional_queuerow WHERE id = ANY(%(ids)s)"


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A claimed recipient with all that is needed to build and send its copy.

    Each claim's job is one of its own, whatever it holds: told apart by identity, which is cheap.
    """

    lease: uuid.UUID
    id: uuid.UUID
    message_id: uuid.UUID
    account_id: int
    stream_id: int
    domain: str
    attempt: int
    deliver_by: datetime
    resent: bool
    address: str
    campaign_id: int | None
    version_id: int | None
    from_domain: str
    header_id: str
    created_at: datetime
    kind: str
    raw: bytes | None
    context: bytes | None


@cache
def _claim_text(lanes: tuple[int, ...]) -> str:
    return _CLAIM.format(lanes=" UNION ALL ".join(_LANE.format(lane=int(lane)) for lane in lanes))


async def claim(
    connection: psycopg.AsyncConnection[Any], *, lanes: Sequence[int], limit: int
) -> list[Job]:
    """Lease up to `limit` due rows, lane by lane, oldest first. May be called concurrently.

    `connection` must be in autocommit: the claim is one statement and one transaction.
    """
    lease = uuid.uuid4()
    values = {"limit": limit, "lease": lease, "seconds": float(settings.LEASE_SECONDS)}
    async with connection.cursor(binary=True) as cursor:
        text = _claim_text(tuple(lanes))
        await cursor.execute(text, values, prepare=True)
        return [Job(lease, *row) for row in await cursor.fetchall()]


def row(
    *,
    recipient_id: uuid.UUID,
    message_id: uuid.UUID,
    account_id: int,
    stream_id: int,
    lane: int,
    domain: str,
    due_at: datetime,
    deliver_by: datetime,
) -> tuple[Any, ...]:
    """A new queue row in the order of TABLE's columns."""
    return (
        recipient_id,
        message_id,
        account_id,
        stream_id,
        lane,
        domain,
        0,
        due_at,
        deliver_by,
        False,
    )


class Waker:
    """Sends wake-ups from one background thread: many calls, one task; never blocks or raises.

    A lost wake-up costs a second, since idle workers look at the table themselves; while mail
    flows they look so often that a wake-up tells them little, and each costs a task.
    """

    PAUSE = 0.1  # seconds in which further wake-ups of a lane are one
    LONGEST_PAUSE = 0.8  # the same while they keep coming; a worker that had mail looks longer
    BROKEN_PAUSE = 1.0  # seconds before a broker that failed is tried again

    def __init__(self) -> None:
        self._pending: set[str] = set()
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self.failures = 0

    def wake(self, lanes: Sequence[int]) -> None:
        """Ask the workers of these lanes to look at the table now."""
        names = {
            "transactional.drain_urgent" if lane == Lane.URGENT else "transactional.drain"
            for lane in lanes
        }
        with self._condition:
            self._pending |= names
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
                self._thread.start()
            self._condition.notify()

    def _run(self) -> None:
        pause = self.PAUSE
        while True:
            with self._condition:
                flowing = bool(self._pending)
                while not self._pending:
                    self._condition.wait()
                names, self._pending = self._pending, set()
            pause = min(2 * pause, self.LONGEST_PAUSE) if flowing else self.PAUSE
            for name in names:
                try:
                    current_app.send_task(name, retry=False, expires=5)
                except (KombuError, RedisError, OSError) as err:
                    self.failures += 1
                    pause = self.BROKEN_PAUSE
                    logger.warning("wake-up not sent: %s", err)
            threading.Event().wait(pause)


_waker = Waker()


def wake(lanes: Sequence[int]) -> None:
    """Coalesced wake-up of the delivery workers; call it after the commit."""
    _waker.wake(lanes)


@dataclass(frozen=True, slots=True)
class Depth:
    """An account's share of the queue. `capped`: there are more than `rows`."""

    rows: int
    capped: bool
    oldest: datetime | None  # the due time of the one that waits longest, of those counted


DEPTH_CAP = 10_000  # rows counted for a page
DEPTH_TIME = "250ms"  # a page waits no longer for it, however long the queue is

_DEPTH = """
SELECT count(*), min(due_at) FROM (
    SELECT due_at FROM transactional_queuerow WHERE account_id = %s LIMIT %s
) AS own
"""


def depth(account_id: int) -> Depth | None:
    """How much of an account's mail waits; None if the answer would take too long."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{DEPTH_TIME}'")
            cursor.execute(_DEPTH, [account_id, DEPTH_CAP + 1])
            rows, oldest = cursor.fetchone()
            # In a transaction of the caller's, the limit would outlive this one
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    except OperationalError:
        return None
    return Depth(min(rows, DEPTH_CAP), rows > DEPTH_CAP, oldest)
