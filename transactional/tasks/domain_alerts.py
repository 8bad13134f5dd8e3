"""Writes to an account's owners when a record of a verified domain breaks or is right again.

Each change is told once; changes of a domain that follow within a quarter of an hour share a mail.
"""

from collections.abc import Sequence
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.findings import sentence_of
from domains.models import Domain, DomainChange
from tokens.models import Membership, Role
from transactional.submission import own_mail

BATCH = 50  # domains a run
QUIET = timedelta(minutes=15)  # between two mails about one domain: one that flaps makes no storm
GIVEN_UP = timedelta(days=1)  # what nobody could be told within is on the domain's page


@shared_task(name="transactional.tell_domain_changes")
def tell_domain_changes() -> None:
    """Tell what is untold, domain by domain. What cannot be sent now is tried again next time."""
    now = timezone.now()
    recent = DomainChange.objects.filter(domain=OuterRef("domain"), told_at__gt=now - QUIET)
    untold = DomainChange.objects.filter(told_at__isnull=True, at__gt=now - GIVEN_UP)
    waiting = untold.exclude(Exists(recent)).order_by("domain_id")
    ids = list(waiting.values_list("domain_id", flat=True).distinct()[:BATCH])
    for domain in Domain.objects.filter(pk__in=ids).select_related("account"):
        _tell(domain)


def _tell(domain: Domain) -> None:
    """Write to the owners about a domain's untold changes, unless another worker does."""
    now = timezone.now()
    with transaction.atomic():
        rows = domain.changes.filter(told_at__isnull=True).order_by("pk")
        changes = list(rows.select_for_update(skip_locked=True))
        DomainChange.objects.filter(pk__in=[c.pk for c in changes]).update(told_at=now)
    if not changes:
        return
    told = own_mail.to_owners(
        domain.account_id, f"domain {domain.name}", lambda: words(domain, changes)
    )
    owners = Membership.objects.of(domain.account_id).filter(role=Role.OWNER, user__is_active=True)
    if not told and owners.exists():
        DomainChange.objects.filter(pk__in=[c.pk for c in changes]).update(told_at=None)


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
    drift = [change for change in changes if change.kind != "elsewhere"]
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
