"""Undoes what an incident did to an account: its suppressions are lifted, its failed mail sent again.

Only mail that the incident's own refusal ended, within its window; doing it again changes nothing.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from config.ids import uuid7_floor
from tokens import audit
from transactional import suppression_list
from transactional.incidents.requeue import requeue
from transactional.incidents.skeleton import skeleton
from transactional.models import (
    DeliveryAttempt,
    Incident,
    IncidentAccount,
    Recipient,
    Status,
    Suppression,
    SuppressionReason,
)

STEP = 500  # recipients per transaction
MOST = 100_000  # looked through; beyond it the page says "at least"
AFTER = timedelta(minutes=10)  # behind its end: answers that were under way


@dataclass(frozen=True, slots=True)
class Caused:
    """What an undo would do now. `cut`: there is more than MOST."""

    since: datetime
    until: datetime
    failed: int
    suppressed: int
    cut: bool

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to undo (any more)."""
        return not (self.failed or self.suppressed)


def window(incident: Incident) -> tuple[datetime, datetime]:
    """From the first alike refusal to the incident's end, or now."""
    until = (incident.closed_at + AFTER) if incident.closed_at else timezone.now()
    return incident.began_at, until


def preview(one: IncidentAccount) -> Caused:
    """What the incident has done to the account and is not undone yet."""
    since, until = window(one.incident)
    failed = suppressed = seen = 0
    for batch in _refused(one):
        seen += len(batch)
        failed += len(_bounced(one.account_id, batch))
        suppressed += _suppressions(one.account_id, batch).count()
    return Caused(since, until, failed, suppressed, seen >= MOST)


def undo(one: IncidentAccount, *, by: str) -> tuple[int, int]:
    """Lift and send again; how many suppressions and mails. In batches, each its own transaction."""
    lifted = again = 0
    why = f"Undo of incident {one.pk} with {one.incident.receiver}"
    for batch in _refused(one):
        with transaction.atomic():
            rows = list(_suppressions(one.account_id, batch).select_for_update())
            suppression_list.lift(one.account_id, rows, why=why, by=by, how="incident")
            lifted += len(rows)
            ids = _bounced(one.account_id, batch)
            again += requeue(one.account_id, ids, why=why)
    with transaction.atomic():
        row = IncidentAccount.objects.of(one.account_id).select_for_update().get(pk=one.pk)
        row.undone_at, row.undone_by = timezone.now(), by[:254]
        row.lifted += lifted
        row.requeued += again
        row.save(update_fields=["undone_at", "undone_by", "lifted", "requeued"])
        audit.record(
            one.account_id, "incident.undone", by=by, target=f"incident:{one.pk}",
            name=one.incident.site, data={"lifted": lifted, "requeued": again},
        )  # fmt: skip
    return lifted, again


def _refused(one: IncidentAccount) -> Iterator[Sequence[uuid.UUID]]:
    """Recipients of the account whose try ended with the incident's refusal, in batches.

    An attempt's id carries its time, so only the window of the log is read.
    """
    since, until = window(one.incident)
    attempts = DeliveryAttempt.objects.of(one.account_id).filter(
        pk__gte=uuid7_floor(since),
        pk__lt=uuid7_floor(until),
        source_address=one.incident.source.address,
        code__gte=500,
    )
    batch: dict[uuid.UUID, None] = {}
    rows = attempts.order_by("pk").values_list("recipient_id", "reply")
    for recipient_id, reply in rows[:MOST].iterator(chunk_size=2000):
        if skeleton(reply) == one.incident.skeleton:
            batch[recipient_id] = None
        if len(batch) >= STEP:
            yield list(batch)
            batch = {}
    if batch:
        yield list(batch)


def _bounced(account_id: int, ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    found = Recipient.objects.of(account_id).filter(pk__in=ids, status=Status.BOUNCED)
    return list(found.values_list("pk", flat=True))


def _suppressions(account_id: int, ids: Sequence[uuid.UUID]) -> QuerySet[Suppression]:
    return Suppression.objects.of(account_id).filter(
        recipient_id__in=ids, reason=SuppressionReason.HARD_BOUNCE
    )
