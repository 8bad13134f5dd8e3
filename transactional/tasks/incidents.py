"""Ends incidents whose slow start is through or which are quiet, and writes to the owners of accounts they met, once."""

import logging
from datetime import timedelta

import psycopg
from celery import shared_task
from django.conf import settings
from django.db import Error, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from config.errors import PostinoError
from transactional import clock, queue
from transactional.incidents import breaker
from transactional.incidents.advice import advice
from transactional.models import IncidentAccount, Lane
from transactional.submission import own_mail

logger = logging.getLogger(__name__)

AT_ONCE = 50  # accounts told by one run
AGAIN = timedelta(minutes=5)  # after which those who could not be told are written to again


@shared_task(name="transactional.tend_incidents")
def tend_incidents() -> None:
    """Every few seconds. Who cannot be told now is told later; an account at a time, others first."""
    if not breaker.calls():
        return
    clock.settle()  # a clock that was set ends none
    breaker.rest()
    if breaker.close_drained():
        queue.wake(Lane.values)
    now = timezone.now()
    due = Q(tell_at=None) | Q(tell_at__lte=now)
    untold = IncidentAccount.objects.untold(now).filter(due)
    for pk in untold.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]:
        if IncidentAccount.objects.filter(due, pk=pk, told_at=None).update(tell_at=now + AGAIN):
            try:
                tell(pk)
            except (PostinoError, Error, psycopg.Error) as error:
                logger.warning("incident: %d is told later: %s", pk, error)


def tell(pk: int) -> bool:
    """Write to every owner of an account that an incident met; whether any was written to.

    The mail and the note that it was written are one transaction: neither is there without the other.
    """
    with transaction.atomic():
        untold = IncidentAccount.objects.filter(pk=pk, told_at=None)
        row = untold.select_for_update(of=("self",)).select_related("incident__source").first()
        if row is None:
            return False
        about = f"incident {row.incident_id}"
        if not own_mail.to_owners(row.account_id, about, lambda: _words(row)):
            return False
        return bool(IncidentAccount.objects.filter(pk=pk).update(told_at=timezone.now()))


def _words(row: IncidentAccount) -> tuple[str, str]:
    repair = advice(row.incident.reason)
    said = {
        "repair": f"{repair}\n\n" if repair else "",
        "site": row.incident.receiver,
        "ip": row.incident.source.address,
        "sample": row.incident.sample,
        "link": settings.PUBLIC_URL + reverse("incident", args=[row.account_id, row.pk]),
    }
    if row.incident.closed_at is not None:
        text = _(
            "%(site)s refused mail from %(ip)s, again and again with the same answer:\n\n"
            "  %(sample)s\n\nThat is over, and mail to it flows again. Open this page to see what was "
            "refused, and to send it again:\n\n%(link)s\n"
        )
        return _("%(site)s refused our mail for a while") % said, text % said
    text = _(
        "%(site)s refuses mail from %(ip)s, again and again with the same answer:\n\n"
        "  %(sample)s\n\n%(repair)sMail to it is parked, nothing of it is lost. A single message tries from "
        "time to time; once it is taken, the rest follows slowly, by itself.\n\nOpen this page to "
        "see what was refused, and to send it again once that is over:\n\n%(link)s\n"
    )
    return _("%(site)s refuses our mail: it is parked") % said, text % said
