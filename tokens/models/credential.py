"""Credentials: API keys and SMTP credentials. Only a keyed hash of a secret is stored."""

from django.db import models
from django.utils import timezone

from tokens.models.account import Account, OfAccount


class ApiKey(models.Model):
    """A bearer key for the HTTP API. `createdBy` is text: the key outlives who made it."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=200)
    prefix = models.CharField(max_length=24, unique=True, help_text="Public part; finds the row.")
    secret_hash = models.BinaryField(max_length=64)
    scopes = models.JSONField(default=list)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = OfAccount.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class SmtpCredential(models.Model):
    """A user name and password for SMTP submission: one campaign in the statistics.

    Deleting one sets `deleted_at`: it can sign in no more, its numbers stay readable.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="smtp_credentials")
    username = models.CharField(max_length=100, unique=True, help_text="x7k2…@<account>.smtp")
    secret_hash = models.BinaryField(max_length=64)
    campaign_name = models.CharField(max_length=200)
    create_contact = models.BooleanField(default=False)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = OfAccount.as_manager()

    class Meta:
        indexes = [
            # The token list of an account, newest first, filtered by campaign name
            models.Index(fields=["account", "campaign_name", "-id"], name="smtp_by_campaign")
        ]

    def __str__(self) -> str:
        return self.username
