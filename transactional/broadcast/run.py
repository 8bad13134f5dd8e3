"""Handing a send over, batch by batch: each row and its message in one transaction.

A kill at any moment leaves a row either waiting, without a message, or handed over with the one it
names. Batches of one send never run side by side: they lock the send.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.db import DataError, connection, transaction
from django.utils import timezone

from config import database
from tokens.auth import Principal
from transactional import queue
from transactional.broadcast import audience, progress
from transactional.models import (
    Broadcast,
    BroadcastRow,
    BroadcastState,
    Kind,
    Lane,
    Source,
    Status,
)
from transactional.submission.accept import Answer, accept_many
from transactional.submission.request import Refused, TemplateSubmission

logger = logging.getLogger(__name__)

BATCH = 250  # rows of one transaction
WINDOW = 1000  # rows handed over and not tried yet: what a pause has to hold back
EMAIL_CHANGED, TOO_MANY_BOUNCES = "EMAIL_CHANGED", "TOO_MANY_BOUNCES"
CORRUPT = "CORRUPT_INPUT"  # a row that the database does not take
LANES: Mapping[str, Lane] = {Kind.MARKETING: Lane.BULK, Kind.TRANSACTIONAL: Lane.NORMAL}
REST = 2.0  # seconds to wait for rows that a worker is writing: a batch of it takes milliseconds
AFTERWARDS = timedelta(seconds=15)  # between two looks at a send that is handed over

_HANDED = """
UPDATE transactional_broadcastrow b
SET state = g.state, code = g.code, message_id = g.message_id, values = '{}'
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::uuid[]) AS g(id, state, code, message_id)
WHERE b.id = g.id AND b.state = 'waiting'
"""


# Asked each second, mostly for nothing
_DUE = """
(SELECT id FROM transactional_broadcast WHERE state = 'running' ORDER BY started_at LIMIT 100)
UNION ALL (
    SELECT id FROM transactional_broadcast WHERE state = 'scheduled' AND scheduled_at <= %(now)s
    ORDER BY scheduled_at LIMIT 100
) UNION ALL (
    SELECT id FROM transactional_broadcast WHERE state = 'sent' AND looked_at < %(quiet)s
    ORDER BY looked_at LIMIT 20
)
"""


def due(now: datetime) -> list[int]:
    """The sends that something is to be done about, those begun first."""
    return [pk for (pk,) in database.ask(_DUE, {"now": now, "quiet": now - AFTERWARDS})]


def step(broadcast_id: int) -> bool:
    """Do the next piece of a send; whether there is more to do at once."""
    one_by_one = False
    while True:
        try:
            with transaction.atomic():
                return _step(broadcast_id, limit=1 if one_by_one else BATCH)
        except (DataError, psycopg.DataError):
            if one_by_one:
                return _leave_out_first(broadcast_id)
            one_by_one = True  # one row that PostgreSQL does not take must not hold up the others


def _step(broadcast_id: int, *, limit: int) -> bool:
    found = _locked(broadcast_id)
    if found is None:
        return False
    if found.state == BroadcastState.SENT:
        return _watch(found)
    if found.state == BroadcastState.SCHEDULED:
        found.state, found.started_at = BroadcastState.RUNNING, timezone.now()
        found.save(update_fields=["state", "started_at"])
    if found.email.published_id != found.version_id or found.email.archived_at is not None:
        return _stand_still(found, BroadcastState.PAUSED, EMAIL_CHANGED)
    if not found.expanded:
        audience.write_lists(found)
        return True
    return _hand_over(found, limit)


def _locked(broadcast_id: int) -> Broadcast | None:
    active = (BroadcastState.RUNNING, BroadcastState.SCHEDULED, BroadcastState.SENT)
    rows = Broadcast.objects.filter(pk=broadcast_id, state__in=active)
    found: Broadcast | None = (
        rows.select_for_update(skip_locked=True, of=("self",))
        .select_related("email")
        .defer("content", "problems", "email__html", "email__text", "email__document")
        .first()
    )
    return found


def _hand_over(found: Broadcast, limit: int) -> bool:
    progress.collect(found)
    if not found.bounces_seen and progress.too_many_bounced(found):
        return _stand_still(found, BroadcastState.STOPPED, TOO_MANY_BOUNCES)
    ahead = progress.ahead(found, most=WINDOW)
    if not ahead.waiting:
        found.state, found.finished_at = BroadcastState.SENT, timezone.now()
        found.save(update_fields=["state", "finished_at"])
        return False
    room = _room(found, ahead)
    if room <= 0:
        return False
    rows = list(
        BroadcastRow.objects.filter(broadcast=found, state=BroadcastRow.WAITING).order_by("pk")[
            : min(room, limit)
        ]
    )
    _write(rows, accept_many([_submission(found, row) for row in rows]))
    return True


def _room(found: Broadcast, ahead: progress.Ahead) -> int:
    """How many more may be handed over: the first 200 are tried before any other follows."""
    if ahead.handed < progress.FIRST:
        return progress.FIRST - ahead.handed
    if progress.tried_of_first(found) < progress.FIRST:
        return 0
    return WINDOW - ahead.untried


def _submission(found: Broadcast, row: BroadcastRow) -> TemplateSubmission:
    values: dict[str, Any] = row.values
    return TemplateSubmission(
        principal=Principal(found.account_id, "user", found.user_id, found.by),
        source=Source.APP,
        email_id=found.email_id,
        to=row.email,
        contact_properties=values.get("contact", {}),
        custom={**found.custom, **values.get("custom", {})},
        lane=int(LANES[found.kind]),
    )


def _write(rows: Sequence[BroadcastRow], answers: Sequence[Answer]) -> None:
    """Note each row's message beside it, in the transaction that accepted it."""
    states, codes, messages = [], [], []
    for answer in answers:
        refused = isinstance(answer, Refused)
        states.append(BroadcastRow.REFUSED if refused else str(Status.QUEUED))
        codes.append(answer.refusal.code if isinstance(answer, Refused) else "")
        messages.append(answer.message_id)
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_HANDED, ([row.pk for row in rows], states, codes, messages))
        if cursor.rowcount != len(rows):
            raise RuntimeError("a row was handed over twice")  # rolls all of it back


def _leave_out_first(broadcast_id: int) -> bool:
    with transaction.atomic():
        found = _locked(broadcast_id)
        if found is None:
            return False
        rows = BroadcastRow.objects.filter(broadcast=found, state=BroadcastRow.WAITING)
        first = rows.order_by("pk").first()
        if first is not None:
            first.state, first.code, first.values = BroadcastRow.REFUSED, CORRUPT, {}
            first.save(update_fields=["state", "code", "values"])
            logger.error("send %s: row %s cannot be stored, it is left out", broadcast_id, first.pk)
    return True


def _watch(found: Broadcast) -> bool:
    """After the last row: collect outcomes until all are known."""
    progress.collect(found)
    if progress.all_known(found):
        found.state = BroadcastState.DONE
        found.save(update_fields=["state"])
    return False


def _stand_still(found: Broadcast, state: BroadcastState, why: str) -> bool:
    found.state, found.why = state, why
    found.save(update_fields=["state", "why"])
    missed = hold(found)
    transaction.on_commit(lambda: hold_the_rest(found, missed))
    logger.warning("send %s stands still: %s", found.pk, why)
    return False


def hold(found: Broadcast) -> int:
    """Keep back what has been handed over and not tried yet; how much was missed, since a worker was
    writing it at that moment.
    """
    return queue.hold(found.account_id, untried(found)).missed


def hold_the_rest(found: Broadcast, missed: int) -> None:
    """After the commit: what was being written then is under way by now, or can be held."""
    until = time.monotonic() + REST
    while missed and time.monotonic() < until:
        time.sleep(0.02)
        missed = hold(found)
    if missed:
        logger.warning("send %s stands still, but %d of it may be tried", found.pk, missed)


def untried(found: Broadcast) -> list[Any]:
    """The messages of a send that may not have been tried yet."""
    rows = BroadcastRow.objects.filter(broadcast=found, state=Status.QUEUED)
    return list(rows.values_list("message_id", flat=True))
