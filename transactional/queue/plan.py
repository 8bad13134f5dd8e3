"""What is still to come for a recipient that waits: its next tries, and when it expires."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.conf import settings
from django.db.models import Count, Q

from transactional import retry
from transactional.models import Event, EventType, QueueRow

AHEAD = 6  # tries that a plan names


@dataclass(frozen=True, slots=True)
class Plan:
    """The tries ahead, if each ends as the last one did; then the mail expires.

    `tries` are times without jitter, at most AHEAD, the first one exact; empty: it is under way
    now, or its deadline has passed. `waits_for`: code and site of what it waits for besides its
    time. `reply_class` is that of the last answer, empty before the first try.
    """

    tries: tuple[datetime, ...]
    expires: datetime
    made: int
    under_way: bool
    lane: int
    stream_id: int
    domain: str
    waits_for: str
    reply_class: str


@dataclass(frozen=True, slots=True)
class InFront:
    """How much is due before a row of the queue: in its stream and lane; of that, to its domain."""

    all: int = 0
    same_domain: int = 0


def plans(account_id: int, recipient_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Plan]:
    """The plan of each of an account's recipients that is still in the queue; two queries."""
    rows = QueueRow.objects.filter(pk__in=recipient_ids, account_id=account_id)
    found = list(rows)
    classes = _classes(account_id, [row.pk for row in found], {row.message_id for row in found})
    return {row.pk: _plan(row, classes.get(row.pk, "")) for row in found}


def _classes(
    account_id: int, ids: Sequence[uuid.UUID], messages: set[uuid.UUID]
) -> Mapping[uuid.UUID, str]:
    if not ids:
        return {}
    told = Event.objects.of(account_id).filter(
        message_id__in=messages, recipient_id__in=ids, type=EventType.DEFERRED
    )
    return {
        recipient: str(data.get("class", "")) if isinstance(data, dict) else ""
        for recipient, data in told.order_by("id").values_list("recipient_id", "data")
    }


def _plan(row: QueueRow, reply_class: str) -> Plan:
    under_way = row.lease is not None
    ahead = retry.tries_ahead(
        row.due_at, row.deliver_by, reply_class, row.attempt, scale=settings.RETRY_SCALE
    )
    return Plan(
        tries=() if under_way else tuple(islice(ahead, AHEAD)),
        expires=row.deliver_by,
        made=row.attempt,
        under_way=under_way,
        lane=row.lane,
        stream_id=row.stream_id,
        domain=row.domain,
        waits_for=row.parked or "",
        reply_class=reply_class,
    )


def in_front(recipient_id: uuid.UUID, *, most: int) -> InFront:
    """Rows of the same stream and lane that are due before this one; the last `most` are looked at."""
    row = QueueRow.objects.filter(pk=recipient_id).first()
    if row is None or row.lease is not None:
        return InFront()
    before = QueueRow.objects.filter(
        lease__isnull=True, lane=row.lane, stream_id=row.stream_id, due_at__lt=row.due_at
    )
    found = before.order_by("-due_at")[:most].aggregate(
        all=Count("pk"), same_domain=Count("pk", filter=Q(domain=row.domain))
    )
    return InFront(**found)
