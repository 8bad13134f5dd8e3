"""What a report changes: status, events, suppressions and consent, in one transaction each.

Every effect is idempotent: the same report twice is one event.
"""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from domains import sites, warmup
from transactional import classify, events, lifecycle, subscriptions, suppressions
from transactional.events import NewEvent
from transactional.models import (
    DeliveryAttempt,
    EventType,
    Recipient,
    Status,
    SubscriptionSource,
    SuppressionReason,
)

NO_REASON = "The report gives no reason."
_UUID7 = 0x7 << 76
_VARIANT = 0b10 << 62


def bounced(recipient_id: uuid.UUID, *, status: str, diagnostic: str, text: str = "") -> bool:
    """A receiver gave the message up. False where that was known, or nobody is meant.

    `text` are the report's words for people, read where the server's own say little.
    """
    verdict = classify.report(status=status, diagnostic=diagnostic, text=text)
    evidence = diagnostic or status or " ".join(text.split())[:500] or NO_REASON
    report = lifecycle.Report(
        recipient_id=recipient_id,
        status=Status.BOUNCED,
        reply=evidence,
        data={
            "category": str(verdict.category),
            "reason": str(verdict.reason),
            "status": status,
            "reported": True,
        },
    )
    with transaction.atomic():
        if not lifecycle.apply_report(report):
            return False
        if verdict.category is classify.Category.HARD:
            _suppress(recipient_id, SuppressionReason.HARD_BOUNCE, evidence)
    return True


def delayed(recipient_id: uuid.UUID, *, status: str, diagnostic: str, report_id: str) -> bool:
    """A receiver keeps trying on its own: told, and nothing else changes.

    Not told of a recipient whose mail has failed: such a report was overtaken by the end.
    """
    if Recipient.objects.filter(pk=recipient_id, status=Status.BOUNCED).exists():
        return False
    data = {"status": status, "response": diagnostic[:1000], "reported": True}
    event_id = told_once(recipient_id, f"delayed {report_id}")
    return _append(recipient_id, EventType.DEFERRED, event_id, data)


def complained(recipient_id: uuid.UUID, *, evidence: str, data: Mapping[str, Any]) -> bool:
    """Its reader called the message spam: consent is withdrawn, marketing mail stops.

    Transactional mail goes on, unless the account's complaint_scope says otherwise.
    """
    with transaction.atomic():
        event_id = told_once(recipient_id, "complained")
        if not _append(recipient_id, EventType.COMPLAINED, event_id, data):
            return False
        _complaint_about_ip(recipient_id)
        subscriptions.leave_all(
            recipient_id, source=SubscriptionSource.COMPLAINT, data={"how": "complaint"}
        )
        _suppress(recipient_id, SuppressionReason.COMPLAINT, evidence)
    return True


def opted_out(recipient_id: uuid.UUID) -> bool:
    """Its reader asked the mail provider to be left alone; False where that was known."""
    return subscriptions.leave_all(
        recipient_id, source=SubscriptionSource.FEEDBACK, data={"how": "feedback"}
    )


def _complaint_about_ip(recipient_id: uuid.UUID) -> None:
    """Told to the warm-up of the IP it left from, at the provider that took it."""
    row = Recipient.objects.filter(pk=recipient_id).values_list("message_id", "source_id").first()
    if row is None or row[1] is None:
        return
    tries = DeliveryAttempt.objects.filter(message_id=row[0], recipient_id=recipient_id)
    host = tries.order_by("-pk").values_list("host", flat=True).first() or ""
    warmup.complained(row[1], sites.provider_of(host))


def told_once(recipient_id: uuid.UUID, what: str) -> uuid.UUID:
    """The id of the one event that says `what` of a recipient: a UUIDv7 of the recipient's own
    moment, so that it lands in the same partition.
    """
    digest = hashlib.blake2b(what.encode(), key=recipient_id.bytes, digest_size=10).digest()
    noise = int.from_bytes(digest, "big")
    low = (noise >> 12) & ((1 << 62) - 1)
    moment = recipient_id.int >> 80 << 80
    return uuid.UUID(int=moment | _UUID7 | (noise & 0xFFF) << 64 | _VARIANT | low)


def _append(
    recipient_id: uuid.UUID, kind: EventType, event_id: uuid.UUID, data: Mapping[str, Any]
) -> bool:
    found = (
        Recipient.objects.filter(pk=recipient_id)
        .values_list("account_id", "message_id", "message__campaign_id")
        .first()
    )
    if found is None:
        return False
    account_id, message_id, campaign_id = found
    event = NewEvent(
        id=event_id,
        account_id=account_id,
        message_id=message_id,
        recipient_id=recipient_id,
        campaign_id=campaign_id,
        type=kind,
        at=timezone.now(),
        data=data,
    )
    return events.append([event]) == 1


def _suppress(recipient_id: uuid.UUID, reason: SuppressionReason, evidence: str) -> None:
    account_id, address = Recipient.objects.values_list("account_id", "address").get(
        pk=recipient_id
    )
    suppressions.add(
        account_id, address, reason=reason, evidence=evidence, recipient_id=recipient_id
    )
