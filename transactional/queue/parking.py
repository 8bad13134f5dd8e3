"""Rows that may not leave yet go back to the queue, due when there should be room for them.

What a saturated or closed site has waiting is moved in one go, so that no claim reads it again and
again; a parked row has had no try.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection as of_django

from config.bulk import as_json
from transactional.queue.rows import Job

FORWARD = 20_000  # rows that one statement brings forward
SCAN = 10_000  # due rows of a stream that one statement looks through
REASON = 120  # characters kept of why a row was parked

# A row is not parked beyond its deadline. It comes back halfway there, while another way may still be
# taken; where nothing can be done any more, at the deadline, to be told what it waited for
_WITHIN = """CASE WHEN {due} < q.deliver_by THEN {due}
    WHEN q.deliver_by > clock_timestamp() + interval '10 s' THEN clock_timestamp() + (q.deliver_by - clock_timestamp()) / 2
    ELSE greatest(q.deliver_by, clock_timestamp()) END"""
_PARK = f"""
UPDATE transactional_queuerow q
SET lease = NULL, lease_until = NULL, parked = p.why,
    deliver_by = q.deliver_by + make_interval(secs => p.more), ends = q.ends + p.more,
    due_at = CASE WHEN p.more > 0 THEN clock_timestamp() + make_interval(secs => p.wait)
        ELSE {_WITHIN.format(due="(clock_timestamp() + make_interval(secs => p.wait))")} END
FROM json_to_recordset(%(parked)s::json) AS p(id uuid, lease uuid, wait float8, why text, more float8)
WHERE q.id = p.id AND q.lease = p.lease AND q.dot_at IS NULL
"""  # noqa: S608 — our own constants
# Rows beyond the horizon come back somewhere in its second half, to see how things are then
_SPREAD = f"""
WITH head AS MATERIALIZED (
    SELECT id, domain, due_at FROM transactional_queuerow
    WHERE lease IS NULL AND lane = %(lane)s AND stream_id = %(stream)s AND due_at <= now()
    ORDER BY due_at LIMIT %(scan)s
), held AS MATERIALIZED (
    SELECT q.id, q.due_at FROM transactional_queuerow q JOIN head ON head.id = q.id
    WHERE head.domain = ANY(%(domains)s) AND q.lease IS NULL FOR UPDATE OF q SKIP LOCKED
), ranked AS (
    SELECT id, row_number() OVER (ORDER BY due_at) * %(spacing)s AS later FROM held
), placed AS MATERIALIZED (
    SELECT id, clock_timestamp() + make_interval(secs => %(wait)s + CASE
        WHEN later <= %(horizon)s THEN later ELSE %(horizon)s * (0.5 + 0.5 * random()) END) AS due
    FROM ranked
)
UPDATE transactional_queuerow q
SET parked = %(why)s, due_at = {_WITHIN.format(due="placed.due")}
FROM placed WHERE placed.id = q.id
"""  # noqa: S608 — our own constants
# What was parked for a place comes at the pace that the site turns out to take, the oldest first (ids are in order of
# time): when it was parked decides nothing. What comes that soon anyway is neither locked nor written
_NEARER = """
WITH head AS MATERIALIZED (
    SELECT id, parked, due_at FROM transactional_queuerow
    WHERE lease IS NULL AND lane = %(lane)s AND stream_id = %(stream)s AND due_at > clock_timestamp()
    ORDER BY due_at LIMIT %(scan)s
), ranked AS (
    SELECT head.id, head.due_at, w.why, w.spacing, w.most,
        row_number() OVER (PARTITION BY w.why ORDER BY head.id) AS place
    FROM head
    JOIN json_to_recordset(%(wanted)s::json) AS w(why text, spacing float8, most int) ON w.why = head.parked
), sooner AS MATERIALIZED (
    SELECT id, why, clock_timestamp() + make_interval(secs => place * spacing) AS due FROM ranked
    WHERE place <= most AND due_at > clock_timestamp() + make_interval(secs => place * spacing)
), held AS MATERIALIZED (
    SELECT q.id, sooner.due FROM transactional_queuerow q JOIN sooner ON sooner.id = q.id
    WHERE q.lease IS NULL AND q.parked = sooner.why FOR UPDATE OF q SKIP LOCKED
)
UPDATE transactional_queuerow q SET due_at = least(q.due_at, held.due) FROM held WHERE held.id = q.id
"""
# No row comes later than it would have. The table is read once from end to end: nobody waits for that
_FORWARD = """
WITH meant AS MATERIALIZED (
    SELECT id, lane, due_at FROM transactional_queuerow
    WHERE lease IS NULL AND parked = ANY(%(whys)s)
    ORDER BY lane, due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
), ranked AS (
    SELECT id, (row_number() OVER (ORDER BY lane, due_at) - 1) * %(spacing)s AS later FROM meant
)
UPDATE transactional_queuerow q
SET parked = %(why)s,
    due_at = least(q.due_at, clock_timestamp() + make_interval(secs => %(wait)s + ranked.later))
FROM ranked WHERE ranked.id = q.id AND q.lease IS NULL
"""


@dataclass(frozen=True, slots=True)
class Parked:
    """A leased row that goes back: due in `wait` seconds; `why` is a stable code with its site.

    `extends`: its deadline moves along, by as much.
    """

    job: Job
    wait: float
    why: str
    extends: bool = False


@dataclass(frozen=True, slots=True)
class Backlog:
    """The waiting rows of one stream to one site, and how they are to come: after `wait` seconds,
    one every `spacing` seconds, within `horizon` seconds.
    """

    lane: int
    stream_id: int
    domains: tuple[str, ...]
    wait: float
    spacing: float
    horizon: float
    why: str


@dataclass(frozen=True, slots=True)
class Nearer:
    """Rows that were parked for this: `most` of them come, one every `spacing` seconds, never later than before."""

    why: str
    spacing: float
    most: int


async def bring_nearer(
    connection: psycopg.AsyncConnection[Any], lane: int, stream_id: int, wanted: Sequence[Nearer]
) -> None:
    """Let the oldest of a stream's parked rows come sooner; the SCAN soonest of its rows are looked through."""
    values = {
        "lane": lane,
        "stream": stream_id,
        "scan": SCAN,
        "wanted": as_json(
            [{"why": one.why[:REASON], "spacing": one.spacing, "most": one.most} for one in wanted]
        ),
    }
    await connection.execute(_NEARER, values, prepare=True)


async def park(connection: psycopg.AsyncConnection[Any], rows: Sequence[Parked]) -> None:
    """Give leased rows back to the queue, each due at its time. A lost lease is left alone."""
    parked = [
        {
            "id": one.job.id, "lease": one.job.lease, "wait": one.wait, "why": one.why[:REASON],
            "more": one.wait if one.extends else 0.0,
        }
        for one in sorted(rows, key=lambda one: one.job.id)  # as all do: fewer meet crosswise
    ]  # fmt: skip
    await connection.execute(_PARK, {"parked": as_json(parked)}, prepare=True)


async def spread(connection: psycopg.AsyncConnection[Any], backlog: Backlog) -> int:
    """Move a backlog out of the claims' way; how many rows were moved, SCAN at most."""
    values = {
        "lane": backlog.lane,
        "stream": backlog.stream_id,
        "domains": list(backlog.domains),
        "wait": backlog.wait,
        "spacing": backlog.spacing,
        "horizon": backlog.horizon,
        "why": backlog.why[:REASON],
        "scan": SCAN,
    }
    done = await connection.execute(_SPREAD, values, prepare=True)
    return done.rowcount


def bring_forward(whys: Sequence[str], *, wait: float, spacing: float, why: str) -> int:
    """Let rows that wait for one of these come, the first in `wait` seconds and one every `spacing`
    seconds, urgent ones first. From then on they wait for `why`. How many, FORWARD at most.
    """
    values: dict[str, Any] = {
        "whys": list(whys),
        "wait": wait,
        "spacing": spacing,
        "why": why[:REASON],
        "most": FORWARD,
    }
    with of_django.cursor() as cursor:
        cursor.execute(_FORWARD, values)
        return int(cursor.rowcount)
