"""What of domains and IPs needs attention on the dashboard."""

from datetime import timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from config import attention
from config.attention import Item, Level
from domains import pools
from domains.connect import MOST
from domains.dkim import rotation
from domains.models import (
    ComplaintPause,
    DkimKey,
    Domain,
    DomainState,
    EgressSource,
    KeyState,
    SourceState,
)
from domains.standing import drifting

NEAR = timedelta(days=14)  # before a rotation is due


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
def paused_marketing(account_id: int) -> list[Item]:
    """Domains whose marketing mail waits, since readers reported too much of it as spam."""
    rows = ComplaintPause.objects.of(account_id).standing().select_related("domain").order_by("pk")
    return [
        Item(
            code="MARKETING_PAUSED",
            level=Level.BAD,
            text=_(
                "Marketing mail from %(domain)s is paused: %(percent)s %% of it was reported as spam."
            )
            % {"domain": row.domain.name, "percent": number_format(row.percent, 3)},
            link=_("See the pause"),
            url=reverse("domain", args=[account_id, row.domain_id]) + "#complaints",
        )
        for row in rows[: attention.PER_SOURCE]
    ]


@attention.source
def marketing_without_ips(account_id: int) -> list[Item]:
    """Every shared IP is paused over complaints: marketing mail of every account waits."""
    sources = pools.usable(pools.shared_pool().pk)
    if not sources or not all(one.reported for one in sources):
        return []
    return [
        Item(
            code="MARKETING_IPS_PAUSED",
            level=Level.WARN,
            text=_(
                "Marketing mail waits: every IP that it leaves from is paused, since too much was reported "
                "as spam. Whoever runs this installation knows more."
            ),
            link=_("See pools"),
            url=reverse("pools", args=[account_id]),
        )
    ]


@attention.source
def keys_to_publish(account_id: int) -> list[Item]:
    """Domains whose next rotation is near and waits for keys that only their owner can publish."""
    waiting = DkimKey.objects.filter(
        state=KeyState.NEXT, domain__account_id=account_id, domain__state=DomainState.VERIFIED
    ).exclude(published=True)
    ids = waiting.values_list("domain_id", flat=True).distinct()[: attention.PER_SOURCE]
    near = timezone.now() + NEAR
    return [
        Item(
            code="DKIM_NEXT_KEY",
            level=Level.INFO,
            text=_("The keys of %(name)s are due for rotation: publish the next ones.")
            % {"name": domain.name},
            link=_("Show the records"),
            url=reverse("domain", args=[account_id, domain.pk]),
        )
        for domain in Domain.objects.of(account_id).filter(pk__in=list(ids)).order_by("name")
        if (due := rotation.due_at(domain)) and due < near
    ]


@attention.source
def stopped_sources(account_id: int) -> list[Item]:
    """IPs that were in use and are not: a blocklist has them, or a check fails now."""
    stopped = (SourceState.LISTED, SourceState.PENDING)
    rows = EgressSource.objects.of(account_id).filter(state__in=stopped, ready_at__isnull=False)
    texts = {
        SourceState.LISTED: _("The IP %(address)s is on a blocklist: no mail leaves from it."),
        SourceState.PENDING: _("A check of the IP %(address)s fails: no mail leaves from it."),
    }
    return [
        Item(
            code="SOURCE_LISTED" if source.state == SourceState.LISTED else "SOURCE_BROKEN",
            level=Level.BAD,
            text=texts[SourceState(source.state)] % {"address": source.address},
            link=_("Open the IP"),
            url=reverse("source", args=[account_id, source.pk]),
        )
        for source in rows.order_by("pk").only("pk", "address", "state")[: attention.PER_SOURCE]
    ]


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
