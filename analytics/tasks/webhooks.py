"""The webhook worker: a process that serves the queue `webhooks` hosts one engine for its life.

And chores: switch off what took nothing for days, write to owners, remove what is old.
"""

import logging
import os
import signal
import threading
from datetime import timedelta
from typing import Any

import psycopg
from celery import shared_task
from celery.signals import worker_ready, worker_shutdown
from django.conf import settings
from django.db import Error, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from analytics.models import EndpointState, WebhookEndpoint
from analytics.webhooks import endpoints, outbox, replays
from analytics.webhooks.engine import Engine
from config.errors import PostinoError
from transactional import clock
from transactional.submission import own_mail

logger = logging.getLogger(__name__)
QUEUE = "webhooks"
OFF = (EndpointState.DISABLED, EndpointState.GONE)  # by themselves, so that owners hear of it
AT_ONCE = 50  # endpoints told by one run
GIVEN_UP = timedelta(days=1)  # what nobody could be told within is on the webhook's page
TURNS = 20  # batches removed by one run
LAST_WORDS = 15.0  # seconds in which Celery may end in order

_engine: Engine | None = None


@worker_ready.connect
def start_engine(sender: Any = None, **_kwargs: Any) -> None:
    """Start the engine where the worker serves the queue."""
    global _engine
    names = [queue.name for queue in sender.task_consumer.queues] if sender else []
    if QUEUE in names and _engine is None:
        _engine = Engine(broken=_end_process)
        _engine.start()


def _end_process() -> None:
    """Its engine is dead: a worker that goes on would look well and post nothing. Whoever started the
    process starts it again; what was leased becomes due by itself.
    """
    logger.critical("the webhook engine has ended, so does this process")
    os.kill(os.getpid(), signal.SIGTERM)
    last = threading.Timer(LAST_WORDS, os._exit, (os.EX_SOFTWARE,))
    last.daemon = True
    last.start()


@worker_shutdown.connect
def await_engine(**_kwargs: Any) -> None:
    """The process ends only after the engine has written what it knows."""
    if _engine is not None:
        _engine.stop()


@shared_task(name="analytics.tend_webhooks")
def tend_webhooks() -> None:
    """Every half a minute. Who cannot be told now is told later, for a day; others meanwhile."""
    clock.settle()  # first: days that only the clock skipped switch nobody off
    for key in endpoints.give_up():
        logger.warning("webhook %d took nothing for days: switched off", key)
    untold = WebhookEndpoint.objects.filter(
        state__in=OFF, told_at=None, deleted_at=None, stopped_at__gt=timezone.now() - GIVEN_UP
    )
    # by chance: those who cannot be told stand in nobody's way
    for pk in untold.order_by("?").values_list("pk", flat=True)[:AT_ONCE]:
        try:
            tell(pk)
        except (PostinoError, Error, psycopg.Error) as error:
            logger.warning("webhook %d: owners are told later: %s", pk, error)


@shared_task(name="analytics.forget_webhooks")
def forget_webhooks() -> None:
    """Remove deliveries that are past WEBHOOK_DAYS; forget the place in a log nobody reads."""
    outbox.forget_place()
    for _turn in range(TURNS):
        if replays.prune(timezone.now()) < replays.PRUNED:
            break


def tell(pk: int) -> bool:
    """Write to every owner of the account that a webhook is off; whether any was written to.

    The mail and the note that it was written are one transaction: neither is there without the other.
    """
    with transaction.atomic():
        untold = WebhookEndpoint.objects.filter(pk=pk, told_at=None, state__in=OFF)
        row = untold.select_for_update(skip_locked=True).first()
        if row is None:
            return False
        if not own_mail.to_owners(row.account_id, f"webhook {pk} is off", lambda: _words(row)):
            return False
        return bool(WebhookEndpoint.objects.filter(pk=pk).update(told_at=timezone.now()))


def _words(row: WebhookEndpoint) -> tuple[str, str]:
    host = row.url.split("/")[2]
    said = {
        "host": host,
        "name": row.description or host,
        "link": settings.PUBLIC_URL + reverse("webhook", args=[row.account_id, row.pk]),
    }
    if row.state == EndpointState.GONE:
        why = _(
            "%(host)s answered 410 Gone, which means: send no more. So nothing is sent there now."
        )
    else:
        why = _("%(host)s has taken no event for three days. So nothing is sent there now.")
    then = _("What happens meanwhile is not lost: when the webhook is resumed it can be sent.")
    return (
        _("The webhook “%(name)s” was switched off") % said,
        f"{why % said}\n\n{then}\n\n%(link)s\n" % said,
    )
