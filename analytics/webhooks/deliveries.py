"""SQL of the table that is the webhooks' queue: claimed under a lease, renewed, settled in batches.

A lease is a token and a due time: a worker that is killed leaves rows that become due again by
themselves, and one that wakes up after its lease settles nothing.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from analytics.webhooks import schedule
from config import post
from config.bulk import as_json
from config.steady import steady_seconds

HISTORY = 20  # tries that are kept of a delivery, the last ones
SEVERAL = 2  # events failed in a row after which the first that is taken hastens the rest
VISITS = 1000  # endpoints looked at by one claim

_TARGET = "e.id, e.url, e.secret, e.old_secret, e.old_secret_until, e.failures, e.probes"
_CURRENT = f"""
SELECT {_TARGET} FROM analytics_webhookendpoint e
WHERE e.id = ANY(%(ids)s) AND e.state = 'enabled' AND e.deleted_at IS NULL
"""  # noqa: S608 — our own constants
# Every endpoint that has something waiting and is posted to, with what its first one is due: one
# descent of the index each, whatever the table's size. `follows`: behind which one the next walk begins,
# since many may wait that are paused
_NOW = "least(now(), %(until)s)"  # nothing is due only because the clock was set forward
_WAITING = f"""
WITH RECURSIVE walk AS (
    (SELECT endpoint_id, due_at, 1 AS visit FROM analytics_webhookdelivery
     WHERE state = 'waiting' AND endpoint_id > %(after)s ORDER BY endpoint_id, due_at LIMIT 1)
    UNION ALL
    SELECT n.endpoint_id, n.due_at, w.visit + 1 FROM walk w CROSS JOIN LATERAL (
        SELECT endpoint_id, due_at FROM analytics_webhookdelivery
        WHERE state = 'waiting' AND endpoint_id > w.endpoint_id
        ORDER BY endpoint_id, due_at LIMIT 1
    ) n WHERE w.visit < %(visits)s
), found AS (
    SELECT {_TARGET} FROM walk JOIN analytics_webhookendpoint e ON e.id = walk.endpoint_id
    WHERE e.state = 'enabled' AND e.deleted_at IS NULL
      AND CASE WHEN e.failures >= {schedule.ENOUGH} THEN e.probe_at IS NULL OR e.probe_at <= {_NOW}
               ELSE walk.due_at <= {_NOW} END
)
SELECT now(), (SELECT CASE WHEN count(*) < %(visits)s THEN 0 ELSE max(endpoint_id) END FROM walk) AS follows,
    found.*
FROM (VALUES (1)) AS one(row) LEFT JOIN found ON true
"""  # noqa: S608 — as above
# A probe takes what is due first, or would be next; the row it takes tells whether it was due
_CLAIM = f"""
WITH wanted AS (
    SELECT * FROM unnest(%(endpoints)s::bigint[], %(limits)s::int[], %(probes)s::bool[])
        AS w(endpoint_id, most, probe)
), picked AS (
    SELECT head.id, head.due_at FROM wanted w CROSS JOIN LATERAL (
        SELECT d.id, d.due_at FROM analytics_webhookdelivery d
        WHERE d.endpoint_id = w.endpoint_id AND d.state = 'waiting'
          AND (d.due_at <= {_NOW} OR w.probe AND d.lease IS NULL)
        ORDER BY d.due_at LIMIT w.most FOR UPDATE SKIP LOCKED
    ) head
)
UPDATE analytics_webhookdelivery d
SET lease = %(lease)s, due_at = clock_timestamp() + make_interval(secs => %(seconds)s)
FROM picked WHERE d.id = picked.id
RETURNING d.id, d.account_id, d.endpoint_id, d.event_id, d.type, d.sample, d.tries, d.step,
          d.history, picked.due_at AS due_at, picked.due_at <= {_NOW} AS was_due,
          extract(epoch FROM picked.due_at - now())::float8 AS due_in
"""  # noqa: S608 — as above
_RENEW = """
UPDATE analytics_webhookdelivery
SET due_at = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE id = ANY(%(ids)s) AND lease = %(lease)s AND state = 'waiting' RETURNING id
"""
_RELEASE = """
UPDATE analytics_webhookdelivery SET due_at = clock_timestamp(), lease = NULL
WHERE id = ANY(%(ids)s) AND lease = %(lease)s AND state = 'waiting'
"""
_SETTLE = """
UPDATE analytics_webhookdelivery d
SET state = o.state, tries = o.tries, step = o.step,
    due_at = coalesce(clock_timestamp() + make_interval(secs => o.due_in), d.due_at),
    lease = NULL, tried_at = o.tried_at, status = o.status, outcome = o.outcome,
    milliseconds = o.milliseconds, history = o.history
FROM json_to_recordset(%(settled)s::json) AS o(id uuid, state text, tries int, step int,
    due_in float8, tried_at timestamptz, status int, outcome text, milliseconds int, history jsonb)
WHERE d.id = o.id AND d.lease = %(lease)s
RETURNING d.id
"""
_FAILED = "clock_timestamp() - make_interval(secs => o.failed_for)"
_PROBE = "clock_timestamp() + make_interval(secs => o.probe_in)"
# `failed`: after the last that was taken, if one was; a new outage begins with the first of them
_ENDPOINTS = f"""
UPDATE analytics_webhookendpoint e
SET failures = CASE WHEN o.took THEN 0 ELSE e.failures END + o.new,
    failing_since = CASE WHEN o.failed = 0 THEN CASE WHEN o.took THEN NULL ELSE e.failing_since END
        WHEN o.took THEN {_FAILED} ELSE coalesce(e.failing_since, {_FAILED}) END,
    probes = CASE WHEN o.failed > 0
        AND CASE WHEN o.took THEN 0 ELSE e.failures END + o.new >= {schedule.ENOUGH}
        THEN CASE WHEN o.took THEN 0 ELSE e.probes END + 1 ELSE 0 END,
    probe_at = CASE WHEN o.failed > 0 THEN {_PROBE} WHEN o.took THEN NULL ELSE e.probe_at END,
    last_ok_at = coalesce(o.ok_at, e.last_ok_at),
    last_failed_at = coalesce(o.failed_at, e.last_failed_at),
    last_status = o.status, last_outcome = o.outcome, delivered = e.delivered + o.delivered,
    state = CASE WHEN o.gone AND e.state = 'enabled' THEN 'gone' ELSE e.state END,
    stopped_at = CASE WHEN o.gone AND e.state = 'enabled' THEN o.failed_at ELSE e.stopped_at END,
    told_at = CASE WHEN o.gone AND e.state = 'enabled' THEN NULL ELSE e.told_at END
FROM json_to_recordset(%(endpoints)s::json) AS o(id bigint, took bool, failed int, new int,
    ok_at timestamptz, failed_at timestamptz, failed_for float8, probe_in float8, status int, outcome text,
    delivered int, gone bool)
WHERE e.id = o.id
"""  # noqa: S608 — as above
# It takes again: what waited for its next try need not wait longer
_HASTEN = """
UPDATE analytics_webhookdelivery SET due_at = now()
WHERE endpoint_id = ANY(%(ids)s) AND state = 'waiting' AND lease IS NULL AND due_at > now()
"""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """An endpoint that has something due, as the engine needs it; secrets still sealed."""

    id: int
    url: str
    secret: bytes
    old_secret: bytes
    old_secret_until: datetime | None
    failures: int
    probes: int

    @property
    def probing(self) -> bool:
        """Whether it fails, and gets one probe now."""
        return schedule.is_open(self.failures)


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A delivery that this process has leased. `was_due`: a probe may take one before its time.

    `due_in`: seconds from the claim until it was due. What is written of it counts seconds from when it
    is written: whatever is set meanwhile, and whatever this machine's clock says.
    """

    id: uuid.UUID
    account_id: int
    endpoint_id: int
    event_id: uuid.UUID
    type: str
    sample: bool
    tries: int
    step: int
    history: list[dict[str, Any]] | None
    due_at: datetime
    was_due: bool
    due_in: float = 0.0
    claimed: float = field(default_factory=steady_seconds)


@dataclass(frozen=True, slots=True)
class Tried:
    """How one try went."""

    job: Job
    outcome: str  # of `config/post.py`, or `lost`, `sealed`
    status: int
    wait: int
    at: datetime
    milliseconds: int
    ended: float = field(default_factory=steady_seconds)

    @property
    def ago(self) -> float:
        """Seconds since it began."""
        return steady_seconds() - self.ended + self.milliseconds / 1000

    @property
    def took(self) -> bool:
        """Whether the endpoint has it."""
        return self.outcome == post.OK


LOST = "lost"  # the event is not kept any more
SEALED = "sealed"  # its secret cannot be read: the key ring lacks the key


@dataclass(frozen=True, slots=True)
class Walk:
    """What a look found; `follows`: behind which one to look the next time, 0: from the first. `at`: the
    database's time.
    """

    found: list[Target]
    follows: int
    at: datetime


async def targets(
    connection: psycopg.AsyncConnection[Any],
    *,
    after: int = 0,
    visits: int = VISITS,
    until: datetime | None = None,
) -> Walk:
    """Endpoints that have something due now, and not only after `until`, or whose next probe is: of
    the next `visits` behind `after`, an id.
    """
    values = {"after": after, "visits": visits, "until": until}
    rows = await (await connection.execute(_WAITING, values)).fetchall()
    found = [Target(*row[2:]) for row in rows if row[2] is not None]
    return Walk(found, follows=int(rows[0][1]), at=rows[0][0])


async def current(
    connection: psycopg.AsyncConnection[Any], ids: Sequence[int]
) -> dict[int, Target]:
    """Those of the endpoints that are still posted to, as they are now."""
    async with connection.cursor(row_factory=class_row(Target)) as cursor:
        await cursor.execute(_CURRENT, {"ids": list(ids)})
        return {one.id: one for one in await cursor.fetchall()}


async def claim(
    connection: psycopg.AsyncConnection[Any],
    wanted: Sequence[tuple[Target, int]],
    *,
    lease: uuid.UUID,
    seconds: float,
    until: datetime | None = None,
) -> list[Job]:
    """Lease due rows of endpoints, at most so many of each, the longest due first. `until`: none that
    only became due after it.
    """
    values = {
        "endpoints": [target.id for target, _ in wanted],
        "limits": [most for _, most in wanted],
        "probes": [target.probing for target, _ in wanted],
        "lease": lease,
        "seconds": seconds,
        "until": until,
    }
    async with connection.cursor(row_factory=class_row(Job)) as cursor:
        await cursor.execute(_CLAIM, values)
        return sorted(await cursor.fetchall(), key=lambda job: (job.due_at, job.id))


async def renew(
    connection: psycopg.AsyncConnection[Any],
    jobs: Sequence[Job],
    *,
    lease: uuid.UUID,
    seconds: float,
) -> set[uuid.UUID]:
    """Keep leases; returns those that still hold."""
    values = {"ids": [job.id for job in jobs], "lease": lease, "seconds": seconds}
    return {row[0] for row in await (await connection.execute(_RENEW, values)).fetchall()}


async def release(
    connection: psycopg.AsyncConnection[Any], jobs: Sequence[Job], *, lease: uuid.UUID
) -> None:
    """Give back what was not tried."""
    await connection.execute(_RELEASE, {"ids": [job.id for job in jobs], "lease": lease})


async def settle(
    connection: psycopg.AsyncConnection[Any],
    tries: Sequence[Tried],
    *,
    lease: uuid.UUID,
    scale: float,
    targets: Mapping[int, Target],
) -> int:
    """Write how tries went, and what that says of their endpoints, in one transaction; how many.

    `targets`: the endpoints as they were claimed for. Tries whose lease is lost change nothing.
    """
    rows = {one.job.id: _row(one, scale) for one in tries}
    async with connection.transaction():
        values = {"settled": as_json(list(rows.values())), "lease": lease}
        held = {r[0] for r in await (await connection.execute(_SETTLE, values)).fetchall()}
        kept = [one for one in tries if one.job.id in held]
        about = _endpoints(kept, scale, targets)
        if about:
            await connection.execute(_ENDPOINTS, {"endpoints": as_json(about)})
        back = [row["id"] for row in about if row["took"] and _was_down(targets.get(row["id"]))]
        if back:
            await connection.execute(_HASTEN, {"ids": back})
    return len(kept)


def _row(one: Tried, scale: float) -> dict[str, Any]:
    job = one.job
    due_in, state, step = None, "delivered", job.step
    if not one.took:
        # A probe before its time is no try of the schedule: it may be taken again and again
        due_in, state = job.due_in - (steady_seconds() - job.claimed), "waiting"
        if job.was_due:
            due = schedule.due(job.step, one.at, asked=one.wait, scale=scale)
            due_in = None if due is None else (due - one.at).total_seconds() - one.ago
            step = job.step + 1
        if due_in is None or one.outcome == LOST:
            due_in, state = None, "dead"
    history = job.history
    if not one.took:
        said = {"at": one.at, "outcome": one.outcome, "status": one.status, "ms": one.milliseconds}
        history = [*(history or ()), said][-HISTORY:]
    return {
        "id": job.id,
        "state": state,
        "tries": min(job.tries + 1, 32767),
        "step": step,
        "due_in": due_in,
        "tried_at": one.at,
        "status": one.status,
        "outcome": one.outcome,
        "milliseconds": one.milliseconds,
        "history": history,
    }


@dataclass(slots=True)
class _About:
    """What a batch of tries says of one endpoint."""

    took: bool = False
    failed: int = 0
    new: int = 0
    delivered: int = 0
    gone: bool = False
    wait: int = 0
    ok_at: datetime | None = None
    failed_at: datetime | None = None
    failed_for: float = 0.0
    last: Tried = field(init=False)


def _endpoints(
    tries: Sequence[Tried], scale: float, targets: Mapping[int, Target]
) -> list[dict[str, Any]]:
    found: dict[int, _About] = {}
    for one in tries:
        if one.outcome == LOST:
            continue  # says nothing of the endpoint
        about = found.setdefault(one.job.endpoint_id, _About())
        about.last = one
        if one.took:
            about.took, about.failed, about.new = True, 0, 0
            about.delivered += 1
            about.ok_at = one.at
            continue
        about.failed += 1
        about.new += one.job.step == 0 and one.job.was_due
        about.failed_at, about.failed_for, about.wait = one.at, one.ago, one.wait
        about.gone = about.gone or one.status == 410
    return [_told(key, found[key], scale, targets.get(key)) for key in sorted(found)]


def _was_down(target: Target | None) -> bool:
    """Whether several events had failed in a row: one alone may be what it cannot take."""
    return target is not None and target.failures >= SEVERAL


def _told(key: int, about: _About, scale: float, target: Target | None) -> dict[str, Any]:
    probe_in = failed_for = None
    if about.failed and about.failed_at is not None:
        before = target.probes if target is not None and not about.took else 0
        seconds = schedule.probe_wait(before, scale=scale)
        asked = min(about.wait, schedule.ASKED_MOST) * scale
        failed_for = about.failed_for
        probe_in = max(seconds, asked) - failed_for
    return {
        "id": key,
        "took": about.took,
        "failed": about.failed,
        "new": about.new,
        "ok_at": about.ok_at,
        "failed_at": about.failed_at,
        "failed_for": failed_for,
        "probe_in": probe_in,
        "status": about.last.status,
        "outcome": about.last.outcome,
        "delivered": about.delivered,
        "gone": about.gone,
    }
