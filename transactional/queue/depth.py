"""How much mail waits: counted for pages and metrics, within bounds and along an index.

What nobody holds is counted in `queue_fair`, stream by stream; what a worker holds (`queue_leased`)
is never more than the workers' slots.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import OperationalError, connection, transaction

from transactional.models import Lane

STATES = ("due", "later", "parked", "under_way")


@dataclass(frozen=True, slots=True)
class Depth:
    """An account's share of the queue. `capped`: there are more than `rows`."""

    rows: int
    capped: bool
    oldest: datetime | None  # the due time of the one that waits longest; None: all are under way


@dataclass(frozen=True, slots=True)
class LaneCount:
    """A lane's rows by state, each counted to COUNTED; `oldest`: seconds for which the row that is
    due longest has been due, 0 where none is.
    """

    lane: int
    states: Mapping[str, int]
    oldest: float


@dataclass(frozen=True, slots=True)
class Counted:
    """The whole queue: by lane, and in all as PostgreSQL's statistics have it."""

    lanes: Sequence[LaneCount]
    estimate: int


DEPTH_CAP = 10_000  # rows counted for a page
DEPTH_TIME = "250ms"  # a page waits no longer for it, however many streams there are
COUNTED = 50_000  # rows of a lane that are looked at for metrics
STREAMS = 500  # of a lane, whose first rows are looked at for the oldest one

_DEPTH = """
SELECT sum(n), min(first) FROM (
    SELECT waiting.n, waiting.first
    FROM transactional_stream s CROSS JOIN unnest(%(lanes)s) AS lanes(lane)
    CROSS JOIN LATERAL (
        SELECT count(*) AS n, min(due_at) AS first FROM (
            SELECT due_at FROM transactional_queuerow q
            WHERE q.lease IS NULL AND q.lane = lanes.lane AND q.stream_id = s.id
            ORDER BY q.due_at LIMIT %(cap)s
        ) AS head
    ) AS waiting
    WHERE s.account_id = %(account)s
    UNION ALL
    SELECT count(*), NULL FROM transactional_queuerow
    WHERE lease IS NOT NULL AND account_id = %(account)s
) AS parts
"""
_LANES = """
SELECT lanes.lane,
    count(q.lane) FILTER (WHERE q.parked IS NULL AND q.due_at <= now()),
    count(q.lane) FILTER (WHERE q.parked IS NULL AND q.due_at > now()),
    count(q.lane) FILTER (WHERE q.parked IS NOT NULL),
    (SELECT count(*) FROM transactional_queuerow h WHERE h.lease IS NOT NULL AND h.lane = lanes.lane)
FROM unnest(%(lanes)s) AS lanes(lane) LEFT JOIN LATERAL (
    SELECT lane, due_at, parked FROM transactional_queuerow w
    WHERE w.lease IS NULL AND w.lane = lanes.lane ORDER BY w.stream_id, w.due_at LIMIT %(counted)s
) AS q ON true
GROUP BY 1 ORDER BY 1
"""
# From stream to stream, as a claim walks
_OLDEST = """
WITH RECURSIVE seen AS (
    (SELECT stream_id, due_at, 1 AS visit FROM transactional_queuerow
     WHERE lease IS NULL AND lane = %(lane)s ORDER BY stream_id, due_at LIMIT 1)
    UNION ALL
    SELECT following.stream_id, following.due_at, s.visit + 1 FROM seen s CROSS JOIN LATERAL (
        SELECT q.stream_id, q.due_at FROM transactional_queuerow q
        WHERE q.lease IS NULL AND q.lane = %(lane)s AND q.stream_id > s.stream_id
        ORDER BY q.stream_id, q.due_at LIMIT 1
    ) AS following
    WHERE s.visit < %(streams)s
)
SELECT coalesce(greatest(extract(epoch FROM now() - min(due_at)), 0), 0) FROM seen
"""
# Before its first ANALYZE a table has no rows in the planner's eyes, and -1 is no number of rows
_ESTIMATE = (
    "SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'transactional_queuerow'::regclass"
)


def depth(account_id: int) -> Depth | None:
    """How much of an account's mail waits; None if the answer would take too long."""
    values: dict[str, Any] = {
        "account": account_id,
        "cap": DEPTH_CAP + 1,
        "lanes": list(Lane.values),
    }
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{DEPTH_TIME}'")
            cursor.execute(_DEPTH, values)
            rows, oldest = cursor.fetchone()
            # In a transaction of the caller's, the limit would outlive this one
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    except OperationalError:
        return None
    found = int(rows or 0)
    return Depth(min(found, DEPTH_CAP), found > DEPTH_CAP, oldest)


def counted() -> Counted:
    """The whole queue, for operators; five questions, each of them bounded."""
    values: dict[str, Any] = {"lanes": list(Lane.values), "counted": COUNTED}
    lanes = []
    with connection.cursor() as cursor:
        cursor.execute(_LANES, values)
        rows = cursor.fetchall()
        for lane, *states in rows:
            cursor.execute(_OLDEST, {"lane": lane, "streams": STREAMS})
            oldest = float(cursor.fetchone()[0])
            lanes.append(LaneCount(lane, dict(zip(STATES, states, strict=True)), oldest))
        cursor.execute(_ESTIMATE)
        return Counted(lanes, int(cursor.fetchone()[0]))
