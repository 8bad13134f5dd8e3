"""The webhook worker: a process that serves the queue `webhooks` hosts one engine for its life.

And chores: switch off what took nothing for days, write to owners, remove what is old.
"""

import logging
from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutdown
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from analytics.models import EndpointState, WebhookEndpoint
from analytics.webhooks import endpoints, outbox, replays
from analytics.webhooks.engine import Engine
from transactional import clock
from transactional.submission import own_mail

logger = logging.getLogger(__name__)
QUEUE = "webhooks"
AT_ONCE = 50  # endpoints told by one run
TURNS = 20  # batches removed by one run

_engine: Engine | None = None


@worker_ready.connect
def start_engine(sender: Any = None, **_kwargs: Any) -> None:
    """Start the engine where the worker serves the queue."""
    global _engine
    names = [queue.name for queue in sender.task_consumer.queues] if sender else []
    if QUEUE in names and _engine is None:
        _engine = Engine()
        _engine.start()


@worker_shutdown.connect
def await_engine(**_kwargs: Any) -> None:
    """The process ends only after the engine has written what it knows."""
    if _engine is not None:
        _engine.stop()


@shared_task(name="analytics.tend_webhooks")
def tend_webhooks() -> None:
    """Every half a minute; telling twice is prevented by the row, which is taken first."""
    clock.settle()  # first: days that only the clock skipped switch nobody off
    for key in endpoints.give_up():
        logger.warning("webhook %d took nothing for days: switched off", key)
    off = (EndpointState.DISABLED, EndpointState.GONE)
    rows = WebhookEndpoint.objects.filter(state__in=off, told_at=None, deleted_at=None)
    for row in rows.order_by("pk")[:AT_ONCE]:
        taken = WebhookEndpoint.objects.filter(pk=row.pk, told_at=None)
        if taken.update(told_at=timezone.now()):
            tell(row)


@shared_task(name="analytics.forget_webhooks")
def forget_webhooks() -> None:
    """Remove deliveries that are past WEBHOOK_DAYS; forget the place in a log nobody reads."""
    outbox.forget_place()
    for _turn in range(TURNS):
        if replays.prune(timezone.now()) < replays.PRUNED:
            break


def tell(row: WebhookEndpoint) -> int:
    """Write to every owner of the account that a webhook is off; how many were written to."""
    return own_mail.to_owners(row.account_id, f"webhook {row.pk} is off", lambda: _words(row))


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
