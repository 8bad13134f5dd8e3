"""Periodic tasks: each may run twice, be killed or be missed, and every hit still counts once."""

import time

from celery import shared_task
from django.utils import timezone

from analytics import engagement, rollup

BUSY = 20.0  # seconds a run goes on while there is more to fold


@shared_task(name="analytics.record_engagement")
def record_engagement() -> None:
    """Commit this host's spooled opens and clicks; so it must run on every host that serves web."""
    engagement.ingest()


@shared_task(name="analytics.fold")
def fold() -> None:
    """Fold new events into the counters, batch by batch."""
    until = time.monotonic() + BUSY
    while rollup.fold() == rollup.BATCH and time.monotonic() < until:
        pass


@shared_task(name="analytics.forget_firsts")
def forget_firsts() -> None:
    """Forget who opened first of mail that is past its time: nobody can open it again."""
    engagement.forget_firsts(timezone.now())
