"""Sends from the app: one email to many, with a row for everybody it is meant for."""

from django.db import models
from django.utils import timezone

from tokens.models import Account
from tokens.models.account import OfAccount
from transactional.models.email import Email, EmailVersion
from transactional.models.enums import Audience, BroadcastState, Kind, Status


class Broadcast(models.Model):
    """One email to an audience, from the choice of recipients to the last outcome.

    `version` is what was confirmed: no other is sent. `content` is a CSV file until its columns
    are chosen; `columns` what each became. `problems` names lines and what is wrong with them.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="broadcasts")
    version = models.ForeignKey(
        EmailVersion, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    kind = models.CharField(max_length=13, choices=Kind.choices)
    audience = models.CharField(max_length=5, choices=Audience.choices)
    state = models.CharField(
        max_length=9, choices=BroadcastState.choices, default=BroadcastState.DRAFT
    )
    why = models.CharField(max_length=40, blank=True, help_text="Why it stands still; a code.")
    file_name = models.CharField(max_length=200, blank=True)
    content = models.BinaryField(null=True)
    columns = models.JSONField(default=list)
    include = models.JSONField(default=list, help_text="Numbers of lists.")
    exclude = models.JSONField(default=list)
    custom = models.JSONField(default=dict, help_text="Custom properties, the same for everybody.")
    total = models.PositiveIntegerField(default=0, help_text="Rows, once there are any.")
    duplicates = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list)
    outcome = models.JSONField(
        null=True, blank=True, help_text="Rows by state, once the rows are past their time."
    )
    expanded = models.BooleanField(default=False, help_text="Whether its rows are written.")
    bounces_seen = models.BooleanField(
        default=False, help_text="A member let it go on although many bounced."
    )
    by = models.CharField(max_length=254)
    user_id = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    scheduled_at = models.DateTimeField(null=True)
    time_zone = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True, help_text="When outcomes were last collected.")

    objects = OfAccount.as_manager()

    class Meta:
        indexes = [
            # The sends of an account, newest first, keyset paged
            models.Index(fields=["account", "-id"], name="broadcast_list"),
            # What the periodic task has to do something about
            models.Index(
                fields=["state", "scheduled_at"],
                name="broadcast_active",
                condition=models.Q(state__in=["scheduled", "running", "sent"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email_id} to {self.audience} by {self.by}"


class BroadcastRow(models.Model):
    """One recipient of a send. It is handed over in the transaction that accepts its message, so
    that there is exactly one message for it, whatever is killed when.

    `state` is one of `BroadcastRow.WAITING` and `.REFUSED`, or the recipient's last known Status.
    """

    WAITING, REFUSED = "waiting", "refused"

    broadcast = models.ForeignKey(
        Broadcast, on_delete=models.CASCADE, related_name="rows", db_index=False
    )
    number = models.PositiveIntegerField(help_text="Line of the file, or place among the others.")
    email = models.CharField(max_length=254, help_text="Lower case.")
    values = models.JSONField(default=dict, help_text="custom and contact; empty once handed over.")
    state = models.CharField(
        max_length=10,
        choices=[(WAITING, "Waiting"), (REFUSED, "Not sent"), *Status.choices],
        default=WAITING,
    )
    code = models.CharField(max_length=64, blank=True, help_text="Why it was refused.")
    message_id = models.UUIDField(null=True, unique=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["broadcast", "email"], name="once_per_broadcast")
        ]
        indexes = [
            # The next rows to hand over, and how many are in each state
            models.Index(fields=["broadcast", "state", "id"], name="broadcast_row_state"),
            # The first 200, whose bounces decide
            models.Index(fields=["broadcast", "id"], name="broadcast_row_order"),
        ]

    def __str__(self) -> str:
        return f"{self.broadcast_id} #{self.number}"


class ConfirmationEmail(models.Model):
    """Which of an account's emails asks for a double opt-in."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="+")
    email = models.OneToOneField(Email, on_delete=models.CASCADE, related_name="+")

    objects = OfAccount.as_manager()

    def __str__(self) -> str:
        return f"{self.email_id} of {self.account_id}"
