"""The only place where the outcomes of tries are written: many at once, in one statement."""

import uuid
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from typing import Any

import psycopg

from config.bulk import Table, as_json
from domains import warmup
from transactional import events, queue, suppressions
from transactional.events import NewEvent
from transactional.lifecycle.outcomes import Attempt, Outcome
from transactional.lifecycle.transitions import EVENT_OF, FROM
from transactional.models import Status, SuppressionReason
from transactional.models.message import REPLY_LIMIT

# A transition that the table forbids leaves the row alone; `u` are the outcomes of a flush
_MOVE = """
UPDATE transactional_recipient r
SET status = u.status, status_at = u.at, attempts = u.attempts, reply = u.reply,
    source_id = coalesce(u.source, r.source_id)
FROM u JOIN kept USING (id, lease)
WHERE r.id = u.id AND strpos(u.olds, '|' || r.status || '|') > 0
RETURNING r.id, kept.lease
"""

ATTEMPTS = Table(
    "transactional_deliveryattempt",
    (
        ("id", "uuid"),
        ("message_id", "uuid"),
        ("recipient_id", "uuid"),
        ("account_id", "bigint"),
        ("number", "int2"),
        ("at", "timestamptz"),
        ("duration_ms", "int4"),
        ("source_address", "varchar"),
        ("host", "varchar"),
        ("address", "varchar"),
        ("tls", "varchar"),
        ("stage", "varchar"),
        ("code", "int2"),
        ("reply", "varchar"),
        ("transcript", "text"),
        ("decisions", "jsonb"),
    ),
)

# One statement, and so one trip and one transaction, for a whole batch. An outcome counts only if
# its lease still holds the queue row (`kept`), an event is told only if the status moved.
_OUTCOMES = """json_to_recordset(%(outcomes)s::json) AS o(
    id uuid, lease uuid, wait float8, attempts int, resent bool, status text, at timestamptz,
    reply text, source bigint, olds text)"""


def _under(kept: str, label: str) -> str:
    """What goes with those outcomes alone that counted, each told by its row and its lease."""
    return f" JOIN {kept} ON {kept}.id = {label}.recipient_id AND {kept}.lease = {label}.lease"


_FLUSH = f"""
WITH u AS MATERIALIZED (SELECT * FROM {_OUTCOMES}),
marked AS ({queue.MARK}),
finished AS ({queue.FINISH}),
later AS ({queue.RESCHEDULE}),
kept AS MATERIALIZED (SELECT id, lease FROM finished UNION ALL SELECT id, lease FROM later),
moved AS ({_MOVE}),
tries AS ({ATTEMPTS.insert("tried", _under("kept", "tried"), extra=", lease uuid")}),
told AS ({events.TABLE.insert("told", _under("moved", "told"), extra=", lease uuid")})
SELECT 1, id, lease FROM marked UNION ALL SELECT 2, id, lease FROM kept
UNION ALL SELECT 3, id, lease FROM moved
"""  # noqa: S608 — our own constants

Held = tuple[uuid.UUID, uuid.UUID]  # a row, and the lease under which it was held


async def flush(
    connection: psycopg.AsyncConnection[Any],
    *,
    marks: Sequence[queue.Job],
    outcomes: Sequence[Outcome],
    unmarks: Sequence[queue.Job] = (),
    beyond: Collection[queue.Job] = (),
) -> tuple[set[Held], set[Held]]:
    """Write final-dot markers and outcomes of many sessions in one transaction.

    Returns what was marked and whose outcome was taken; the rest had lost their lease, even where
    a newer job of the same row is among them. `unmarks`: no dot has left of them after all;
    `beyond`: those of `marks` whose dot is for a smarthost. `connection` must be in autocommit.
    """
    ended = {outcome.job for outcome in outcomes}
    dots = [(job, True) for job in marks] + [(job, False) for job in unmarks]
    tries = [_under_lease(ATTEMPTS, o, _attempt(o, one)) for o in outcomes for one in o.tries]
    told = [_under_lease(events.TABLE, o, events.row(_event(o))) for o in outcomes]
    values = {
        # one statement changes a row once: a job that has ended needs no marker
        "marks": as_json(
            [
                {"id": j.id, "lease": j.lease, "dot": dot, "beyond": dot and j in beyond}
                for j, dot in dots
                if j not in ended
            ]
        ),
        "outcomes": as_json([_move(outcome) for outcome in outcomes]),
        "tried": as_json(tries),
        "told": as_json(told),
    }
    hard = [outcome for outcome in outcomes if outcome.data.get("category") == "hard"]
    warming = [outcome for outcome in outcomes if outcome.warms_up_at]
    found: tuple[set[Held], set[Held], set[Held]] = (set(), set(), set())
    async with (
        connection.transaction() if hard or warming else nullcontext(),
        connection.cursor(binary=True) as cursor,
    ):
        await cursor.execute(_FLUSH, values, prepare=True)
        for what, recipient_id, lease in await cursor.fetchall():
            found[what - 1].add((recipient_id, lease))
        for outcome in hard:
            if outcome.job.held in found[2]:
                await cursor.execute(suppressions.ADD, _hard_bounce(outcome))
        results = [_warm_up(outcome) for outcome in warming if outcome.job.held in found[1]]
        if rows := warmup.report_rows(results):
            await cursor.execute(warmup.REPORT, {"report": as_json(rows)})
    return found[0], found[1]


def _under_lease(table: Table, outcome: Outcome, row: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(table.names, row, strict=True), lease=outcome.job.lease)


def _move(outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.job.id,
        "lease": outcome.job.lease,
        "wait": outcome.wait,
        "attempts": outcome.attempts,
        "resent": outcome.resent,
        "status": str(outcome.status),
        "at": outcome.at,
        "reply": outcome.reply[:REPLY_LIMIT],
        "source": outcome.source_id,
        "olds": FROM[outcome.status],
    }


def _warm_up(outcome: Outcome) -> warmup.Result:
    assert outcome.source_id is not None  # noqa: S101 — it left from an IP that warms up
    what = warmup.signal_of(outcome.status, outcome.data)
    day = warmup.today(outcome.at)
    return warmup.Result(outcome.source_id, outcome.warms_up_at, day, what)


def _hard_bounce(outcome: Outcome) -> dict[str, Any]:
    return suppressions.values(
        outcome.job.account_id,
        outcome.job.address,
        SuppressionReason.HARD_BOUNCE,
        evidence=outcome.reply[:REPLY_LIMIT],
        recipient_id=outcome.job.id,
    )


def _event(outcome: Outcome) -> NewEvent:
    data = {**outcome.data, "attempt": outcome.attempts}
    if outcome.reply and outcome.status != Status.SUPPRESSED:  # then it is the code of ours
        data["response"] = outcome.reply[:1000]
    if outcome.decisions and not outcome.tries:
        data["decisions"] = outcome.decisions
    return NewEvent(
        account_id=outcome.job.account_id,
        message_id=outcome.job.message_id,
        recipient_id=outcome.job.id,
        campaign_id=outcome.job.campaign_id,
        type=EVENT_OF[outcome.status],
        at=outcome.at,
        data=data,
    )


def _attempt(outcome: Outcome, one: Attempt) -> tuple[Any, ...]:
    job = outcome.job
    return (
        one.id,
        job.message_id,
        job.id,
        job.account_id,
        outcome.attempts,
        one.at,
        one.duration_ms,
        one.source_address,
        one.host[:253],
        one.address[:60],
        one.tls[:80],
        one.stage,
        one.code,
        one.reply[:REPLY_LIMIT],
        one.transcript,
        outcome.decisions if outcome.decisions and one is outcome.tries[-1] else None,
    )
