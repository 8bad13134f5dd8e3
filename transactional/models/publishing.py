"""How a version becomes what is sent: counted, rolled out step by step, approved by somebody else."""

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tokens.models import Account
from tokens.models.account import OfAccount
from transactional.models.email import Email, EmailVersion

BEGINNING = uuid.UUID(int=0)


class VersionCount(models.Model):
    """What became of the mail made from a version; `trial` counts that of the running roll-out."""

    version = models.ForeignKey(EmailVersion, on_delete=models.CASCADE, related_name="counts")
    type = models.CharField(max_length=12, help_text="accepted, failed, delivered, bounced, …")
    count = models.BigIntegerField(default=0)
    trial = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "type"], name="one_count_per_version")
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.type}: {self.count}"


class VersionFold(models.Model):
    """How far the event log has been counted by version."""

    name = models.CharField(max_length=20, primary_key=True)
    xid = models.BigIntegerField(default=0)
    event_id = models.UUIDField(default=BEGINNING)

    def __str__(self) -> str:
        return f"{self.name} at {self.xid}"


class RollOutState(models.TextChoices):
    """Where a roll-out stands."""

    RUNNING = "running", _("Running")
    HELD = "held", _("On hold")
    FINISHED = "finished", _("Finished")
    ROLLED_BACK = "rolled_back", _("Rolled back")


UNDER_WAY = (RollOutState.RUNNING, RollOutState.HELD)


class RollOut(models.Model):
    """A version that a share of the readers gets, while the live one is what all others get."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="rollouts")
    version = models.ForeignKey(EmailVersion, on_delete=models.CASCADE, related_name="+")
    baseline = models.ForeignKey(EmailVersion, on_delete=models.CASCADE, related_name="+")
    share = models.PositiveSmallIntegerField(help_text="Per cent of the recipients.")
    state = models.CharField(max_length=11, choices=RollOutState.choices)
    automatic = models.BooleanField(default=True, help_text="Goes on by itself while all is well.")
    note = models.CharField(max_length=500, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    started_by = models.CharField(max_length=254)
    stage_at = models.DateTimeField(default=timezone.now, help_text="Since when at this share.")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=254, blank=True)
    verdict = models.JSONField(default=dict, blank=True, help_text="Why it ended, with figures.")

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["email"],
                condition=models.Q(state__in=["running", "held"]),
                name="one_rollout_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.email_id}: {self.share} % {self.state}"


class ApprovalState(models.TextChoices):
    """Where a request to publish stands."""

    OPEN = "open", _("Waits for approval")
    APPROVED = "approved", _("Approved")
    DECLINED = "declined", _("Declined")
    RECALLED = "recalled", _("Recalled")
    VOID = "void", _("Ended by an edit")


class Approval(models.Model):
    """A request to publish a version: exactly that one, whatever becomes of the draft."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="approvals")
    version = models.ForeignKey(EmailVersion, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=8, choices=ApprovalState.choices)
    note = models.CharField(max_length=500, blank=True)
    share = models.PositiveSmallIntegerField(
        default=100, help_text="Per cent to begin the roll-out with; 100: all at once."
    )
    asked_at = models.DateTimeField(default=timezone.now)
    asked_by = models.CharField(max_length=254)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=254, blank=True)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["email"],
                condition=models.Q(state="open"),
                name="one_open_approval",
            )
        ]
        indexes = [
            # What waits for an approver, newest first
            models.Index(fields=["account", "state", "-id"], name="approval_list")
        ]

    def __str__(self) -> str:
        return f"{self.email_id}: {self.state}"


class ApprovalComment(models.Model):
    """What was said about a request."""

    approval = models.ForeignKey(Approval, on_delete=models.CASCADE, related_name="comments")
    at = models.DateTimeField(default=timezone.now)
    by = models.CharField(max_length=254)
    text = models.CharField(max_length=2000)

    def __str__(self) -> str:
        return f"{self.by}: {self.text[:40]}"
