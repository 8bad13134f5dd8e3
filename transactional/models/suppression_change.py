"""What members did to the list of suppressed addresses, and the addresses blocked for all."""

from django.db import models
from django.utils import timezone

from tokens.models import Account
from tokens.models.account import OfAccount
from transactional.models.enums import SuppressionChanged, SuppressionReason


class SuppressionChange(models.Model):
    """An address put on the list or taken off it by a member: who, when and why; append-only."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="+")
    what = models.CharField(max_length=8, choices=SuppressionChanged.choices)
    address = models.CharField(max_length=254, blank=True, help_text="Empty: a whole file.")
    reason = models.CharField(max_length=11, choices=SuppressionReason.choices, blank=True)
    by = models.CharField(max_length=254, help_text="The member's address.")
    why = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(default=timezone.now)

    objects = OfAccount.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "-id"], name="suppression_changes"),
            models.Index(fields=["account", "address", "-id"], name="suppression_change_address"),
        ]

    def __str__(self) -> str:
        return f"{self.address} {self.what} by {self.by}"


class GlobalBlock(models.Model):
    """An address that bounced for good in several accounts: no account mails it until then.

    It belongs to no account, and tells none of another's mail.
    """

    address = models.CharField(max_length=254, unique=True, help_text="Lower case.")
    accounts = models.PositiveIntegerField(help_text="In which it bounced for good.")
    until = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.address
