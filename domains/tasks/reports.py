"""The chores of receivers' reports: those past their time go, those who send get their names."""

import logging

from celery import shared_task
from django.utils import timezone

from domains import report_log, source_names

logger = logging.getLogger(__name__)


@shared_task(name="domains.forget_reports")
def forget_reports() -> None:
    """Remove what is older than it is kept, a batch at a time."""
    if gone := report_log.forget_old(timezone.now()):
        logger.info("%d old reports were removed", gone)


@shared_task(name="domains.name_sources")
def name_sources() -> None:
    """Find out the names of IPs that reports tell of."""
    if looked := source_names.name_sources(timezone.now()):
        logger.info("%d senders were looked up", looked)
