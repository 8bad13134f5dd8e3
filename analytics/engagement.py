"""From hits to events: the only place where an open or a click enters the event log."""

import logging
import uuid
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.db import DataError, connection, transaction

from analytics import machines, spool
from analytics.machines import Click
from analytics.spool import Hit
from config.ids import uuid7_floor
from transactional import events, retention
from transactional.events import NewEvent
from transactional.models import EventType, Machine

logger = logging.getLogger(__name__)

BATCH = 500  # hits per transaction
OWNERS = """
SELECT r.id, r.account_id, r.message_id, m.campaign_id,
       CASE WHEN r.status = 'delivered' THEN r.status_at END
FROM transactional_recipient r JOIN transactional_message m ON m.id = r.message_id
WHERE r.id = ANY(%s)
"""
# Clicks recorded before that may be of one burst with these; more of one moment tell no more
BEFORE = """
SELECT e.recipient_id, e.id, e.at, coalesce(e.data ->> 'link', ''), coalesce(e.data ->> 'ip', '')
FROM transactional_event e
WHERE e.message_id = ANY(%s) AND e.recipient_id = ANY(%s) AND e.type = 'clicked'
  AND e.id >= %s AND e.id < %s
LIMIT 2000
"""
# A rebuild counts the firsts of kept events anew, so these stay as long as those
FIRSTS = """
DELETE FROM analytics_firstengagement WHERE id IN (
    SELECT id FROM analytics_firstengagement WHERE recipient_id < %s
    ORDER BY recipient_id LIMIT %s
)
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a hit is, and since when the mail could be read."""

    account_id: int
    message_id: uuid.UUID
    campaign_id: int | None
    delivered_at: datetime | None


def ingest(now: datetime | None = None) -> int:
    """Record the hits that this host has spooled; returns how many. Raises django.db.Error.

    Those of the last seconds stay in the spool until what may tell of them has happened too.
    """
    now = now or datetime.now(UTC)

    def settled(hits: list[Hit]) -> list[Hit]:
        # Of a moment far ahead only a clock that was set back is to blame: waiting would not end
        young = [hit for hit in hits if abs(now - hit.at) < machines.SETTLED]
        waiting = {hit.id for hit in young}
        record([hit for hit in hits if hit.id not in waiting], beside=young)
        return young

    return spool.drain(settled)


def record(hits: Sequence[Hit], *, beside: Sequence[Hit] = ()) -> int:
    """Write hits as events, those already written skipped; returns how many were new.

    Idempotent by the hits' ids, so a run that was killed may simply be repeated. Hits of
    recipients that are no longer kept are left out. `beside`: hits that are written later, and
    tell of these whether a person made them.
    """
    clicks: dict[uuid.UUID, list[Click]] = defaultdict(list)
    for hit in sorted((*hits, *beside), key=lambda hit: hit.at):
        if hit.kind == "click":
            clicks[hit.recipient_id].append(machines.click(hit))
    batches = (hits[start : start + BATCH] for start in range(0, len(hits), BATCH))
    return sum(_record(batch, clicks) for batch in batches)


Clicks = Mapping[uuid.UUID, Sequence[Click]]


def _record(hits: Sequence[Hit], clicks: Clicks) -> int:
    try:
        with transaction.atomic():
            return _write(hits, clicks)
    except (DataError, psycopg.DataError) as err:
        if len(hits) == 1:
            logger.error("a hit cannot be recorded, it is left out: %s", err)
            return 0
    # One hit that PostgreSQL does not take must not hold up the others
    return sum(_record([hit], clicks) for hit in hits)


def _write(hits: Sequence[Hit], clicks: Clicks) -> int:
    owners = _owners({hit.recipient_id for hit in hits})
    kept = [hit for hit in hits if hit.recipient_id in owners]
    found = machines.judge(
        kept,
        delivered={key: owner.delivered_at for key, owner in owners.items()},
        clicks=_near(kept, owners, clicks),
    )
    return events.append([_event(hit, owners[hit.recipient_id], found.get(hit.id)) for hit in kept])


def _owners(recipient_ids: set[uuid.UUID]) -> dict[uuid.UUID, Owner]:
    """Account, message and campaign of each recipient, in one query."""
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(OWNERS, [list(recipient_ids)])
        return {row[0]: Owner(*row[1:]) for row in cursor}


def _near(
    hits: Sequence[Hit], owners: Mapping[uuid.UUID, Owner], clicks: Clicks
) -> dict[uuid.UUID, list[Click]]:
    """Clicks around these hits, of the spool and of the log, in one query."""
    if not hits:
        return {}
    since = min(hit.at for hit in hits) - machines.SETTLED
    until = max(hit.at for hit in hits) + machines.SETTLED
    near: dict[uuid.UUID, list[Click]] = {}
    for of in {hit.recipient_id for hit in hits}:
        rows = clicks.get(of, ())
        start = bisect_left(rows, since, key=lambda row: row.at)
        near[of] = list(rows[start : bisect_right(rows, until, key=lambda row: row.at)])
    values = [
        [owners[of].message_id for of in near], list(near), uuid7_floor(since), uuid7_floor(until)
    ]  # fmt: skip
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(BEFORE, values)
        for of, pk, at, link, ip in cursor:
            near[of].append(Click(pk, at, link, ip))
    return near


def _event(hit: Hit, owner: Owner, machine: Machine | None) -> NewEvent:
    data: dict[str, Any] = {"ip": hit.ip, "user_agent": hit.user_agent}
    if hit.kind == "click":
        data.update(url=hit.url, link=hit.link_index)
    if machine is not None:
        data["machine"] = str(machine)
    return NewEvent(
        id=hit.id,
        account_id=owner.account_id,
        message_id=owner.message_id,
        recipient_id=hit.recipient_id,
        campaign_id=owner.campaign_id,
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
