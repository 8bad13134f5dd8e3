"""What previews and checks need besides the email: sample data, what links answered, who said never mind."""

from django.db import models
from django.utils import timezone

from tokens.models import Account
from tokens.models.account import OfAccount
from transactional.models.email import Email


class SampleSet(models.Model):
    """Sample data under a name: "empty cart", "20 items". Every set must render."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="+")
    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="sample_sets")
    name = models.CharField(max_length=100)
    data = models.JSONField(default=dict)
    updated_at = models.DateTimeField(default=timezone.now)
    updated_by = models.CharField(max_length=254)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["email", "name"], name="one_sample_set_per_name")
        ]

    def __str__(self) -> str:
        return self.name


class DismissedProblem(models.Model):
    """A warning that a member let pass, with the reason: who, when and why."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="+")
    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="dismissed")
    code = models.CharField(max_length=40)
    block = models.CharField(max_length=40, blank=True)
    message = models.CharField(max_length=500, help_text="As it was shown.")
    why = models.CharField(max_length=500)
    by = models.CharField(max_length=254)
    at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True, blank=True, help_text="It is shown again.")

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["email", "code", "block"],
                condition=models.Q(withdrawn_at=None),
                name="dismissed_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} by {self.by}"


class LinkProbe(models.Model):
    """What a link of an account's emails answered when it was last asked."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="+")
    digest = models.BinaryField(max_length=32, help_text="SHA-256 of the URL.")
    url = models.CharField(max_length=2000)
    status = models.PositiveSmallIntegerField(null=True, help_text="HTTP; null: no answer.")
    trouble = models.CharField(max_length=20, blank=True, help_text="Why there was no answer.")
    asked_at = models.DateTimeField(default=timezone.now)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "digest"], name="one_probe_per_link")
        ]
        indexes = [
            # The chore that forgets links nobody has asked about for long
            models.Index(fields=["asked_at"], name="link_probe_age")
        ]

    def __str__(self) -> str:
        return self.url[:80]
