"""The list of suppressions as members see and change it; what they do is kept with who and why."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC

from django.db import transaction
from django.utils import timezone

from tokens.models import Scope
from transactional import events, suppressions
from transactional.events import NewEvent
from transactional.models import (
    EventType,
    GlobalBlock,
    Recipient,
    Suppression,
    SuppressionChange,
    SuppressionChanged,
    SuppressionReason,
)
from transactional.suppression_files import Read

EXPORT_STEP = 1000  # rows that an export reads at a time
CHANGES_SHOWN = 10
_NO_FAULT = ("incident", "undo")  # such bounces never spoke against the address
_BOUNCES = (SuppressionReason.HARD_BOUNCE, SuppressionReason.SOFT_BOUNCE)


@dataclass(frozen=True, slots=True)
class Listed:
    """A suppression and the message that caused it, where there is one."""

    row: Suppression
    message_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: rows that are new, and those that were on the list."""

    new: int
    known: int


def listing(account_id: int, address: str, *, before: int | None, limit: int) -> list[Listed]:
    """Suppressions older than `before`, newest first. An `address` that ends in * is a beginning."""
    found = Suppression.objects.of(account_id)
    if before is not None:
        found = found.filter(pk__lt=before)
    if address.endswith("*"):
        found = found.filter(address__startswith=address[:-1].lower())
    elif address:
        found = found.filter(address=suppressions.keyed(address))
    rows = list(found.order_by("-pk")[:limit])
    causes = [row.recipient_id for row in rows if row.recipient_id is not None]
    known = dict(
        Recipient.objects.of(account_id).filter(pk__in=causes).values_list("pk", "message_id")
    )
    return [Listed(row, known.get(row.recipient_id)) for row in rows]


def changes(account_id: int, address: str) -> list[SuppressionChange]:
    """What members did last, to this address where one is given in full."""
    found = SuppressionChange.objects.of(account_id)
    if address and not address.endswith("*"):
        found = found.filter(address=suppressions.keyed(address))
    return list(found.order_by("-pk")[:CHANGES_SHOWN])


def blocked_for_all(address: str) -> GlobalBlock | None:
    """The block of this whole address for every account, where there is one now."""
    found: GlobalBlock | None = GlobalBlock.objects.filter(
        address=suppressions.keyed(address), until__gt=timezone.now()
    ).first()
    return found


@transaction.atomic
def add(account_id: int, address: str, *, scope: Scope, why: str, by: str) -> bool:
    """Suppress an address by hand; False where it was, and no less."""
    reason = SuppressionReason.MANUAL
    new = suppressions.add(account_id, address, reason=reason, scope=scope, evidence=why)
    if new:
        _log(account_id, SuppressionChanged.ADDED, address, reason, by=by, why=why)
    return new


@transaction.atomic
def remove(account_id: int, suppression_id: int, *, why: str, by: str) -> bool:
    """Let an address be mailed again; False where it was taken off meanwhile."""
    found = Suppression.objects.of(account_id).select_for_update().filter(pk=suppression_id)
    row = found.first()
    if row is None:
        return False
    lift(account_id, [row], why=why, by=by, how="member")
    return True


def lift(account_id: int, rows: Sequence[Suppression], *, why: str, by: str, how: str) -> None:
    """Take rows of the account off the list, in the caller's transaction that has locked them.

    A bounce that is behind one is told as lifted in its message's story; `how` says through what.
    """
    SuppressionChange.objects.bulk_create(
        SuppressionChange(
            account_id=account_id, what=SuppressionChanged.REMOVED,
            address=row.address, reason=row.reason, by=by[:254], why=why[:500],
        )
        for row in rows
    )  # fmt: skip
    causes = [row.recipient_id for row in rows if row.recipient_id and row.reason in _BOUNCES]
    behind = Recipient.objects.of(account_id).filter(pk__in=causes)
    now = timezone.now()
    events.append(
        [
            NewEvent(
                account_id=account_id, message_id=message_id, recipient_id=pk,
                campaign_id=campaign_id, type=EventType.UNBOUNCED, at=now, data={"how": how},
            )
            for pk, message_id, campaign_id in behind.values_list(
                "pk", "message_id", "message__campaign_id"
            )
        ]
    )  # fmt: skip
    Suppression.objects.of(account_id).filter(pk__in=[row.pk for row in rows]).delete()
    if how in _NO_FAULT:
        suppressions.unblock([row.address for row in rows])


@transaction.atomic
def import_read(account_id: int, read: Read, *, name: str, by: str) -> Imported:
    """Add what a file names; the whole of it or nothing. What is there is never narrowed."""
    new = suppressions.add_many(
        account_id, [(one.address, one.reason, one.scope, one.evidence) for one in read.entries]
    )
    done = Imported(new=new, known=len(read.entries) - new)
    why = f"{name[:200]} ({read.form}): {done.new} new, {done.known} known, {read.skipped} left out"
    _log(account_id, SuppressionChanged.IMPORTED, "", "", by=by, why=why)
    return done


def exported(account_id: int) -> Iterator[Sequence[str]]:
    """Every suppression as cells of `suppression_files.COLUMNS`, oldest first, few at a time."""
    after = 0
    while True:
        found = Suppression.objects.of(account_id).filter(pk__gt=after).order_by("pk")
        rows = list(found[:EXPORT_STEP])
        for row in rows:
            yield (
                row.address,
                row.reason,
                row.scope,
                row.evidence,
                str(row.recipient_id or ""),
                row.created_at.astimezone(UTC).isoformat(timespec="seconds"),
            )
        if len(rows) < EXPORT_STEP:
            return
        after = rows[-1].pk


def _log(
    account_id: int, what: SuppressionChanged, address: str, reason: str, *, by: str, why: str
) -> None:
    SuppressionChange.objects.create(
        account_id=account_id,
        what=what,
        address=suppressions.keyed(address),
        reason=str(reason),
        by=by[:254],
        why=why[:500],
    )
