"""What is said: emails, their immutable versions, and the campaigns numbers are kept for."""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone

from tokens.models import Account, SmtpCredential
from tokens.models.account import OfAccount
from transactional.models.enums import Kind, Lane
from transactional.models.subscription import SubscriptionType


class CampaignQuerySet(OfAccount):
    """Queries over campaigns, and the opening of a token's."""

    def open_for(self, credential: SmtpCredential) -> "Campaign":
        """The campaign of an SMTP token, opened with it."""
        found, _ = self.get_or_create(
            smtp_credential=credential,
            defaults={"account_id": credential.account_id, "name": credential.campaign_name},
        )
        return found  # type: ignore[no-any-return]


class Campaign(models.Model):
    """What statistics are kept for: one per email, one per SMTP token."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="campaigns")
    name = models.CharField(max_length=200)
    smtp_credential = models.OneToOneField(
        SmtpCredential, on_delete=models.SET_NULL, null=True, blank=True, related_name="campaign"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[Any] = CampaignQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class EmailContent(models.Model):
    """The fields that are drafted and then frozen in a version."""

    subject = models.TextField(blank=True)
    preview_text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    text = models.TextField(blank=True, help_text="Empty: made from the HTML.")
    from_name = models.CharField(max_length=200, blank=True)
    from_address = models.CharField(max_length=254, blank=True)
    reply_to = models.CharField(max_length=254, blank=True)
    kind = models.CharField(max_length=13, choices=Kind.choices, default=Kind.TRANSACTIONAL)
    lane = models.SmallIntegerField(choices=Lane.choices, default=Lane.NORMAL)
    subscription_type = models.ForeignKey(
        SubscriptionType,
        on_delete=models.RESTRICT,
        null=True,
        blank=True,
        related_name="+",
        help_text="What marketing mail counts as; empty: the account's default type.",
    )
    track_opens = models.BooleanField(default=True)
    track_clicks = models.BooleanField(default=True)
    language = models.CharField(
        max_length=35, blank=True, help_text="Of its words (BCP 47), as in Content-Language."
    )
    lifetime = models.PositiveIntegerField(
        default=0, help_text="Seconds a message may be tried for; 0: as its stream says."
    )
    contract = models.JSONField(
        default=list, blank=True, help_text="The variables a send brings: compose/contract."
    )

    class Meta:
        abstract = True


CONTENT_FIELDS = (
    "subject", "preview_text", "html", "text", "from_name", "from_address", "reply_to",
    "kind", "lane", "subscription_type_id", "track_opens", "track_clicks", "language", "lifetime",
    "contract",
)  # fmt: skip


class Email(EmailContent):
    """The composed asset. Its own content fields are the draft; `published` is what is live."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="emails")
    name = models.CharField(max_length=200)
    campaign = models.OneToOneField(Campaign, on_delete=models.PROTECT, related_name="email")
    published = models.ForeignKey(
        "EmailVersion", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    document = models.JSONField(
        null=True,
        blank=True,
        help_text="The block document the HTML is made from. Null: written as HTML.",
    )
    sample = models.JSONField(default=dict, blank=True, help_text="Sample data for the preview.")
    revision = models.PositiveIntegerField(
        default=1, help_text="Counts saves; a save that names an older one is refused."
    )
    text_basis = models.CharField(
        max_length=64, blank=True,
        help_text="Fingerprint of the automatic plain text when one was written by hand.",
    )  # fmt: skip
    folder = models.CharField(max_length=100, blank=True)
    tags = models.JSONField(default=list, blank=True, help_text="Words to find it by.")
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)
    updated_by = models.CharField(max_length=254, blank=True)

    objects = OfAccount.as_manager()

    class Meta:
        indexes = [
            # The list of an account's emails, newest change first, keyset paged
            models.Index(fields=["account", "-updated_at", "-id"], name="email_list")
        ]

    def __str__(self) -> str:
        return self.name


class EmailVersion(EmailContent):
    """An immutable snapshot, made by publishing or by sending a draft."""

    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    digest = models.BinaryField(max_length=32, help_text="Of the content: an equal draft reuses it")
    document = models.JSONField(
        null=True, blank=True, help_text="The blocks it was made of, to compare and to restore."
    )
    note = models.CharField(
        max_length=500, blank=True, help_text="What its author says has changed."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=254)
    published_at = models.DateTimeField(null=True, blank=True, help_text="When it last went live.")
    published_by = models.CharField(max_length=254, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["email", "number"], name="version_number"),
            models.UniqueConstraint(fields=["email", "digest"], name="version_content"),
        ]

    def __str__(self) -> str:
        return f"{self.email_id} v{self.number}"
