"""Periodic chore: end the credentials that have expired, so that lists show what works."""

import logging

from celery import shared_task

from tokens import credentials

logger = logging.getLogger(__name__)


@shared_task(name="tokens.remove_expired")
def remove_expired() -> None:
    """They are refused from their last second on; this takes them off the lists."""
    if count := credentials.remove_expired():
        logger.info("%d expired credentials were ended", count)
