"""The only writer of pauses over spam complaints: begun and ended by rates, or lifted by a person.

A pause stops marketing mail alone: of an account's domain, or from one of the operator's shared IPs.
Dedicated IPs carry no marketing mail, so they are never paused. What waits is let go by
`transactional/complaint_holds.py`.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from domains import pools
from domains.complaint_rates import WEEK, WINDOWS, Ruling, Terms
from domains.models import ComplaintPause, Domain, EgressSource, SourceEvent
from domains.source_states import Why, tell
from tokens import audit

logger = logging.getLogger(__name__)

A_DAY = timedelta(days=1)


def terms() -> Terms:
    """What the settings say."""
    percent = Decimal(str(settings.COMPLAINT_PAUSE_PERCENT))
    return Terms(percent, settings.COMPLAINT_PAUSE_DELIVERED)


def pause(on: Domain | EgressSource, ruling: Ruling) -> ComplaintPause | None:
    """Begin a pause; None where one stands already."""
    counts, limit = ruling.counts, terms().percent
    values: dict[str, Any] = {
        "window": ruling.window,
        "since": ruling.since,
        "delivered": counts.delivered,
        "complaints": counts.complaints,
        "percent": min(counts.percent or Decimal(0), Decimal("999.999")),
        "limit": limit,
    }
    of = (
        {"source": on}
        if isinstance(on, EgressSource)
        else {"domain": on, "account_id": on.account_id}
    )
    try:
        with transaction.atomic():
            row: ComplaintPause = ComplaintPause.objects.create(**of, **values)
            if isinstance(on, EgressSource):
                why = Why("complaints", row.evidence)
                tell(on, SourceEvent.COMPLAINTS, was=on.state, why=why)
            else:
                _record(row, "domain.marketing_paused", by=audit.SYSTEM)
    except IntegrityError:
        return None
    transaction.on_commit(pools.forget)
    logger.error(
        "COMPLAINTS: %s of %s delivered from %s were reported as spam (%s %%): its marketing mail waits",
        row.complaints, row.delivered, on, row.percent,
    )  # fmt: skip
    return row


def end(pause_id: int, *, by: str = "") -> ComplaintPause | None:
    """End a pause, by itself or by a person who answers for it; None where it was over already."""
    with transaction.atomic():
        rows = ComplaintPause.objects.standing().filter(pk=pause_id)
        if not rows.update(ended_at=timezone.now(), ended_by=by[:254]):
            return None
        row: ComplaintPause = ComplaintPause.objects.select_related("domain", "source").get(
            pk=pause_id
        )
        if row.source is not None:
            why = Why("complaints_answered" if by else "complaints_fell", {}, by)
            tell(row.source, SourceEvent.COMPLAINTS_OVER, was=row.source.state, why=why)
        else:
            act = "lifted" if by else "resumed"
            _record(row, f"domain.marketing_{act}", by=by or audit.SYSTEM)
    transaction.on_commit(pools.forget)
    logger.warning(
        "complaints: marketing mail from %s goes on (%s)",
        row.domain or row.source,
        by or "by itself",
    )
    return row


def _record(row: ComplaintPause, what: str, *, by: str) -> None:
    assert row.domain is not None  # noqa: S101 — a constraint of its table
    assert row.account_id is not None  # noqa: S101 — the same
    audit.record(
        row.account_id, what, by=by, target=f"domain:{row.domain_id}", name=row.domain.name,
        data=row.evidence,
    )  # fmt: skip


def standing_of(account_id: int, domain: str) -> ComplaintPause | None:
    """The pause of an account's domain that stands now."""
    rows = ComplaintPause.objects.of(account_id).standing().filter(domain__name=domain)
    found: ComplaintPause | None = rows.select_related("domain").first()
    return found


def paused_domains() -> frozenset[tuple[int, str]]:
    """Each account and domain of its whose marketing mail waits."""
    rows = ComplaintPause.objects.standing().filter(domain__isnull=False)
    return frozenset(rows.values_list("account_id", "domain__name"))


def answered_for(today: date) -> Mapping[tuple[int, int], date]:
    """From which day on mail counts again where a person has lifted a pause: by (domain, source) id,
    0 for none. What was delivered up to and on the day of the lift is not held against it again.
    """
    began = datetime.combine(today - timedelta(days=WINDOWS[WEEK]), datetime.min.time(), UTC)
    rows = ComplaintPause.objects.filter(ended_at__gte=began).exclude(ended_by="")
    found: dict[tuple[int, int], date] = {}
    for domain, source, ended in rows.values_list("domain_id", "source_id", "ended_at"):
        key, day = (domain or 0, source or 0), ended.astimezone(UTC).date() + A_DAY
        found[key] = max(day, found.get(key, day))
    return found
