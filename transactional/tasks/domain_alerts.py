"""Writes to an account's owners when a record of a verified domain breaks or is right again.

Each change is told once; changes of a domain that follow within a quarter of an hour share a mail.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta

import psycopg
from celery import shared_task
from django.conf import settings
from django.db import Error, transaction
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from config.errors import PostinoError
from domains import refused
from domains.findings import sentence_of
from domains.models import Domain, DomainChange
from tokens.models import Membership, Role
from transactional.classify import Reason
from transactional.incidents.advice import advice
from transactional.models import IncidentAccount
from transactional.submission import own_mail

logger = logging.getLogger(__name__)

BATCH = 50  # domains a run
QUIET = timedelta(minutes=15)  # between two mails about one domain: one that flaps makes no storm
SETTLED = timedelta(minutes=1)  # by then an incident has been opened where one has to be
GIVEN_UP = timedelta(days=1)  # what nobody could be told within is on the domain's page


@shared_task(name="transactional.tell_domain_changes")
def tell_domain_changes() -> None:
    """Tell what is untold, domain by domain. What cannot be sent now is tried again next time."""
    now = timezone.now()
    recent = DomainChange.objects.filter(domain=OuterRef("domain"), told_at__gt=now - QUIET)
    untold = DomainChange.objects.filter(told_at__isnull=True, at__gt=now - GIVEN_UP)
    fresh = Q(kind=refused.KIND, at__gt=now - SETTLED)
    waiting = untold.exclude(Exists(recent)).exclude(fresh).order_by("domain_id")
    ids = list(waiting.values_list("domain_id", flat=True).distinct()[:BATCH])
    for domain in Domain.objects.filter(pk__in=ids).select_related("account"):
        try:
            _tell(domain)
        except (PostinoError, Error, psycopg.Error) as error:
            logger.warning("domain %s: owners are told later: %s", domain.name, error)


def _tell(domain: Domain) -> None:
    """Write to the owners about a domain's untold changes, unless another worker does.

    The mail and the note that it was written are one transaction: neither is there without the other.
    """
    with transaction.atomic():
        rows = domain.changes.filter(told_at__isnull=True).order_by("pk")
        changes = list(rows.select_for_update(skip_locked=True))
        if not changes:
            return
        news = [change for change in changes if not _is_told(domain, change)]
        told = not news or own_mail.to_owners(
            domain.account_id, f"domain {domain.name}", lambda: words(domain, news)
        )
        owners = Membership.objects.of(domain.account_id).filter(role=Role.OWNER)
        if told or not owners.filter(user__is_active=True).exists():
            untold = DomainChange.objects.filter(pk__in=[change.pk for change in changes])
            untold.update(told_at=timezone.now())


def _is_told(domain: Domain, change: DomainChange) -> bool:
    """Whether its owners hear of a refusal by the incident that it came to: one alert, not two."""
    if change.kind != refused.KIND:
        return False
    met = IncidentAccount.objects.of(domain.account_id).filter(
        incident__site__in=[one["params"]["site"] for one in change.findings],
        incident__reason=str(Reason.AUTH_FAILURE),
        incident__opened_at__gt=change.at - refused.QUIET,
    )
    return met.exists()


def words(domain: Domain, changes: Sequence[DomainChange]) -> tuple[str, str]:
    """Subject and text, in the language of now. The last change says how the domain stands."""
    said = {"name": domain.name}
    page = settings.PUBLIC_URL + reverse("domain", args=[domain.account_id, domain.pk])
    parts = []
    if any(change.kind == "elsewhere" for change in changes):
        parts.append(
            _(
                "Another account of this installation has verified %(name)s too. It cannot send "
                "with your keys, nor you with its. If you do not know of it, look at who may edit "
                "the domain's DNS."
            )
            % said
        )
        subject = _("%(name)s was verified by another account too") % said
    refusals = [one for change in changes if change.kind == refused.KIND for one in change.findings]
    if refusals:
        subject = _("Mail from %(name)s is refused as not authenticated") % said
        parts += [sentence_of(one) for one in refusals]
        parts.append(advice(Reason.AUTH_FAILURE))
        parts.append(
            _(
                "What was refused has bounced, and no address was suppressed for it. Other mail goes on."
            )
        )
    drift = [change for change in changes if change.kind in ("broke", "recovered")]
    if drift and drift[-1].kind == "recovered":
        subject = _("%(name)s: every DNS record is right again") % said
        parts.append(
            _("Every DNS record of %(name)s is right again. Mail leaves as before.") % said
        )
    elif drift:
        subject = _("%(name)s: a DNS record broke") % said
        parts.append(_("A DNS record of %(name)s that was right is not right any more:") % said)
        broke = {f["host"]: f for change in drift for f in change.findings}
        parts += [f"{host}\n{sentence_of(finding)}" for host, finding in broke.items()]
        parts.append(
            _("Mail from this domain may be refused or land in spam until that is put right.")
            if domain.state == "broken"
            else _("Mail is still signed and sent. Put it right before the rest breaks.")
        )
    parts.append(page)
    return subject, "\n\n".join(parts) + "\n"
