"""One person's data, told and erased (GDPR, articles 15, 17 and 20): `docs/contacts.md` says what.

Told: the contact, its log, suppressions, and each message with what happened to it, without its
content. Erased: whatever names the person; what is counted stays.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection, transaction
from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat, Lower

from config.errors import PostinoError, Refusal
from tokens.models import Scope
from transactional import contact_lists, events, suppressions
from transactional.contacts import ERASED_ADDRESS
from transactional.models import (
    Body,
    BroadcastRow,
    Contact,
    ContactChange,
    DeliveryAttempt,
    Event,
    Message,
    OptInRequest,
    Recipient,
    Status,
    Subscribed,
    Subscription,
    SubscriptionChange,
    Suppression,
    SuppressionChange,
    SuppressionReason,
)

CHUNK = 200  # messages told at a time
# Statuses of mail that still needs its content
UNDER_WAY = (Status.QUEUED, Status.DEFERRED, Status.UNCERTAIN)

# A refused message has no recipients: whom it was for stands in its event
_REFUSED = """
SELECT m.id FROM transactional_message m JOIN transactional_event e ON e.message_id = m.id
WHERE m.account_id = %s AND m.refusal <> '' AND e.type = 'dropped' AND EXISTS (
    SELECT FROM jsonb_array_elements_text(
        CASE WHEN jsonb_typeof(e.data -> 'to') = 'array' THEN e.data -> 'to' ELSE '[]' END
    ) AS asked(address)
    WHERE lower(asked.address) = %s OR strpos(lower(asked.address), %s) > 0
)
"""


@dataclass(frozen=True, slots=True)
class Traces:
    """Where a person is named: as a recipient, and in messages that were refused."""

    recipients: Sequence[uuid.UUID]
    messages: Sequence[uuid.UUID]
    refused: Sequence[uuid.UUID]


def traces(account_id: int, email: str) -> Traces:
    """Look for an address in whatever case it was written. Reads the account's whole log."""
    rows = Recipient.objects.of(account_id).annotate(lower=Lower("address")).filter(lower=email)
    found = list(rows.order_by("-pk").values_list("pk", "message_id"))
    with connection.cursor() as cursor:
        cursor.execute(_REFUSED, [account_id, email, f"<{email}>"])
        refused = [row[0] for row in cursor.fetchall()]
    return Traces(
        [pk for pk, _message in found],
        list(dict.fromkeys(message for _pk, message in found)),
        sorted(set(refused), reverse=True),
    )


def told(contact: Contact) -> Iterator[bytes]:
    """Everything known about one person, as JSON, piece by piece."""
    account_id = contact.account_id
    found = traces(account_id, contact.email)
    log = ContactChange.objects.of(account_id).filter(contact=contact).order_by("pk")
    listed = (
        Suppression.objects.of(account_id)
        .filter(address=suppressions.keyed(contact.email))
        .order_by("pk")
    )
    head = {
        "contact": {
            "email": contact.email,
            "properties": contact.properties,
            "unsubscribed_at": contact.unsubscribed_at,
            "quarantined_at": contact.quarantined_at,
            "double_opt_in": contact.opt_in,
            "created_at": contact.created_at,
            "updated_at": contact.updated_at,
        },
        "changes": list(log.values("at", "what", "by", "why")),
        "suppression_changes": list(
            SuppressionChange.objects.of(account_id)
            .filter(address=contact.email)
            .order_by("pk")
            .values("at", "what", "reason", "by", "why")
        ),
        "suppressions": list(listed.values("reason", "scope", "evidence", "created_at")),
        **_audience(contact),
    }
    yield orjson.dumps(head)[:-1] + b',"messages":['
    comma = b""
    for ids in (found.messages, found.refused):
        for first in range(0, len(ids), CHUNK):
            for one in _messages(account_id, ids[first : first + CHUNK], set(found.recipients)):
                yield comma + orjson.dumps(one, default=str)
                comma = b","
    yield b"]}"


def _audience(contact: Contact) -> dict[str, Any]:
    """What the person agreed to hear of, with its history; lists; sends they were meant for."""
    account_id = contact.account_id
    answers = Subscription.objects.of(account_id).filter(contact=contact).order_by("type_id")
    agreed = SubscriptionChange.objects.of(account_id).filter(contact=contact).order_by("pk")
    asked = OptInRequest.objects.of(account_id).filter(contact=contact).order_by("pk")
    sends = BroadcastRow.objects.filter(broadcast__account_id=account_id, email=contact.email)
    words = ("type__name", "status", "legal_basis", "explanation", "source", "at")
    return {
        "subscriptions": list(answers.values(*words)),
        "subscription_changes": list(agreed.values(*words, "by")),
        "double_opt_in_requests": list(
            asked.values("type__name", "mails", "mailed_at", "expires_at", "confirmed_at")
        ),
        "lists": contact_lists.names_of(account_id, [contact.pk]).get(contact.pk, []),
        "sends": list(
            sends.order_by("pk").values(
                "broadcast_id", "broadcast__email__name", "values", "state", "code"
            )
        ),
    }


def _messages(
    account_id: int, ids: Sequence[uuid.UUID], own: set[uuid.UUID]
) -> list[dict[str, Any]]:
    """Messages with the person's own recipients, tries and events; nobody else's."""
    within = {"message_id__in": ids}
    recipients = Recipient.objects.of(account_id).filter(**within).order_by("pk")
    tries = DeliveryAttempt.objects.of(account_id).filter(**within).order_by("at")
    happened = Event.objects.of(account_id).filter(**within).order_by("at", "pk")
    told: dict[uuid.UUID, dict[str, Any]] = {}
    for one in Message.objects.of(account_id).filter(pk__in=ids).order_by("-pk"):
        told[one.pk] = {
            "id": one.pk, "at": one.created_at, "from": one.from_address, "subject": one.subject,
            "kind": one.kind, "refused": one.refusal, "recipients": [], "tries": [], "events": [],
        }  # fmt: skip
    for row in recipients.values("message_id", "pk", "address", "kind", "status", "status_at"):
        if row.pop("pk") in own:
            _of(told, row)["recipients"].append(row)
    for row in tries.values("message_id", "recipient_id", "at", "host", "code", "reply"):
        if row.pop("recipient_id") in own:
            _of(told, row)["tries"].append(row)
    for row in happened.values("message_id", "recipient_id", "type", "at", "data"):
        recipient_id = row.pop("recipient_id")
        if recipient_id is None or recipient_id in own:
            _of(told, row)["events"].append(row)
    return list(told.values())


def _of(
    told: dict[uuid.UUID, dict[str, Any]], row: dict[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    """What is told of the row's message; nothing more is, where that is past its time."""
    gone: dict[str, list[dict[str, Any]]] = {"recipients": [], "tries": [], "events": []}
    return told.get(row.pop("message_id"), gone)


def erase(account_id: int, contact_id: int) -> int:
    """Erase a person, in one transaction; returns how many messages named them.

    Raises PostinoError (MAIL_UNDER_WAY) while one of those messages still waits to be delivered,
    to this person or to another: its content is needed until then.
    """
    with transaction.atomic():
        contact = Contact.objects.of(account_id).select_for_update().get(pk=contact_id)
        found = traces(account_id, contact.email)
        _refuse_if_under_way(account_id, found.messages)
        messages = [*found.messages, *found.refused]
        Recipient.objects.of(account_id).filter(pk__in=found.recipients).update(
            address=ERASED_ADDRESS, reply=""
        )
        DeliveryAttempt.objects.of(account_id).filter(
            message_id__in=found.messages, recipient_id__in=found.recipients
        ).update(reply="", transcript="")
        events.anonymise(account_id, message_ids=messages, recipient_ids=found.recipients)
        Message.objects.of(account_id).filter(pk__in=messages).update(
            subject="", refusal_text="", labels=None
        )
        Body.objects.filter(pk__in=messages).delete()
        suppressions.forget_evidence(account_id, contact.email)
        SuppressionChange.objects.of(account_id).filter(
            address=suppressions.keyed(contact.email)
        ).update(address=ERASED_ADDRESS, why="")
        left = Subscription.objects.of(account_id).filter(
            contact=contact, status=Subscribed.UNSUBSCRIBED
        )
        if contact.unsubscribed_at is not None or left.exists():
            # The wish not to be mailed outlives what is known about the person
            suppressions.add(
                account_id,
                contact.email,
                reason=SuppressionReason.MANUAL,
                scope=Scope.MARKETING,
            )
        _erase_rows(account_id, contact.email)
        contact.delete()
    return len(messages)


def _erase_rows(account_id: int, email: str) -> None:
    """Sends keep that there was a row, not whose. What still waits to be sent is cancelled."""
    rows = BroadcastRow.objects.filter(broadcast__account_id=account_id, email=email)
    rows.filter(state=BroadcastRow.WAITING).update(state=Status.CANCELLED)
    erased = Concat(Value("erased-"), Cast("pk", CharField()), Value("@erased.invalid"))
    rows.update(email=erased, values={})


def _refuse_if_under_way(account_id: int, messages: Sequence[uuid.UUID]) -> None:
    waiting = Recipient.objects.of(account_id).filter(message_id__in=messages, status__in=UNDER_WAY)
    count = waiting.values("message_id").distinct().count()
    if count:
        raise PostinoError(
            Refusal(
                "MAIL_UNDER_WAY",
                f"{count} messages to this person are still under way.",
                http=409,
                retryable=True,
            )
        )
