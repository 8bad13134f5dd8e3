"""The daily chore of receivers' reports: those past their time go."""

import logging

from celery import shared_task
from django.utils import timezone

from domains import report_log

logger = logging.getLogger(__name__)


@shared_task(name="domains.forget_reports")
def forget_reports() -> None:
    """Remove what is older than it is kept, a batch at a time."""
    if gone := report_log.forget_old(timezone.now()):
        logger.info("%d old reports were removed", gone)
