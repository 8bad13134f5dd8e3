"""Incidents: a receiver that refuses mail of one IP alike, again and again; its circuit breaker."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from domains import sites
from domains.models import EgressSource
from tokens.models import Account

NEWS = timedelta(days=7)  # after its end an incident is no news any more
REPLY_SHOWN = 500  # characters of the reply that is shown as the example


class IncidentState(models.TextChoices):
    """Where the circuit breaker stands. Only `transactional/incidents` writes it."""

    OPEN = "open", _("Parked")  # nothing leaves but a canary now and then
    QUIET = (
        "quiet",
        _("Quiet"),
    )  # nothing came that could have tried: the next message is the canary
    DRAINING = "draining", _("Starting again, slowly")  # a canary was taken
    CLOSED = "closed", _("Over")


class Incident(models.Model):
    """One IP and one site, from the first of many alike refusals until mail flows again."""

    source = models.ForeignKey(EgressSource, on_delete=models.CASCADE, related_name="+")
    site = models.CharField(max_length=160)
    reason = models.CharField(max_length=20, help_text="As classified: badreputation, blocked, …")
    category = models.CharField(max_length=12)
    skeleton = models.CharField(max_length=300, help_text="The reply without what varies in it.")
    sample = models.CharField(max_length=REPLY_SHOWN, help_text="One such reply.")
    also = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        help_text="Other refusals that parked it again while it drained: skeleton and sample.",
    )
    state = models.CharField(
        max_length=8, choices=IncidentState.choices, default=IncidentState.OPEN
    )
    began_at = models.DateTimeField(help_text="The first of the alike refusals.")
    opened_at = models.DateTimeField(default=timezone.now)
    probe_at = models.DateTimeField(help_text="When the next canary may leave.")
    probes = models.PositiveIntegerField(default=0)
    drain_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["source", "site"],
                condition=models.Q(closed_at__isnull=True),
                name="one_open_incident_per_cell",
            )
        ]

    def __str__(self) -> str:
        return f"{self.site} refuses {self.source_id}"

    @property
    def skeletons(self) -> frozenset[str]:
        """All refusals that it is about, the first and those that followed."""
        return frozenset({self.skeleton, *(one["skeleton"] for one in self.also)})

    @property
    def receiver(self) -> str:
        """The site as people read it."""
        return sites.named(self.site)


class IncidentAccountQuerySet(models.QuerySet[Any]):
    """Queries over what incidents mean to accounts."""

    def of(self, account: Account | int) -> Self:
        """Only those of this account."""
        return self.filter(account_id=account if isinstance(account, int) else account.pk)

    def untold(self, now: datetime) -> Self:
        """Those whose owners are to hear of it still; what has long been over is no news."""
        over = models.Q(incident__closed_at__lte=now - NEWS)
        return self.filter(told_at=None).exclude(over)


class IncidentAccount(models.Model):
    """What an incident means to one account whose mail was refused: told once, undone once."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="accounts")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    told_at = models.DateTimeField(
        null=True, blank=True, help_text="When its owners were written to."
    )
    tell_at = models.DateTimeField(
        null=True, blank=True, help_text="Not told before this: the last attempt came to nothing."
    )
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.CharField(max_length=254, blank=True)
    lifted = models.PositiveIntegerField(default=0, help_text="Suppressions taken off.")
    requeued = models.PositiveIntegerField(default=0, help_text="Failed mail sent again.")

    objects: ClassVar[Any] = IncidentAccountQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["incident", "account"], name="incident_of_account")
        ]
        indexes: ClassVar = [
            # The account's list, newest first
            models.Index(fields=["account", "-id"], name="incident_list")
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} for {self.account_id}"
