"""Egress sources (IPs with their EHLO name), their history, and the pools that streams send from."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tokens.models.account import Account, OfAccount

OPERATOR = 0  # the owner's number of what is nobody's: the operator's shared IPs and pools


class SourceState(models.TextChoices):
    """Where an IP stands. Only `domains/source_states.py` writes it."""

    PENDING = "pending", _("Waiting for DNS")
    READY = "ready", _("Ready")  # every check is right, nothing has left from it yet
    WARMING = "warming", _("Warming up")  # in use, within each provider's budget of the day
    ACTIVE = "active", _("Active")  # in use, without budgets
    PAUSED = "paused", _("Paused")  # by a person; resumed by one
    LISTED = "listed", _("On a blocklist")  # back by itself once the list has cleared it


USABLE = (SourceState.READY, SourceState.WARMING, SourceState.ACTIVE)  # mail may leave from these


class SourceEvent(models.TextChoices):
    """What moves an IP from one state to another."""

    CONNECTED = "connected", _("Connected")
    DNS_RIGHT = "dns_right", _("Every check passed")
    DNS_WRONG = "dns_wrong", _("A check failed")
    FIRST_MAIL = "first_mail", _("The first mail left")
    WARM_UP_STARTED = "warm_up_started", _("Warm-up started")
    WARM_UP_SKIPPED = "warm_up_skipped", _("Warm-up skipped")
    WARMED = "warmed", _("Warm-up finished")
    LISTED = "listed", _("Found on a blocklist")
    CLEARED = "cleared", _("Cleared by the blocklist")
    PAUSED = "paused", _("Paused")
    RESUMED = "resumed", _("Resumed")
    COMPLAINTS = "complaints", _("Marketing mail paused")  # by what readers reported
    COMPLAINTS_OVER = "complaints_over", _("Marketing mail goes on")


def _owner() -> Any:
    return models.GeneratedField(
        expression=Coalesce("account", models.Value(OPERATOR)),
        output_field=models.BigIntegerField(),
        db_persist=True,
        help_text="Its account's number; 0: the operator. Pools and streams are tied to it.",
    )


class EgressSource(models.Model):
    """An IP address we send from. Without an account it belongs to the operator's shared pools."""

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="egress_sources"
    )
    owner = _owner()
    address = models.GenericIPAddressField(unique=True)
    ehlo_name = models.CharField(max_length=253)
    host = models.CharField(
        max_length=253,
        blank=True,
        help_text="WORKER_HOST of the machine that has this IP; empty: any that has it.",
    )
    state = models.CharField(
        max_length=10, choices=SourceState.choices, default=SourceState.PENDING
    )
    warm_up = models.BooleanField(
        default=False, help_text="Begin with small budgets per mailbox provider and day."
    )
    findings = models.JSONField(default=list, help_text="What the last check found.")
    ready_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True, help_text="When the first mail left.")
    checked_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(
        null=True, blank=True, help_text="When DNS was asked for what stands here."
    )
    next_check_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            # What pool members refer to, so that nobody's IP joins another's pool
            models.UniqueConstraint(fields=["id", "owner"], name="source_and_owner")
        ]
        indexes = [
            # The periodic check takes the sources that are due
            models.Index(fields=["next_check_at"], name="source_due")
        ]

    def __str__(self) -> str:
        return f"{self.address} ({self.ehlo_name})"

    @property
    def usable(self) -> bool:
        """Whether mail may leave from it now."""
        return self.state in USABLE


class SourceChange(models.Model):
    """Something that happened to an IP: written by `domains/source_states.py` alone."""

    source = models.ForeignKey(EgressSource, on_delete=models.CASCADE, related_name="changes")
    at = models.DateTimeField(default=timezone.now)
    event = models.CharField(max_length=16, choices=SourceEvent.choices)
    was = models.CharField(max_length=10, choices=SourceState.choices)
    state = models.CharField(max_length=10, choices=SourceState.choices)
    why = models.CharField(max_length=40, blank=True, help_text="A finding's code, or none.")
    data = models.JSONField(default=dict, help_text="What the sentence of that code needs.")
    by = models.CharField(max_length=254, blank=True, help_text="Who did it; empty: nobody.")

    class Meta:
        indexes = [
            # The history of one IP, newest first
            models.Index(fields=["source", "-id"], name="source_history")
        ]

    def __str__(self) -> str:
        return f"{self.source_id} {self.event} {self.at:%Y-%m-%d %H:%M}"


class Pool(models.Model):
    """A weighted set of egress sources. A dedicated pool is one account's; a shared one nobody's."""

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="pools"
    )
    owner = _owner()
    name = models.CharField(max_length=100)
    dedicated = models.BooleanField(
        default=False, help_text="Of one account, for its transactional mail alone."
    )

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "name"], name="pool_name", nulls_distinct=False
            ),
            # What members and streams refer to, so that they are of one owner
            models.UniqueConstraint(fields=["id", "owner"], name="pool_and_owner"),
            models.CheckConstraint(
                condition=models.Q(dedicated=True, account__isnull=False)
                | models.Q(dedicated=False, account__isnull=True),
                name="pool_dedicated_to_an_account",
                violation_error_message=_(
                    "A pool of an account is dedicated; a shared one has none."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PoolMember(models.Model):
    """A source in a pool, with its share.

    The database ties both to one owner (`member_owner_*` in the migrations): a dedicated IP cannot
    join the pool that marketing mail leaves from, whoever writes the row.
    """

    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="members")
    source = models.ForeignKey(EgressSource, on_delete=models.CASCADE, related_name="memberships")
    owner = models.BigIntegerField(default=OPERATOR, editable=False)
    weight = models.PositiveSmallIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pool", "source"], name="source_once_per_pool")
        ]

    def __str__(self) -> str:
        return f"{self.source_id} in {self.pool_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """The owner is the pool's; the database refuses another's source."""
        self.owner = self.pool.account_id or OPERATOR
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Raises ValidationError where pool and source are not of one owner."""
        if self.pool_id and self.source_id and self.pool.account_id != self.source.account_id:
            raise ValidationError({"source": _("A source joins only pools of its own account.")})
