"""Questions about mail that more than one porch asks. Every query starts from the account."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min, Q, QuerySet
from django.utils import timezone

from config.ids import uuid7_floor
from tokens.models import SmtpCredential
from transactional.models import (
    DeliveryAttempt,
    Event,
    EventType,
    Message,
    Recipient,
    RecipientKind,
    Status,
)

# What an outcome of a recipient is logged as; later engagement is no part of a send's status
_OUTCOMES = (
    EventType.ACCEPTED, EventType.DROPPED, EventType.DEFERRED, EventType.DELIVERED,
    EventType.BOUNCED, EventType.EXPIRED, EventType.UNCERTAIN, EventType.RESENT, EventType.HELD,
    EventType.CANCELLED,
)  # fmt: skip
_OPEN = (Status.QUEUED, Status.DEFERRED, Status.UNCERTAIN, Status.HELD)
_SKEW = timedelta(minutes=1)  # between a row's id and its message's time


@dataclass(frozen=True, slots=True)
class SendStatus:
    """How far one single send has come. `refusal` is the code of one that was not accepted.

    `status` and `reason` are those of its `to` recipient; `event` the last thing that happened.
    """

    message_id: uuid.UUID
    requested_at: datetime
    refusal: str = ""
    refusal_text: str = ""
    status: str = ""
    reason: str = ""
    open: bool = False
    cancelled: bool = False
    started_at: datetime | None = None
    completed_at: datetime | None = None
    event: tuple[uuid.UUID, datetime] | None = None


def send_status(account_id: int, message_id: uuid.UUID) -> SendStatus | None:
    """The state of a message; None for one that this account does not have."""
    message = (
        Message.objects.of(account_id)
        .filter(pk=message_id)
        .values("created_at", "refusal", "refusal_text")
        .first()
    )
    if message is None:
        return None
    since = uuid7_floor(message["created_at"] - _SKEW)  # keeps older partitions out of the scan
    if message["refusal"]:
        return SendStatus(
            message_id,
            message["created_at"],
            refusal=message["refusal"],
            refusal_text=message["refusal_text"],
            started_at=message["created_at"],
            completed_at=message["created_at"],
            event=_last_event(account_id, message_id, since, None),
        )
    rows = list(
        Recipient.objects.of(account_id)
        .filter(message_id=message_id, id__gte=since)
        .order_by("id")
        .values("id", "kind", "status", "status_at", "attempts", "reply")
    )
    to = next((row for row in rows if row["kind"] == RecipientKind.TO), None)
    still_open = any(row["status"] in _OPEN for row in rows)
    return SendStatus(
        message_id,
        message["created_at"],
        status=to["status"] if to else "",
        reason=to["reply"] if to else "",
        open=still_open,
        cancelled=bool(rows) and all(row["status"] == Status.CANCELLED for row in rows),
        started_at=_first_attempt(account_id, message_id, since),
        completed_at=None if still_open else max((r["status_at"] for r in rows), default=None),
        event=_last_event(account_id, message_id, since, to["id"] if to else None),
    )


def _last_event(
    account_id: int, message_id: uuid.UUID, since: uuid.UUID, recipient_id: uuid.UUID | None
) -> tuple[uuid.UUID, datetime] | None:
    rows = Event.objects.of(account_id).filter(
        message_id=message_id, id__gte=since, recipient_id=recipient_id, type__in=_OUTCOMES
    )
    found: tuple[uuid.UUID, datetime] | None = rows.order_by("-id").values_list("id", "at").first()
    return found


def _first_attempt(account_id: int, message_id: uuid.UUID, since: uuid.UUID) -> datetime | None:
    rows = DeliveryAttempt.objects.of(account_id).filter(message_id=message_id, id__gte=since)
    found: datetime | None = rows.aggregate(first=Min("at"))["first"]
    return found


def smtp_tokens(account_id: int) -> "QuerySet[SmtpCredential]":
    """The account's SMTP tokens that still work, newest first, each with its campaign."""
    alive = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    rows: QuerySet[SmtpCredential] = (
        SmtpCredential.objects.of(account_id)
        .filter(alive, deleted_at=None)
        .select_related("campaign")
        .order_by("-id")
    )
    return rows


def smtp_token_page(
    account_id: int,
    *,
    campaign_name: str | None = None,
    campaign_id: int | None = None,
    before: int | None = None,
    limit: int,
) -> tuple[Sequence[SmtpCredential], int | None]:
    """A page of the tokens, and where the next one starts; None after the last.

    `before` is the id of the last token of the page before.
    """
    rows = smtp_tokens(account_id)
    if campaign_name is not None:
        rows = rows.filter(campaign_name=campaign_name)
    if campaign_id is not None:
        rows = rows.filter(campaign__id=campaign_id)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: limit + 1])
    return found[:limit], found[limit - 1].pk if len(found) > limit else None
