"""The periodic check of domains and IPs that are due."""

from datetime import timedelta
from typing import TypeVar

from celery import shared_task
from django.db import models, transaction
from django.utils import timezone

from domains.checks import check_domains
from domains.models import Domain, EgressSource, SourceState
from domains.source_checks import check_sources

BATCH = 50  # rows of each kind a run: with bounded DNS waits it ends well before the next minute
LEASE = timedelta(minutes=2)  # a claimed row is another worker's again after this
Row = TypeVar("Row", Domain, EgressSource)


@shared_task(name="domains.check_due")
def check_due() -> None:
    """Check what is due, in short transactions around DNS, never in one."""
    domains = claim(Domain.objects.all())
    if domains:
        check_domains(domains)
    sources = claim(EgressSource.objects.exclude(state=SourceState.PAUSED))
    if sources:
        check_sources(sources)


def claim(rows: "models.QuerySet[Row]") -> list[Row]:
    """Take due rows that no other worker holds, and put off their next check by the lease."""
    now = timezone.now()
    with transaction.atomic():
        due = rows.filter(next_check_at__lte=now).order_by("next_check_at")
        taken = list(due.select_for_update(skip_locked=True, of=("self",))[:BATCH])
        # Every tenant's rows: the caller is the platform itself
        rows.model._default_manager.filter(pk__in=[row.pk for row in taken]).update(
            next_check_at=now + LEASE
        )
    return taken
