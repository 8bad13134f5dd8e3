"""The periodic work of this floor: checks of domains and IPs, the turns of DKIM keys."""

from datetime import timedelta
from typing import TypeVar

from celery import shared_task
from django.db import models, transaction
from django.utils import timezone

from domains import blocklists
from domains.checks import check_domains
from domains.dkim import rotation
from domains.models import Domain, EgressSource, SourceState
from domains.source_checks import check_sources

BATCH = 50  # rows of each kind a run: with bounded DNS waits it ends well before the next minute
LEASE = timedelta(minutes=2)  # a claimed row is another worker's again after this
Row = TypeVar("Row", Domain, EgressSource)


@shared_task(name="domains.check_due")
def check_due() -> None:
    """Check what is due, in short transactions around DNS, never in one."""
    domains = claim(Domain.objects.all(), "next_check_at")
    if domains:
        check_domains(domains)
        blocklists.look(domain.name for domain in domains)
    sources = claim(EgressSource.objects.exclude(state=SourceState.PAUSED), "next_check_at")
    if sources:
        check_sources(sources)


@shared_task(name="domains.tend_keys")
def tend_keys() -> None:
    """Mint, rotate and retire the DKIM keys that are due."""
    for domain in claim(Domain.objects.all(), "keys_due_at"):
        rotation.tend(domain)


def claim(rows: "models.QuerySet[Row]", due: str) -> list[Row]:
    """Take rows due by this column that no other worker holds, and put them off by the lease."""
    now = timezone.now()
    with transaction.atomic():
        late = rows.filter(**{f"{due}__lte": now}).order_by(due)
        taken = list(late.select_for_update(skip_locked=True, of=("self",))[:BATCH])
        # Every tenant's rows: the caller is the platform itself
        rows.model._default_manager.filter(pk__in=[row.pk for row in taken]).update(
            **{due: now + LEASE}
        )
    return taken
