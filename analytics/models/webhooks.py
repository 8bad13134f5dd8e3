"""Webhooks: the endpoints an account named, and one row per event and endpoint."""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config import sealing
from tokens.models import Account
from tokens.models.account import OfAccount
from transactional.models import Stream
from transactional.models.message import LOOSE

PURPOSE = "webhook"


class EndpointState(models.TextChoices):
    """Whether an endpoint is posted to. Only `analytics/webhooks` writes it."""

    ENABLED = "enabled", _("Enabled")
    PAUSED = "paused", _("Paused")  # by a member: events are collected, and wait
    DISABLED = "disabled", _("Switched off")  # by us, after days of failures
    GONE = "gone", _("Gone")  # it said 410


class DeliveryState(models.TextChoices):
    """Where the delivery of one event to one endpoint stands."""

    WAITING = "waiting", _("Waiting")  # not posted yet, or to be tried again
    DELIVERED = "delivered", _("Delivered")  # it answered 2xx
    DEAD = "dead", _("Dead letter")  # given up; a replay starts anew


class WebhookEndpoint(models.Model):
    """A URL that gets an account's events. `types` empty: all of them."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    url = models.CharField(max_length=2000)
    description = models.CharField(max_length=200, blank=True)
    types = models.JSONField(default=list, blank=True, help_text="Event types; empty: all.")
    stream = models.ForeignKey(
        Stream, on_delete=models.RESTRICT, null=True, blank=True, related_name="+",
        help_text="Only mail of this stream.",
    )  # fmt: skip
    domain = models.CharField(max_length=253, blank=True, help_text="Only mail from this domain.")
    credential = models.CharField(
        max_length=64, blank=True, help_text="Only what this key or token sent: api:7, smtp:3."
    )
    secret = models.BinaryField(default=bytes, help_text="Encrypted.")
    old_secret = models.BinaryField(default=bytes, blank=True, help_text="Encrypted.")
    old_secret_until = models.DateTimeField(null=True, blank=True)
    state = models.CharField(
        max_length=8, choices=EndpointState.choices, default=EndpointState.ENABLED
    )
    stopped_at = models.DateTimeField(null=True, blank=True, help_text="Since when it gets none.")
    told_at = models.DateTimeField(null=True, blank=True, help_text="When owners heard of it.")
    # Transactions from this one on are its events; earlier ones come by a replay
    since_xid = models.BigIntegerField(default=0)
    replay_from = models.UUIDField(null=True, blank=True)
    replay_until = models.UUIDField(null=True, blank=True)
    replay_all = models.BooleanField(default=False, help_text="Also what was delivered.")
    failures = models.PositiveIntegerField(default=0, help_text="Events that failed in a row.")
    failing_since = models.DateTimeField(null=True, blank=True)
    probes = models.PositiveIntegerField(default=0)
    probe_at = models.DateTimeField(null=True, blank=True)
    last_ok_at = models.DateTimeField(null=True, blank=True)
    last_failed_at = models.DateTimeField(null=True, blank=True)
    last_status = models.PositiveSmallIntegerField(default=0, help_text="0: no answer.")
    last_outcome = models.CharField(max_length=12, blank=True)
    delivered = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=254)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = OfAccount.as_manager()

    class Meta:
        indexes: ClassVar = [
            # Whether anybody wants events at all; the account's list
            models.Index(
                fields=["account", "-id"],
                name="webhook_alive",
                condition=models.Q(deleted_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return self.description or self.url

    def seal(self, plain: str) -> bytes:
        """A secret of this endpoint, encrypted. The row must be saved before."""
        return sealing.seal(plain.encode(), purpose=PURPOSE, context=context(self.pk))


def context(endpoint_id: int) -> bytes:
    """What binds a sealed secret to its row."""
    return f"webhook:{endpoint_id}".encode()


class WebhookDelivery(models.Model):
    """One event to one endpoint. The id follows from both, so the same event never makes two rows.

    While it is posted it is leased: `due_at` then says when the lease has run out.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    account = models.ForeignKey(Account, db_index=False, **LOOSE)
    endpoint = models.ForeignKey(WebhookEndpoint, db_index=False, **LOOSE)
    event_id = models.UUIDField()
    type = models.CharField(max_length=12)
    sample = models.BooleanField(default=False, help_text="A test: its event never happened.")
    state = models.CharField(
        max_length=9, choices=DeliveryState.choices, default=DeliveryState.WAITING
    )
    tries = models.PositiveSmallIntegerField(default=0, help_text="All of them.")
    step = models.PositiveSmallIntegerField(default=0, help_text="Of the schedule.")
    due_at = models.DateTimeField()
    lease = models.UUIDField(null=True, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(default=0, help_text="0: no answer.")
    outcome = models.CharField(max_length=12, blank=True)
    milliseconds = models.PositiveIntegerField(default=0)
    history: Any = models.JSONField(null=True, blank=True, help_text="Tries that failed, cut.")

    objects = OfAccount.as_manager()

    class Meta:
        indexes: ClassVar = [
            # The engine's claim: what of an endpoint is due
            models.Index(
                fields=["endpoint", "due_at"],
                name="webhook_due",
                condition=models.Q(state="waiting"),
            ),
            # The endpoint's page: recent deliveries, newest first
            models.Index(fields=["endpoint", "-id"], name="webhook_recent"),
            # Its dead letters
            models.Index(
                fields=["endpoint", "-id"],
                name="webhook_dead",
                condition=models.Q(state="dead"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
