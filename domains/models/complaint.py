"""Pauses of marketing mail from a domain or a shared IP that too many readers reported as spam."""

from typing import Any, ClassVar, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from domains.models.domain import Domain
from domains.models.source import EgressSource
from tokens.models.account import Account


class PauseWindow(models.TextChoices):
    """Which rate decided; see `domains/complaint_rates.py`."""

    DAY = "day", _("Today and yesterday")
    WEEK = "week", _("7 days")


class ComplaintPauseQuerySet(models.QuerySet[Any]):
    """Queries over pauses."""

    def of(self, account: Account | int) -> Self:
        """Only those of this account's domains; a shared IP's is nobody's."""
        return self.filter(account_id=account if isinstance(account, int) else account.pk)

    def standing(self) -> Self:
        """Those that are not over."""
        return self.filter(ended_at=None)


class ComplaintPause(models.Model):
    """Marketing mail of one domain, or from one shared IP, that waits; with what it was judged by.

    Only `domains/complaint_pauses.py` writes it.
    """

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="+", db_index=False
    )
    domain = models.ForeignKey(
        Domain, on_delete=models.CASCADE, null=True, blank=True, related_name="complaint_pauses"
    )
    source = models.ForeignKey(
        EgressSource,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="complaint_pauses",
    )
    window = models.CharField(max_length=5, choices=PauseWindow.choices)
    since = models.DateField(help_text="The first UTC day of what was counted.")
    delivered = models.PositiveBigIntegerField(
        help_text="To receivers that may report spam, when marketing mail was paused."
    )
    complaints = models.PositiveBigIntegerField()
    percent = models.DecimalField(
        max_digits=6, decimal_places=3, help_text="The rate that was reached, in per cent."
    )
    limit = models.DecimalField(
        max_digits=6, decimal_places=3, help_text="From which it is paused (the setting, then)."
    )
    began_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(
        max_length=254, blank=True, help_text="Who took responsibility; empty: it ended by itself."
    )
    told_at = models.DateTimeField(
        null=True, blank=True, help_text="When the owners were written to."
    )

    objects: ClassVar[Any] = ComplaintPauseQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(domain__isnull=False, account__isnull=False, source__isnull=True)
                | models.Q(domain__isnull=True, account__isnull=True, source__isnull=False),
                name="complaint_pause_of_one",
            ),
            models.UniqueConstraint(
                fields=["domain"],
                condition=models.Q(ended_at__isnull=True),
                name="one_complaint_pause_per_domain",
            ),
            models.UniqueConstraint(
                fields=["source"],
                condition=models.Q(ended_at__isnull=True),
                name="one_complaint_pause_per_source",
            ),
        ]
        indexes: ClassVar = [
            # The account's dashboard, and the send pages: what stands
            models.Index(
                fields=["account"],
                name="complaint_pause_standing",
                condition=models.Q(ended_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.domain or self.source}: {self.percent} %"

    @property
    def evidence(self) -> dict[str, str]:
        """What it was judged by, as sentences hold it."""
        return {
            "percent": f"{self.percent.normalize():f}",
            "complaints": str(self.complaints),
            "delivered": str(self.delivered),
        }
