"""The only writer of Recipient.status: the transition table, and outcomes applied in batches.

With `sweeper`, which says what becomes of those whose worker fell silent.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from django.db import connection
from django.utils import timezone

from config.bulk import Table, as_json
from domains import warmup
from transactional import events, queue, suppressions
from transactional.events import NewEvent
from transactional.models import EventType, Status, SuppressionReason
from transactional.models.message import REPLY_LIMIT

# From each status, where a recipient may go. A report of a bounce may come after `delivered`, and
# before we have written it; a delivery may follow any outcome that was not final.
_TRIED = frozenset(
    {
        Status.DEFERRED,
        Status.DELIVERED,
        Status.BOUNCED,
        Status.EXPIRED,
        Status.UNCERTAIN,
        Status.HELD,
    }
)
TRANSITIONS: Mapping[str, frozenset[str]] = {
    Status.QUEUED: _TRIED | {Status.CANCELLED, Status.SUPPRESSED},
    Status.DEFERRED: _TRIED | {Status.CANCELLED},
    Status.UNCERTAIN: _TRIED,
    Status.HELD: frozenset({Status.QUEUED, Status.BOUNCED, Status.CANCELLED}),
    Status.DELIVERED: frozenset({Status.BOUNCED}),
    Status.BOUNCED: frozenset(),
    Status.EXPIRED: frozenset({Status.BOUNCED}),
    Status.SUPPRESSED: frozenset(),
    Status.CANCELLED: frozenset(),
}
_FROM: dict[str, str] = {
    status: "|" + "|".join(old for old, new in TRANSITIONS.items() if status in new) + "|"
    for status in Status.values
}
#: Statuses of mail that is still to be tried.
WAITING = frozenset({Status.QUEUED, Status.DEFERRED, Status.UNCERTAIN})
EVENT_OF: Mapping[str, str] = {status: EventType(status) for status in _TRIED}

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one try saw; see DeliveryAttempt for the meaning of each field."""

    id: uuid.UUID
    at: datetime
    duration_ms: int
    source_address: str
    host: str
    address: str
    tls: str
    stage: str
    code: int
    reply: str
    transcript: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a try ended: the status it leads to and, if it is not final, when the next one is due.

    `due_at` is by the job's clock (`Job.now`). `resent` marks the next copy as one that the receiver may have already. `decisions` are stored
    with the last of the tries; where nothing was tried, with the event.
    """

    job: queue.Job
    status: str
    at: datetime
    attempts: int
    reply: str
    source_id: int | None = None
    due_at: datetime | None = None
    tries: tuple[Attempt, ...] = ()
    resent: bool = False
    warms_up_at: str = ""  # the mailbox provider, where the IP it was tried from warms up
    data: Mapping[str, Any] = field(default_factory=dict)
    decisions: Sequence[Mapping[str, Any]] = ()

    @property
    def final(self) -> bool:
        """Whether the recipient leaves the queue."""
        return self.due_at is None

    @property
    def wait(self) -> float | None:
        """Seconds from now to the next try; None where there is none."""
        if self.due_at is None:
            return None
        return max(0.0, (self.due_at - self.job.now()).total_seconds())


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
        "olds": _FROM[outcome.status],
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
    if outcome.reply:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came back about a recipient, after its delivery (a DSN)."""

    recipient_id: uuid.UUID
    status: str
    reply: str
    data: Mapping[str, Any]


def apply_report(report: Report) -> bool:
    """Apply a report inside the caller's transaction; False where it changes nothing. What was put off
    or in doubt is not tried again.

    The recipient's row is locked, so the same report twice makes one event, and a report that
    overtakes our own commit of `delivered` waits for it.
    """
    values = {
        "id": report.recipient_id,
        "status": str(report.status),
        "at": timezone.now(),
        "reply": report.reply[:REPLY_LIMIT],
        "olds": _FROM[report.status],
    }
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_REPORT, values)
        found = cursor.fetchone()
        if found is not None:
            cursor.execute(queue.FORGET, {"id": report.recipient_id})
    if found is None:
        return False
    account_id, message_id, campaign_id, was = found
    events.append(
        [
            NewEvent(
                account_id=account_id,
                message_id=message_id,
                recipient_id=report.recipient_id,
                campaign_id=campaign_id,
                type=EVENT_OF[report.status],
                at=timezone.now(),
                data={**report.data, "was": was, "response": report.reply[:1000]},
            )
        ]
    )
    return True


_REPORT = """
WITH before AS (
    SELECT id, status FROM transactional_recipient WHERE id = %(id)s FOR UPDATE
), moved AS (
    UPDATE transactional_recipient r
    SET status = %(status)s, status_at = %(at)s, reply = %(reply)s
    FROM before WHERE r.id = before.id AND strpos(%(olds)s, '|' || r.status || '|') > 0
    RETURNING r.message_id, before.status AS was
)
SELECT m.account_id, m.id, m.campaign_id, moved.was
FROM moved JOIN transactional_message m ON m.id = moved.message_id
"""
