"""Ends incidents whose slow start is through, and writes to the owners of accounts they met, once."""

from celery import shared_task
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from transactional import queue
from transactional.incidents import breaker
from transactional.models import IncidentAccount, Lane
from transactional.submission import own_mail

AT_ONCE = 50  # accounts told by one run


@shared_task(name="transactional.tend_incidents")
def tend_incidents() -> None:
    """Every few seconds; telling twice is prevented by the row, which is taken first."""
    if breaker.close_drained():
        queue.wake(Lane.values)
    rows = IncidentAccount.objects.filter(told_at=None).select_related("incident__source")
    for row in rows.order_by("pk")[:AT_ONCE]:
        if IncidentAccount.objects.filter(pk=row.pk, told_at=None).update(told_at=timezone.now()):
            tell(row)


def tell(row: IncidentAccount) -> int:
    """Write to every owner of the account; how many were written to."""
    return own_mail.to_owners(row.account_id, f"incident {row.incident_id}", lambda: _words(row))


def _words(row: IncidentAccount) -> tuple[str, str]:
    said = {
        "site": row.incident.receiver,
        "ip": row.incident.source.address,
        "sample": row.incident.sample,
        "link": settings.PUBLIC_URL + reverse("incident", args=[row.account_id, row.pk]),
    }
    text = _(
        "%(site)s refuses mail from %(ip)s, again and again with the same answer:\n\n"
        "  %(sample)s\n\nMail to it is parked, nothing of it is lost. A single message tries from "
        "time to time; once it is taken, the rest follows slowly, by itself.\n\nOpen this page to "
        "see what was refused, and to send it again once that is over:\n\n%(link)s\n"
    )
    return _("%(site)s refuses our mail: it is parked") % said, text % said
