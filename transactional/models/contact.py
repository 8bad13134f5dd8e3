"""People: their stored properties and consent, and the addresses an account must not mail."""

from django.db import models
from django.utils import timezone

from tokens.models import Account, Scope
from tokens.models.account import OfAccount
from transactional.models.enums import OptIn, SuppressionReason


class Contact(models.Model):
    """A person's stored properties, known by address within an account."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="contacts")
    email = models.CharField(max_length=254, help_text="Lower case.")
    properties = models.JSONField(default=dict, blank=True)
    unsubscribed_at = models.DateTimeField(null=True, blank=True)
    quarantined_at = models.DateTimeField(null=True, blank=True)
    opt_in = models.CharField(max_length=9, choices=OptIn.choices, default=OptIn.NONE)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "email"], name="one_contact_per_address")
        ]

    def __str__(self) -> str:
        return self.email


class Suppression(models.Model):
    """An address this account must not mail, with reason, evidence and scope."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="suppressions")
    address = models.CharField(max_length=254, help_text="Lower case.")
    reason = models.CharField(max_length=11, choices=SuppressionReason.choices)
    scope = models.CharField(max_length=10, choices=Scope.choices)
    evidence = models.TextField(blank=True, help_text="The reply or report behind it, cut.")
    recipient_id = models.UUIDField(null=True, blank=True, help_text="The mail that caused it.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "address", "reason"], name="one_suppression_per_reason"
            )
        ]

    def __str__(self) -> str:
        return f"{self.address} ({self.reason})"
