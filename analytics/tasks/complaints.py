"""The watch over spam complaints, and the one mail to the owners of a domain whose marketing mail was paused."""

import logging
from datetime import timedelta

import psycopg
from celery import shared_task
from django.conf import settings
from django.db import Error, models, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from analytics import complaint_watch, complaints
from config.errors import PostinoError
from domains.models import ComplaintPause
from transactional import clock
from transactional.submission import own_mail

logger = logging.getLogger(__name__)

AT_ONCE = 50  # owners' accounts told by one run
GIVEN_UP = timedelta(days=1)  # what nobody could be told within is on the domain's page


@shared_task(name="analytics.watch_complaints")
def watch_complaints() -> None:
    """Every few seconds: pause, end, tell."""
    clock.settle()  # first: days that only the clock skipped end no pause
    complaint_watch.watch()
    for pk in untold().order_by("pk").values_list("pk", flat=True)[:AT_ONCE]:
        try:
            tell(pk)
        except (PostinoError, Error, psycopg.Error) as error:
            logger.warning("complaint pause %d: owners are told later: %s", pk, error)


@shared_task(name="analytics.forget_complaints")
def forget_complaints() -> None:
    """Remove counts of days that no rate reaches back to."""
    while complaints.forget_old(complaints.today()) == complaints.GONE_AT_ONCE:
        pass


def untold() -> "models.QuerySet[ComplaintPause]":
    """Pauses of domains whose owners are to hear of it still."""
    recent = timezone.now() - GIVEN_UP
    rows = ComplaintPause.objects.filter(domain__isnull=False, told_at=None, began_at__gt=recent)
    found: models.QuerySet[ComplaintPause] = rows
    return found


def tell(pk: int) -> bool:
    """Write to every owner of the account; whether any was written to.

    The mail and the note that it was written are one transaction: neither is there without the other.
    """
    with transaction.atomic():
        rows = ComplaintPause.objects.filter(pk=pk, told_at=None).select_related("domain")
        row = rows.select_for_update(of=("self",), skip_locked=True).first()
        if row is None or row.account_id is None:
            return False
        if not own_mail.to_owners(row.account_id, f"complaint pause {pk}", lambda: words(row)):
            return False
        return bool(ComplaintPause.objects.filter(pk=pk).update(told_at=timezone.now()))


def words(row: ComplaintPause) -> tuple[str, str]:
    """Subject and text, in the language of now."""
    assert row.domain is not None  # noqa: S101 — only of domains
    page = reverse("domain", args=[row.account_id, row.domain_id])
    said = {
        "domain": row.domain.name,
        "delivered": number_format(row.delivered, use_l10n=True, force_grouping=True),
        "complaints": number_format(row.complaints, use_l10n=True, force_grouping=True),
        "percent": number_format(row.percent, 3),
        "limit": number_format(row.limit, 2),
        "link": f"{settings.PUBLIC_URL}{page}",
    }
    text = _(
        "Of %(delivered)s messages from %(domain)s that were delivered lately, %(complaints)s were reported "
        "as spam: %(percent)s %%. Large mailbox providers put mail of senders who reach %(limit)s %% into "
        "spam, or refuse it. So marketing mail from %(domain)s is paused. Nothing of it is lost: it is kept "
        "and sent later. Transactional mail leaves as before.\n\n"
        "Look at who gets this mail, whether they asked for it, and how easily they can leave. The pause ends "
        "by itself once the rate has fallen; an owner who answers for it may end it before, on this "
        "page:\n\n%(link)s\n"
    )
    return _(
        "Marketing mail from %(domain)s is paused: too much was reported as spam"
    ) % said, text % said
