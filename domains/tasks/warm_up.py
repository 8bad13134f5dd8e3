"""The periodic look at warm-ups: each day's budgets, and the end of those that are done."""

import logging

from celery import shared_task

from domains import warmup

logger = logging.getLogger(__name__)


@shared_task(name="domains.warm_up")
def warm_up() -> None:
    """End the warm-ups that have no budget left anywhere."""
    ended = warmup.finish_due()
    if ended:
        logger.info("%d IPs are warm now", ended)
