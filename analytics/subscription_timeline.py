"""The only place that pages through an account's changes of subscriptions: what the contract's timeline reads.

Newest first, keyset on the change's id. Changes that one person made in one act stand side by side.
"""

import itertools
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from config.ids import uuid7_floor
from transactional.models import Event, EventType, SubscriptionChange, SubscriptionSource

# An act's event and its change are written in one transaction, each with its own moment
APART = timedelta(seconds=5)
_FIRST = datetime(1970, 1, 1, tzinfo=UTC) + APART


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a page is to hold. `whole`: changes of all marketing mail, or of single types; None: both.
    `reported`: those that came of a spam complaint, or the others. Both ends of the time are included.
    """

    whole: bool | None = None
    reported: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: uuid.UUID | None = None
    limit: int


@dataclass(frozen=True, slots=True)
class Act:
    """What one person changed at one moment; `event`: the one that it came of, where it came through a mail."""

    at: datetime
    address: str
    changes: Sequence[SubscriptionChange]
    event: Event | None


@dataclass(frozen=True, slots=True)
class Page:
    """Acts, newest first. `last`: where the next page goes on; `more`: whether there is one."""

    acts: Sequence[Act]
    last: uuid.UUID | None
    more: bool


def page(account_id: int, asked: Asked) -> Page:
    """The account's changes that were asked for, in two queries whatever their number."""
    rows = SubscriptionChange.objects.of(account_id).select_related("contact")
    if asked.whole is not None:
        rows = rows.filter(type__isnull=asked.whole)
    if asked.reported is not None:
        complaint = {"source": SubscriptionSource.COMPLAINT}
        rows = rows.filter(**complaint) if asked.reported else rows.exclude(**complaint)
    if asked.since is not None:
        rows = rows.filter(
            at__gte=asked.since, pk__gte=uuid7_floor(max(asked.since, _FIRST) - APART)
        )
    if asked.until is not None:
        rows = rows.filter(at__lte=asked.until, pk__lt=uuid7_floor(asked.until + APART))
    if asked.before is not None:
        rows = rows.filter(pk__lt=asked.before)
    found = list(rows.order_by("-pk")[: asked.limit + 1])
    shown = found[: asked.limit]
    last = shown[-1].pk if shown else asked.before
    return Page(_acts(account_id, shown), last, more=len(found) > asked.limit)


def _acts(account_id: int, rows: Sequence[SubscriptionChange]) -> list[Act]:
    events = _events(account_id, rows)
    grouped = itertools.groupby(rows, key=lambda row: (row.contact_id, row.at))
    acts = []
    for (_, at), own in grouped:
        changes = list(own)
        first = changes[0]
        told = events.get(first.recipient_id, ()) if first.recipient_id else ()
        near = [one for one in told if abs(one.at - at) <= APART]
        acts.append(Act(at, first.contact.email, changes, near[0] if near else None))
    return acts


def _events(
    account_id: int, rows: Sequence[SubscriptionChange]
) -> Mapping[uuid.UUID, Sequence[Event]]:
    recipients = {row.recipient_id for row in rows if row.recipient_id}
    if not recipients:
        return {}
    found: dict[uuid.UUID, list[Event]] = {}
    since = min(row.at for row in rows) - APART
    kinds = (EventType.UNSUBSCRIBED, EventType.COMPLAINED)
    events = Event.objects.of(account_id).filter(
        recipient_id__in=recipients, type__in=kinds, pk__gte=uuid7_floor(since), at__gte=since
    )
    for one in events.order_by("pk"):
        if one.recipient_id is not None:
            found.setdefault(one.recipient_id, []).append(one)
    return found
