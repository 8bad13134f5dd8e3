"""Reading people: the list of contacts, and one contact's timeline of mail and of changes."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson
from django.db.models import Count, F, Func, Max, Q, QuerySet, TextField
from django.db.models.functions import Cast

from config.ids import uuid7_floor, uuid7_time
from transactional.models import (
    Broadcast,
    BroadcastRow,
    Contact,
    ContactChange,
    Event,
    EventType,
    Message,
    OptIn,
    Recipient,
    SubscriptionChange,
)
from transactional.models.contact import LISTED

SLACK = timedelta(days=1)  # between a recipient's id and its message's: they are made together
CHUNK = 1000  # contacts read at a time by who walks through all
# What a reader does with a message; delivery itself is the recipient's status
DONE = (EventType.OPENED, EventType.CLICKED, EventType.UNSUBSCRIBED, EventType.COMPLAINED)

# The states a list can be narrowed to
STATES: Mapping[str, Q] = {
    "subscribed": Q(unsubscribed_at__isnull=True, quarantined_at__isnull=True),
    "unsubscribed": Q(unsubscribed_at__isnull=False),
    "quarantined": Q(quarantined_at__isnull=False),
    "pending": Q(opt_in=OptIn.PENDING),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list is narrowed to: text within the address or a property; a key of STATES."""

    text: str = ""
    state: str = ""


def people(account_id: int, filters: Filters, *, before: int | None, limit: int) -> list[Contact]:
    """Contacts made before the one of id `before`, newest first."""
    rows = _narrowed(account_id, filters).filter(LISTED)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[:limit])


def everybody(account_id: int, filters: Filters) -> Iterator[Contact]:
    """All contacts, newest first, read in pieces: their number is bounded by nothing."""
    before: int | None = None
    while chunk := people(account_id, filters, before=before, limit=CHUNK):
        yield from chunk
        before = chunk[-1].pk


def property_names(account_id: int) -> list[str]:
    """The names of all properties that any contact of the account has."""
    kind = Func(F("properties"), function="jsonb_typeof", output_field=TextField())
    names = Func(F("properties"), function="jsonb_object_keys", output_field=TextField())
    rows = Contact.objects.of(account_id).annotate(kind=kind).filter(kind="object")
    return sorted(rows.annotate(key=names).values_list("key", flat=True).distinct())


def _narrowed(account_id: int, filters: Filters) -> QuerySet[Contact]:
    rows: QuerySet[Contact] = Contact.objects.of(account_id)
    if filters.state in STATES:
        rows = rows.filter(STATES[filters.state])
    if filters.text:
        # Values alone: a property's name is in everybody's row
        values = Func(F("properties"), template="jsonb_path_query_array(%(expressions)s, '$.*')")
        rows = rows.annotate(told=Cast(values, TextField()))
        quoted = orjson.dumps(filters.text).decode()[1:-1]
        rows = rows.filter(Q(email__contains=filters.text.lower()) | Q(told__icontains=quoted))
    return rows


@dataclass(frozen=True, slots=True)
class Act:
    """What the reader did with a message, or a machine that read it, how often, and when last."""

    type: str
    times: int
    last: datetime
    machine: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the timeline: a change by hand, one of what was agreed to, or a message with what
    the reader did; only one of them. `broadcast` is the send that a message was part of.
    """

    id: uuid.UUID
    change: ContactChange | None = None
    subscription: SubscriptionChange | None = None
    recipient: Recipient | None = None
    message: Message | None = None
    broadcast: Broadcast | None = None
    acts: Sequence[Act] = field(default_factory=tuple)

    @property
    def at(self) -> datetime:
        """When it began: what the order goes by."""
        return uuid7_time(self.id)


def timeline(contact: Contact, *, before: uuid.UUID | None, limit: int) -> list[Entry]:
    """Changes and messages older than `before`, newest first; six queries, whatever the limit.

    All have ids that sort by time, so one id says where a page ends.
    """
    changes = ContactChange.objects.of(contact.account_id).filter(contact=contact)
    agreed = SubscriptionChange.objects.of(contact.account_id).filter(contact=contact)
    mail = Recipient.objects.of(contact.account_id).filter(address=contact.email)
    if before is not None:
        changes, mail = changes.filter(pk__lt=before), mail.filter(pk__lt=before)
        agreed = agreed.filter(pk__lt=before)
    entries = [Entry(one.pk, change=one) for one in changes.order_by("-pk")[:limit]]
    told = agreed.select_related("type").order_by("-pk")[:limit]
    entries += [Entry(one.pk, subscription=one) for one in told]
    entries += _mail(contact.account_id, list(mail.order_by("-pk")[:limit]))
    return sorted(entries, key=lambda entry: entry.id, reverse=True)[:limit]


def _mail(account_id: int, recipients: Sequence[Recipient]) -> list[Entry]:
    if not recipients:
        return []
    ids = [one.message_id for one in recipients]
    # Spares the partitions of other months
    since = uuid7_floor(uuid7_time(min(one.pk for one in recipients)) - SLACK)
    rows = Message.objects.of(account_id).filter(pk__in=ids)
    messages = {one.pk: one for one in rows.select_related("campaign")}
    acts: dict[uuid.UUID, list[Act]] = {one.pk: [] for one in recipients}
    done = (
        Event.objects.of(account_id)
        .filter(message_id__in=ids, recipient_id__in=list(acts), type__in=DONE, pk__gte=since)
        .annotate(machine=Q(data__has_key="machine"))
        .values_list("recipient_id", "type", "machine")
        .annotate(times=Count("pk"), last=Max("at"))
        .order_by("last")
    )
    for recipient_id, kind, machine, times, last in done:
        acts[recipient_id].append(Act(kind, times, last, machine))
    sent = BroadcastRow.objects.filter(message_id__in=ids, broadcast__account_id=account_id)
    sends = {one.message_id: one.broadcast for one in sent.select_related("broadcast")}
    return [
        Entry(
            one.pk,
            recipient=one,
            message=messages.get(one.message_id),
            broadcast=sends.get(one.message_id),
            acts=acts[one.pk],
        )
        for one in recipients
    ]
