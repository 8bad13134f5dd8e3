"""Sending domains and their DKIM keys."""

from django.db import models
from django.utils import timezone

from tokens.models.account import Account, OfAccount


class DomainState(models.TextChoices):
    """Where a domain stands."""

    PENDING = "pending", "Waiting for DNS"
    VERIFIED = "verified", "Verified"
    BROKEN = "broken", "Was verified, a record is wrong now"


class DnsMode(models.TextChoices):
    """Who publishes what a domain needs. All but the first need the operator's own DNS (`dnsd`)."""

    OWN = "own", "Every record at the domain's DNS provider"
    ALIASES = "aliases", "Aliases (CNAME) that lead to our DNS"
    DELEGATED = "delegated", "The names below _domainkey delegated (NS) to our DNS"


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
    dns_mode = models.CharField(
        max_length=10, choices=DnsMode.choices, default=DnsMode.OWN, verbose_name="DNS mode"
    )
    delegated = models.BooleanField(
        default=False,
        help_text="The last check saw _domainkey delegated to this account's name at our DNS.",
    )
    rotates = models.BooleanField(
        default=True, help_text="DKIM keys are rotated on schedule (DKIM_ROTATE_DAYS)."
    )
    rotation_asked_at = models.DateTimeField(
        null=True, blank=True, help_text="Somebody asked for a rotation that still waits."
    )
    keys_due_at = models.DateTimeField(
        default=timezone.now, help_text="When the keys are looked after next."
    )
    findings = models.JSONField(default=list, help_text="What the last check found, per record.")
    standing = models.JSONField(
        default=dict, blank=True, help_text="Records that have been right: whether they are still."
    )
    verified_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(
        null=True, blank=True, help_text="When DNS was asked for what stands here."
    )
    next_check_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="one_domain_per_account")
        ]
        indexes = [
            # The periodic check takes the domains that are due
            models.Index(fields=["next_check_at"], name="domain_due"),
            # The task that mints, rotates and retires keys takes the domains that are due
            models.Index(fields=["keys_due_at"], name="domain_keys_due"),
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


class KeyState(models.TextChoices):
    """Where a DKIM key stands; it only ever moves down this list."""

    NEXT = "next", "Next: published, does not sign yet"
    ACTIVE = "active", "Signs"
    RETIRING = "retiring", "Signs no more, published for mail under way"
    RETIRED = "retired", "Revoked; its secret half is destroyed"


class DkimKey(models.Model):
    """A signing key under a selector. The private half is encrypted by the key ring.

    Two selectors of an algorithm take turns: a retired key's selector is used again.
    """

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="dkim_keys")
    selector = models.CharField(max_length=63)
    algorithm = models.CharField(max_length=8, choices=[("rsa", "RSA"), ("ed25519", "Ed25519")])
    bits = models.PositiveSmallIntegerField(default=2048, help_text="Length of an RSA key.")
    private_key = models.BinaryField(help_text="Sealed; empty once retired.")
    public_key = models.TextField(help_text="The p= value of the TXT record.")
    state = models.CharField(max_length=8, choices=KeyState.choices, default=KeyState.ACTIVE)
    imported = models.BooleanField(default=False)
    published = models.BooleanField(
        null=True, help_text="Whether the last check that got an answer saw it in DNS."
    )
    seen_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when every check has seen it in DNS."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    active_at = models.DateTimeField(null=True, blank=True)
    retiring_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "selector"],
                condition=~models.Q(state="retired"),
                name="one_living_key_per_selector",
            )
        ]

    def __str__(self) -> str:
        return f"{self.selector}._domainkey.{self.domain_id}"

    @property
    def host(self) -> str:
        """Where receivers look the key up (RFC 6376 §3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain.name}"


class DomainChange(models.Model):
    """A record of a verified domain broke or was put right, or its name was verified elsewhere:
    each is told to the account's owners once.
    """

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="changes")
    kind = models.CharField(
        max_length=10,
        choices=[
            ("broke", "A record broke"),
            ("recovered", "Every record is right again"),
            ("elsewhere", "Another account verified the same name"),
            ("refused", "A receiver refuses its mail as not authenticated"),
        ],
    )
    findings = models.JSONField(default=list, help_text="The findings that changed.")
    at = models.DateTimeField(default=timezone.now)
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # The task that writes to the owners takes what is untold
            models.Index(
                fields=["at"], condition=models.Q(told_at__isnull=True), name="change_untold"
            ),
            # The domain's page shows the last ones
            models.Index(fields=["domain", "-at"], name="change_of_domain"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.domain_id}"
