"""Sending domains and their DKIM keys."""

from django.db import models
from django.utils import timezone

from tokens.models.account import Account, OfAccount


class DomainState(models.TextChoices):
    """Where a domain stands."""

    PENDING = "pending", "Waiting for DNS"
    VERIFIED = "verified", "Verified"
    BROKEN = "broken", "Was verified, a record is wrong now"


class Domain(models.Model):
    """A domain that an account sends from. Its host names and selectors carry the account's number,
    so one account's records never verify another's.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="domains")
    name = models.CharField(max_length=253, help_text="Lower case, A-labels.")
    state = models.CharField(
        max_length=10, choices=DomainState.choices, default=DomainState.PENDING
    )
    tracking_ready = models.BooleanField(
        default=False, help_text="The tracking host answered an HTTPS probe; links may use it."
    )
    findings = models.JSONField(default=list, help_text="What the last check found, per record.")
    verified_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    next_check_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="one_domain_per_account")
        ]
        indexes = [
            # The periodic check takes the domains that are due
            models.Index(fields=["next_check_at"], name="domain_due")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def return_path_host(self) -> str:
        """Envelope domain of this account's mail: SPF alignment, and the way back for bounces."""
        return f"b{self.account_id}.{self.name}"

    @property
    def tracking_host(self) -> str:
        """Host of this domain's tracking links, once its probe passes."""
        return f"t{self.account_id}.{self.name}"


class DkimKey(models.Model):
    """A signing key under a selector. The private half is encrypted by the key ring."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="dkim_keys")
    selector = models.CharField(max_length=63)
    algorithm = models.CharField(
        max_length=8, choices=[("rsa", "RSA-2048"), ("ed25519", "Ed25519")]
    )
    private_key = models.BinaryField()
    public_key = models.TextField(help_text="The p= value of the TXT record.")
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["domain", "selector"], name="one_key_per_selector")
        ]

    def __str__(self) -> str:
        return f"{self.selector}._domainkey.{self.domain_id}"
