"""From addresses outside the account's domains, each confirmed by whoever reads its mailbox."""

from django.db import models
from django.utils import timezone

from tokens.models import Account
from tokens.models.account import OfAccount


class SenderState(models.TextChoices):
    """Where a From address stands."""

    PENDING = "pending", "Waits for the click in the mail"
    CONFIRMED = "confirmed", "Confirmed"


class SenderAddress(models.Model):
    """An address that is no domain's of the account. Mail from it leaves as `sends_as`, which is, and
    answers go to the address itself: signed and sent by its own domain it cannot be.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="senders")
    address = models.CharField(max_length=254, help_text="In lower case.")
    sends_as = models.CharField(max_length=254, help_text="The From that recipients see.")
    state = models.CharField(max_length=9, choices=SenderState.choices, default=SenderState.PENDING)
    nonce = models.CharField(
        max_length=32, blank=True, help_text="Of the one link that works; empty: none does."
    )
    asked_by = models.CharField(max_length=254)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "address"], name="sender_once")]

    def __str__(self) -> str:
        return self.address


class SenderMail(models.Model):
    """A confirmation that was mailed, so that nobody's mailbox is filled with them. Kept two days,
    whatever becomes of the address.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    address = models.CharField(max_length=254)
    at = models.DateTimeField(default=timezone.now, editable=False)

    objects = OfAccount.as_manager()

    class Meta:
        indexes = [
            # The limit of an address, whichever account asks
            models.Index(fields=["address", "at"], name="sender_mail_limit")
        ]

    def __str__(self) -> str:
        return self.address
