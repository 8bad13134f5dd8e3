"""Accounts that keep their mail for less long: their rows go one by one, out of everybody's months.

Events stay until their month goes, without what they say of a person: so every count can still be
made from them.
"""

import time
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from config.ids import uuid7_floor
from transactional import events
from transactional.models import Body, DeliveryAttempt, Message, Recipient, ShorterRetention
from transactional.retention import folds

BATCH = 500
SECONDS = 10.0  # of one account, in one run

# Whatever is still to be delivered, or has events that are not counted yet, stays
_QUEUED = """EXISTS (
    SELECT 1 FROM transactional_recipient r JOIN transactional_queuerow q ON q.id = r.id
    WHERE r.message_id = m.id
)"""
_MESSAGES = f"""
SELECT m.id FROM transactional_message m
WHERE m.account_id = %s AND m.id < %s AND NOT {_QUEUED}
  AND NOT EXISTS (
    SELECT 1 FROM transactional_event e WHERE e.message_id = m.id AND ({{unread}})
  )
ORDER BY m.id LIMIT %s
"""  # noqa: S608 — our own constants
_BODIES = f"""
SELECT m.id, {_QUEUED} FROM transactional_message m
WHERE m.account_id = %s AND m.id > %s AND m.id < %s ORDER BY m.id LIMIT %s
"""  # noqa: S608 — our own constants


def tend(now: datetime) -> tuple[int, int]:
    """Take away what each such account keeps no longer; how many messages, and how many contents."""
    messages = bodies = 0
    for one in ShorterRetention.objects.filter(
        Q(body_days__isnull=False) | Q(message_days__isnull=False)
    ).order_by("pk"):
        until = time.monotonic() + SECONDS
        while (gone := _drop_messages(one, now)) and time.monotonic() < until:
            messages += gone
        while (gone := _drop_bodies(one, now)) and time.monotonic() < until:
            bodies += gone
    return messages, bodies


@transaction.atomic
def _drop_messages(one: ShorterRetention, now: datetime) -> int:
    if one.message_days is None:
        return 0
    read = folds.cursors()
    unread = " OR ".join(["(e.xid, e.id) > (%s, %s)"] * len(read)) or "false"
    values: list[Any] = [one.account_id, _floor(now, one.message_days)]
    values += [value for each in read for value in (each.xid, each.event_id)]
    with connection.cursor() as cursor:
        cursor.execute(_MESSAGES.format(unread=unread), [*values, BATCH])
        ids = [row[0] for row in cursor.fetchall()]
    if not ids:
        return 0
    recipients = Recipient.objects.of(one.account_id).filter(message_id__in=ids)
    own = list(recipients.values_list("pk", flat=True))
    events.anonymise(one.account_id, message_ids=ids, recipient_ids=own)
    DeliveryAttempt.objects.of(one.account_id).filter(message_id__in=ids).delete()
    recipients.filter(pk__in=own).delete()
    Body.objects.filter(pk__in=ids).delete()
    Message.objects.of(one.account_id).filter(pk__in=ids).delete()
    return len(ids)


@transaction.atomic
def _drop_bodies(one: ShorterRetention, now: datetime) -> int:
    """Goes forward from message to message, and stops before one that is still to be delivered."""
    if one.body_days is None:
        return 0
    floor = _floor(now, one.body_days)
    with connection.cursor() as cursor:
        cursor.execute(_BODIES, [one.account_id, one.bodies_until, floor, BATCH])
        rows: list[tuple[uuid.UUID, bool]] = cursor.fetchall()
    ids: list[uuid.UUID] = []
    for message_id, queued in rows:
        if queued:
            break
        ids.append(message_id)
    if not ids:
        return 0
    Body.objects.filter(pk__in=ids).delete()
    one.bodies_until = ids[-1]
    one.save(update_fields=["bodies_until"])
    return len(ids)


def _floor(now: datetime, days: int) -> uuid.UUID:
    return uuid7_floor(now - timedelta(days=max(days, 1)))
