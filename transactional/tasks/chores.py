"""Periodic chores: give back what silent workers hold, suppress worn-out addresses."""

import logging
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from transactional import clock, queue, sweeper
from transactional.compose import rollouts, version_counts
from transactional.compose.contract import purge
from transactional.egress import recall, tls_memory
from transactional.egress.engine import connect
from transactional.inbound import probation, worn
from transactional.models import Lane
from transactional.submission import senders, tls_reports

logger = logging.getLogger(__name__)
TURNS = 20  # batches of one run: a long log must not keep the worker from its other chores


@shared_task(name="transactional.sweep")
def sweep() -> None:
    """Free rows whose lease ran out, and wake the workers for them."""
    now = clock.settle()  # first: a clock that was set has ended no lease
    recall.look_now(connect)  # what is known of a dead worker's copies leaves them in no doubt
    freed = sweeper.sweep(until=now + timedelta(seconds=1))
    if freed:
        logger.warning("%d messages were given back by silent workers", freed)
        queue.wake(Lane.values)


@shared_task(name="transactional.forget_sender_mails")
def forget_sender_mails() -> None:
    """Remove what the limits of confirmation mails need no more."""
    senders.forget_mails(timezone.now())


@shared_task(name="transactional.send_tls_reports")
def send_tls_reports() -> None:
    """Report days that are over to the domains that ask how TLS towards them went; forget what is old."""
    tls_memory.forget(timezone.now())
    if sent := tls_reports.send_due(timezone.now()):
        logger.info("%d TLS reports were sent", sent)


@shared_task(name="transactional.suppress_worn")
def suppress_worn() -> None:
    """Suppress addresses that bounced softly again and again."""
    found = worn.suppress(timezone.now())
    if found:
        logger.info("%d addresses were suppressed after repeated soft bounces", found)
    lifted, put_off = probation.settle(timezone.now())
    if lifted or put_off:
        logger.info("%d addresses passed their trial, %d did not", lifted, put_off)


@shared_task(name="transactional.purge_secrets")
def purge_secrets() -> None:
    """Take secret values out of messages whose last copy has left or was given up."""
    for _turn in range(TURNS):
        if purge.purge() < purge.BATCH:
            break


@shared_task(name="transactional.watch_rollouts")
def watch_rollouts() -> None:
    """Count mail by version; end roll-outs that do harm, let grow those that do well."""
    for _turn in range(TURNS):
        if version_counts.fold() < version_counts.BATCH:
            break
    rollouts.watch()
