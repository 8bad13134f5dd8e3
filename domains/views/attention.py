"""What of domains and IPs needs attention on the dashboard."""

from django.urls import reverse
from django.utils.translation import gettext as _

from config import attention
from config.attention import Item, Level
from domains.connect import MOST
from domains.models import Domain, DomainState, EgressSource, SourceState
from domains.standing import drifting


@attention.source
def broken_domains(account_id: int) -> list[Item]:
    """Domains whose records were right once and are not any more."""
    rows = Domain.objects.of(account_id).filter(state=DomainState.BROKEN).order_by("name")
    return [
        Item(
            code="DOMAIN_BROKEN",
            level=Level.BAD,
            text=_("A record of %(name)s broke: mail from it may be refused or land in spam.")
            % {"name": domain.name},
            link=_("See which record"),
            url=reverse("domain", args=[account_id, domain.pk]),
        )
        for domain in rows.only("pk", "name")[: attention.PER_SOURCE]
    ]


@attention.source
def drifting_domains(account_id: int) -> list[Item]:
    """Domains that still send, while a record that was right is not any more."""
    rows = Domain.objects.of(account_id).filter(state=DomainState.VERIFIED).order_by("name")
    return [
        Item(
            code="DOMAIN_DRIFTS",
            level=Level.WARN,
            text=_("A record of %(name)s is not right any more; its mail still leaves.")
            % {"name": domain.name},
            link=_("See which record"),
            url=reverse("domain", args=[account_id, domain.pk]),
        )
        for domain in rows.only("pk", "name", "standing")[:MOST]
        if drifting(domain)
    ][: attention.PER_SOURCE]


@attention.source
def paused_sources(account_id: int) -> list[Item]:
    """IPs that an operator paused."""
    rows = EgressSource.objects.of(account_id).filter(state=SourceState.PAUSED).order_by("pk")
    return [
        Item(
            code="SOURCE_PAUSED",
            level=Level.WARN,
            text=_("The IP %(address)s is paused: no mail leaves from it.")
            % {"address": source.address},
            link=_("Open the IP"),
            url=reverse("source", args=[account_id, source.pk]),
        )
        for source in rows.only("pk", "address")[: attention.PER_SOURCE]
    ]
