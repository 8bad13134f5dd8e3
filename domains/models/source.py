"""Egress sources (IPs with their EHLO name) and the pools that streams send from."""

from django.db import models
from django.utils import timezone

from tokens.models.account import Account, OfAccount


class SourceState(models.TextChoices):
    """Where an IP stands. Only a ready one is ever used."""

    PENDING = "pending", "Waiting for DNS"
    READY = "ready", "Ready"
    PAUSED = "paused", "Paused by an operator"


class EgressSource(models.Model):
    """An IP address we send from. Without an account it belongs to the operator's shared pools."""

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="egress_sources"
    )
    address = models.GenericIPAddressField(unique=True)
    ehlo_name = models.CharField(max_length=253)
    state = models.CharField(
        max_length=10, choices=SourceState.choices, default=SourceState.PENDING
    )
    findings = models.JSONField(default=list, help_text="What the last check found.")
    ready_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    next_check_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = OfAccount.as_manager()

    class Meta:
        indexes = [
            # The periodic check takes the sources that are due
            models.Index(fields=["next_check_at"], name="source_due")
        ]

    def __str__(self) -> str:
        return f"{self.address} ({self.ehlo_name})"


class Pool(models.Model):
    """A weighted set of egress sources. A dedicated pool is one account's; a shared one nobody's."""

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="pools"
    )
    name = models.CharField(max_length=100)
    dedicated = models.BooleanField(default=False)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "name"], name="pool_name", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return self.name


class PoolMember(models.Model):
    """A source in a pool, with its share."""

    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="members")
    source = models.ForeignKey(EgressSource, on_delete=models.CASCADE, related_name="memberships")
    weight = models.PositiveSmallIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pool", "source"], name="source_once_per_pool")
        ]

    def __str__(self) -> str:
        return f"{self.source_id} in {self.pool_id}"
