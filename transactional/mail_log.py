"""Reading the log of mail: the message list, and one message with all that happened to it."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from config.ids import uuid7_floor
from transactional.models import DeliveryAttempt, Event, EventType, Message, Recipient

REFUSED = "refused"  # a message that was not accepted has no recipient whose status could say so
SHOWN = 3  # recipients named in a row of the list
EVENTS_SHOWN = 500  # of one message: a pixel can be asked for without end
SLACK = timedelta(days=1)  # between a message's id and its recipients': they are made together


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list is narrowed to. An `address` that ends in * is a beginning."""

    address: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the message list: the message, some recipients, how many of each status."""

    message: Message
    addresses: Sequence[str]
    further: int
    statuses: Sequence[tuple[str, int]]


def message_list(
    account_id: int, filters: Filters, *, before: uuid.UUID | None, limit: int
) -> list[Row]:
    """Messages older than `before`, newest first; three queries at most, whatever the limit."""
    rows: QuerySet[Message] = Message.objects.of(account_id).select_related("campaign")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    messages = list(_narrowed(rows, account_id, filters).order_by("-pk")[:limit])
    if not messages:
        return []
    found = _recipients(account_id, messages)
    return [_row(message, found[message.pk]) for message in messages]


def _narrowed(rows: QuerySet[Message], account_id: int, filters: Filters) -> QuerySet[Message]:
    if filters.address:
        named = Recipient.objects.of(account_id)
        start = filters.address.removesuffix("*")
        if start != filters.address:
            named = named.filter(address__startswith=start)
        else:
            named = named.filter(address__in={start, start.lower()})
        rows = rows.filter(pk__in=named.values("message_id"))
    if filters.status == REFUSED:
        return rows.exclude(refusal="")
    if filters.status:
        own = Recipient.objects.of(account_id).filter(
            message_id=OuterRef("pk"), status=filters.status
        )
        rows = rows.filter(Exists(own))
    return rows


def _recipients(
    account_id: int, messages: Sequence[Message]
) -> dict[uuid.UUID, list[tuple[str, str]]]:
    """Address and status of each message's recipients; a refusal's are kept in its event."""
    # Rows lie in the partitions of their message's time: the others are not looked at
    near = {
        "pk__gte": uuid7_floor(min(message.created_at for message in messages) - SLACK),
        "pk__lt": uuid7_floor(max(message.created_at for message in messages) + SLACK),
    }
    found: dict[uuid.UUID, list[tuple[str, str]]] = {message.pk: [] for message in messages}
    recipients = Recipient.objects.of(account_id).filter(message_id__in=list(found), **near)
    ordered = recipients.order_by("pk").values_list("message_id", "address", "status")
    for message_id, address, status in ordered:
        found[message_id].append((address, status))
    refused = [message.pk for message in messages if message.refusal]
    if refused:
        dropped = Event.objects.of(account_id).filter(
            message_id__in=refused, type=EventType.DROPPED, **near
        )
        for message_id, asked in dropped.values_list("message_id", "data__to"):
            found[message_id] += [(str(address), REFUSED) for address in asked or ()]
    return found


def _row(message: Message, recipients: Sequence[tuple[str, str]]) -> Row:
    addresses = [address for address, _ in recipients]
    counts = Counter(status for _, status in recipients)
    return Row(message, addresses[:SHOWN], max(0, len(addresses) - SHOWN), counts.most_common())


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a message: an event or a try at delivery, never both."""

    at: datetime
    recipient: Recipient | None
    event: Event | None = None
    attempt: DeliveryAttempt | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """A message with its recipients and all that happened, oldest first.

    `cut`: there were more than EVENTS_SHOWN events, and the later ones are not listed.
    """

    message: Message
    recipients: Sequence[Recipient]
    moments: Sequence[Moment]
    cut: bool


def story(account_id: int, message_id: uuid.UUID) -> Story | None:
    """One message of the account with its timeline; None if the account has no such message."""
    message = (
        Message.objects.of(account_id)
        .select_related("campaign", "version", "stream")
        .defer("version__html", "version__text")
        .filter(pk=message_id)
        .first()
    )
    if message is None:
        return None
    since = uuid7_floor(message.created_at - SLACK)  # spares the partitions of earlier months
    within = {"message_id": message_id, "pk__gte": since}
    recipients = list(
        Recipient.objects.of(account_id).select_related("source").filter(**within).order_by("pk")
    )
    events = list(
        Event.objects.of(account_id).filter(**within).order_by("at", "pk")[: EVENTS_SHOWN + 1]
    )
    attempts = DeliveryAttempt.objects.of(account_id).filter(**within).order_by("at", "pk")
    by_id = {recipient.pk: recipient for recipient in recipients}
    moments = [
        Moment(event.at, by_id.get(event.recipient_id), event=event)
        for event in events[:EVENTS_SHOWN]
    ]
    moments += [
        Moment(attempt.at, by_id.get(attempt.recipient_id), attempt=attempt)
        for attempt in attempts[:EVENTS_SHOWN]
    ]
    moments.sort(key=lambda moment: moment.at)
    return Story(message, recipients, moments, len(events) > EVENTS_SHOWN)
