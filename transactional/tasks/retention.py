"""Periodic: partitions of the time to come are made, mail that is past its time goes."""

import logging

from celery import shared_task
from django.utils import timezone

from transactional import retention
from transactional.models import partitions as months

logger = logging.getLogger(__name__)


@shared_task(name="transactional.partitions")
def partitions() -> None:
    """Make the partitions of the time to come."""
    for name in months.ensure(timezone.now()):
        logger.info("partition %s made", name)


@shared_task(name="transactional.retention")
def remove_old() -> None:
    """Remove what is past its time."""
    done = retention.run(timezone.now())
    for name in done.partitions:
        logger.info("partition %s is past its time: dropped", name)
    rows = done.strays + done.messages + done.bodies + done.sends + done.send_ids
    if rows:
        logger.info("%d rows that were past their time were removed", rows)
