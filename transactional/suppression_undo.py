"""Undo of suppressions by a time window or a rule: what a receiver's fault or a wrong import did.

Counted first, then done in batches; a second time finds nothing. Each address is kept in the log
of changes, the whole in the account's audit log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, QuerySet

from tokens import audit
from transactional import suppression_list
from transactional.models import Suppression, SuppressionReason
from transactional.wire.address import AddressError, parse_address

STEP = 500  # addresses per transaction
SAMPLE = 10
BOUNCES = (SuppressionReason.HARD_BOUNCE, SuppressionReason.SOFT_BOUNCE)


class RuleError(ValueError):
    """A rule that is none; its text is a stable code: empty, window, reason, domain."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which suppressions: put on the list within the window (`until` is excluded), for one of the
    `reasons` (none named: bounces), of addresses at a `domain`, with these words in the evidence.
    """

    since: datetime | None = None
    until: datetime | None = None
    reasons: tuple[SuppressionReason, ...] = BOUNCES
    domain: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What an undo would lift now: how many, for which reasons, and the newest few."""

    count: int
    reasons: Mapping[str, int]
    sample: Sequence[Suppression]


def rule(
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    reasons: Sequence[str] = (),
    domain: str = "",
    said: str = "",
) -> Rule:
    """A rule that was checked. Raises RuleError.

    A window's end alone, or a reason alone, would be the whole list: that is refused.
    """
    named = domain.strip().lower().removeprefix("@")
    words = " ".join(said.replace("\0", " ").split())[:200]
    if since and until and since >= until:
        raise RuleError("window")
    if not (since or named or words):
        raise RuleError("empty")
    try:
        asked = tuple(SuppressionReason(one) for one in reasons)
    except ValueError as err:
        raise RuleError("reason") from err
    if named:
        try:
            named = parse_address(f"x@{named}").domain_ascii
        except AddressError as err:
            raise RuleError("domain") from err
    return Rule(since, until, asked or BOUNCES, named, words)


def preview(account_id: int, asked: Rule) -> Preview:
    """What `undo` would do, and does nothing."""
    rows = _rows(account_id, asked)
    counted = rows.order_by().values_list("reason").annotate(n=Count("pk"))
    reasons = {str(reason): int(n) for reason, n in counted}
    return Preview(sum(reasons.values()), reasons, list(rows.order_by("-pk")[:SAMPLE]))


def undo(account_id: int, asked: Rule, *, why: str, by: str) -> int:
    """Lift them all; returns how many. What came onto the list meanwhile is lifted too if it fits."""
    lifted = 0
    while True:
        with transaction.atomic():
            rows = list(_rows(account_id, asked).order_by("pk").select_for_update()[:STEP])
            suppression_list.lift(account_id, rows, why=why, by=by, how="undo")
        lifted += len(rows)
        if len(rows) < STEP:
            break
    if lifted:
        audit.record(
            account_id, "suppressions.undone", by=by, target="suppressions", data={
                "lifted": lifted,
                "since": asked.since.isoformat() if asked.since else "",
                "until": asked.until.isoformat() if asked.until else "",
                "reasons": " ".join(asked.reasons),
                "domain": asked.domain,
            },
        )  # fmt: skip
    return lifted


def _rows(account_id: int, asked: Rule) -> QuerySet[Suppression]:
    rows: QuerySet[Suppression] = Suppression.objects.of(account_id).filter(
        reason__in=asked.reasons
    )
    if asked.since:
        rows = rows.filter(created_at__gte=asked.since)
    if asked.until:
        rows = rows.filter(created_at__lt=asked.until)
    if asked.domain:
        rows = rows.filter(address__endswith=f"@{asked.domain}")
    if asked.said:
        rows = rows.filter(evidence__icontains=asked.said)
    return rows
