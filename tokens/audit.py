"""The one writer and reader of the account's audit log.

Any floor may record: give the act a dotted code and its sentence a line in
`tokens/audit_words_table.py`. Never put a secret or a person's data into `data`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tokens.models import Account, AuditEntry

SYSTEM = "postino"  # who acts when nobody does: an automatic stop, a sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the log is narrowed to: one `target`, one person, or codes that begin with `what`."""

    what: str = ""
    by: str = ""
    target: str = ""


def record(
    account: Account | int,
    what: str,
    *,
    by: str,
    target: str = "",
    name: str = "",
    data: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Write that `by` did `what`, in the caller's transaction: it stands only if the act does.

    `target` is `email:12`, `key:3`, …; `name` what people call it at this moment.
    """
    entry: AuditEntry = AuditEntry.objects.create(
        account_id=account if isinstance(account, int) else account.pk,
        what=what,
        by=by[:254] or SYSTEM,
        target=target,
        name=name[:200],
        data=dict(data or {}),
    )
    return entry


def page(
    account: Account | int, filters: Filters, *, before: int | None = None, limit: int = 50
) -> Sequence[AuditEntry]:
    """Entries older than the id `before`, newest first."""
    rows = AuditEntry.objects.of(account)
    if filters.what:
        rows = rows.filter(what__startswith=filters.what)
    if filters.by:
        rows = rows.filter(by=filters.by)
    if filters.target:
        rows = rows.filter(target=filters.target)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[:limit])


def last(account: Account | int, *, target: str, what: str) -> datetime | None:
    """When `what` last happened to a target; None: never."""
    rows = AuditEntry.objects.of(account).filter(target=target, what=what)
    return rows.order_by("-pk").values_list("at", flat=True).first()
