"""The list of suppressions as members see and change it; what they do is kept with who and why."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC

from django.db import transaction

from tokens.models import Scope
from transactional import suppressions
from transactional.models import (
    Recipient,
    Suppression,
    SuppressionChange,
    SuppressionChanged,
    SuppressionReason,
)
from transactional.suppression_files import Read

EXPORT_STEP = 1000  # rows that an export reads at a time
CHANGES_SHOWN = 10


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
        found = found.filter(address=address.lower())
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
        found = found.filter(address=address.lower())
    return list(found.order_by("-pk")[:CHANGES_SHOWN])


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
    reason = SuppressionReason(row.reason)
    row.delete()
    _log(account_id, SuppressionChanged.REMOVED, row.address, reason, by=by, why=why)
    return True


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
        address=address.lower(),
        reason=str(reason),
        by=by[:254],
        why=why[:500],
    )
