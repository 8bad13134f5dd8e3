"""How long the mail log is kept: what has been taken away so far, and accounts that keep less."""

from django.core.validators import MinValueValidator
from django.db import models

from tokens.models import Account
from tokens.models.account import OfAccount

LEAST_DAYS = 14  # a message may wait so long for its delivery, and its bounce for us
BEGINNING = "00000000-0000-0000-0000-000000000000"


class LogState(models.Model):
    """One table of the log: everything made before `kept_from` is gone. `looked_at`: the last run."""

    table = models.CharField(max_length=63, primary_key=True)
    kept_from = models.DateTimeField(null=True, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)
    waits_for = models.CharField(
        max_length=60,
        blank=True,
        help_text="Why something older is still there; empty: nothing is.",
    )

    def __str__(self) -> str:
        return self.table


class ShorterRetention(models.Model):
    """An account whose mail is kept for less long than the installation keeps it."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="+")
    body_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(LEAST_DAYS)],
        help_text="Content of messages; empty: as everybody's.",
    )
    message_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(LEAST_DAYS)],
        help_text="Messages with their recipients and tries; empty: as everybody's.",
    )
    bodies_until = models.UUIDField(
        default=BEGINNING, editable=False, help_text="Content of messages up to this one is gone."
    )

    objects = OfAccount.as_manager()

    def __str__(self) -> str:
        return f"{self.account_id}: {self.body_days} and {self.message_days} days"
