"""Undoes what an incident did to an account: its suppressions are lifted, its failed mail sent again.

Only mail that its receiver ended by one of the incident's refusals, that expired while it was parked for
it, within its window, or that was stopped in the queue since such a refusal had its address suppressed;
doing it again changes nothing.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from config.ids import uuid7_floor
from tokens import audit
from transactional import mailable, suppression_list, suppressions
from transactional.incidents.skeleton import skeleton
from transactional.models import (
    DeliveryAttempt,
    Event,
    EventType,
    Incident,
    IncidentAccount,
    Recipient,
    Status,
    Suppression,
    SuppressionReason,
)
from transactional.queue.parking import REASON
from transactional.requeue import Judged, judge, requeue

STEP = 500  # recipients per transaction
MOST = 100_000  # looked through; beyond it the page says "at least"
BEFORE = timedelta(
    minutes=1
)  # its beginning is the database's, the log's ids are of machines' clocks
AFTER = timedelta(minutes=10)  # behind its end: answers that were under way
ENDED = (
    Status.BOUNCED,
    Status.EXPIRED,
)  # refused for good, or put off or parked until its time was up
STOPPED = (Status.SUPPRESSED,)  # in the queue, since the incident had its address suppressed


@dataclass(frozen=True, slots=True)
class Caused:
    """What an undo would do now. `cut`: there is more than MOST.

    `late`: codes and the like that nobody has a use for any more; `gone`: mail whose body or secret
    values are no longer kept; `barred`: addresses that have been suppressed since for other reasons, or
    left. None of these is sent again.
    """

    since: datetime
    until: datetime
    failed: int
    suppressed: int
    cut: bool
    late: int = 0
    gone: int = 0
    barred: int = 0

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
    failed = suppressed = late = gone = barred = 0
    seen: set[uuid.UUID] = set()
    stopped = _stopped(one)
    for ids in _met(one):
        batch = [pk for pk in ids if pk not in seen]
        seen.update(batch)
        behind = [pk for cause in batch for pk in stopped.get(cause, ())]
        for judged in (
            judge(one.account_id, batch, ENDED),
            judge(one.account_id, behind, STOPPED),
        ):
            others = _barred_otherwise(one, batch, judged)
            failed += len(judged.ready) + len(judged.barred) - others
            barred += others
            late += len(judged.late)
            gone += len(judged.gone)
        suppressed += _suppressions(one.account_id, batch).count()
    return Caused(since, until, failed, suppressed, len(seen) >= MOST, late, gone, barred)


def undo(one: IncidentAccount, *, by: str) -> tuple[int, int]:
    """Lift and send again; how many suppressions and mails. In batches, each its own transaction."""
    lifted = again = 0
    why = f"Undo of incident {one.pk} with {one.incident.receiver}"
    stopped = _stopped(one)
    for batch in _met(one):
        behind = [pk for cause in batch for pk in stopped.get(cause, ())]
        with transaction.atomic():
            rows = list(_suppressions(one.account_id, batch).select_for_update())
            suppression_list.lift(one.account_id, rows, why=why, by=by, how="incident")
            lifted += len(rows)
            for ids, olds in ((batch, ENDED), (behind, STOPPED)):
                again += len(requeue(one.account_id, ids, olds, why=why, by=by).ready)
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


def _met(one: IncidentAccount) -> Iterator[Sequence[uuid.UUID]]:
    """Recipients of the account that the incident refused or kept waiting, in batches."""
    yield from _refused(one)
    yield from _waited(one)


def _refused(one: IncidentAccount) -> Iterator[Sequence[uuid.UUID]]:
    """Those of which a try at its receiver ended with one of its refusals, for good or for now: other
    receivers use the same words, of people who are really not there.

    An attempt's id carries its time, so only the window of the log is read.
    """
    words = one.incident.skeletons
    there = [{"step": "route", "data": {"site": one.incident.site}}]
    since, until = window(one.incident)
    attempts = (
        DeliveryAttempt.objects.of(one.account_id)
        .filter(
            pk__gte=uuid7_floor(since - BEFORE),
            pk__lt=uuid7_floor(until),
            source_address=one.incident.source.address,
            code__gte=400,
            decisions__contains=there,
        )
        .exclude(decisions__contains=[{"step": "fallback"}])
    )  # said by a smarthost
    batch: dict[uuid.UUID, None] = {}
    rows = attempts.order_by("pk").values_list("recipient_id", "reply")
    for recipient_id, reply in rows[:MOST].iterator(chunk_size=2000):
        if skeleton(reply) in words:
            batch[recipient_id] = None
        if len(batch) >= STEP:
            yield list(batch)
            batch = {}
    if batch:
        yield list(batch)


def _waited(one: IncidentAccount) -> Iterator[Sequence[uuid.UUID]]:
    """Those whose time was up while the incident had them parked: what they waited for is told."""
    since, until = window(one.incident)
    waited = {
        "step": "shaping",
        "code": "waited",
        "data": {"why": f"incident {one.incident.site}"[:REASON]},  # as it was parked
    }
    rows = Event.objects.of(one.account_id).filter(
        at__gte=since,
        at__lt=until,
        pk__gte=uuid7_floor(since),
        type=EventType.EXPIRED,
        data__decisions__contains=[waited],
    )
    batch: list[uuid.UUID] = []
    for pk in rows.order_by("at", "pk").values_list("recipient_id", flat=True)[:MOST].iterator():
        batch.append(pk)
        if len(batch) >= STEP:
            yield batch
            batch = []
    if batch:
        yield batch


def _stopped(one: IncidentAccount) -> Mapping[uuid.UUID, Sequence[uuid.UUID]]:
    """Mail that was stopped in the queue, by whose bounce had suppressed its address. It may have come
    to its next try long after the incident; of what may have arrived there is none.
    """
    since, _ = window(one.incident)
    rows = Event.objects.of(one.account_id).filter(
        at__gte=since,
        pk__gte=uuid7_floor(since),
        type=EventType.CANCELLED,
        data__how="suppressed",
        data__was__in=(Status.QUEUED, Status.DEFERRED),
        data__code=mailable.BOUNCED,
    )
    found: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    ordered = rows.order_by("at", "pk").values_list("recipient_id", "data__cause")
    for pk, cause in ordered[:MOST].iterator(chunk_size=2000):
        if cause is not None:
            found[uuid.UUID(cause)].append(pk)
    return found


def _barred_otherwise(one: IncidentAccount, batch: Sequence[uuid.UUID], judged: Judged) -> int:
    """How many must not be mailed for other reasons than the suppressions that an undo lifts."""
    if not judged.barred:
        return 0
    lifted = set(_suppressions(one.account_id, batch).values_list("address", flat=True))
    rows = Recipient.objects.of(one.account_id).filter(pk__in=list(judged.barred))
    return sum(
        judged.barred[pk] != mailable.BOUNCED or suppressions.keyed(address) not in lifted
        for pk, address in rows.values_list("pk", "address")
    )


def _suppressions(account_id: int, ids: Sequence[uuid.UUID]) -> QuerySet[Suppression]:
    return Suppression.objects.of(account_id).filter(
        recipient_id__in=ids, reason=SuppressionReason.HARD_BOUNCE
    )
