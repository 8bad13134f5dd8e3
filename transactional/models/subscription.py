"""What people agreed to hear of: types of marketing mail, each person's answer, and its history."""

from typing import Any, ClassVar, Self

from django.db import models
from django.utils import timezone

from config.ids import uuid7
from tokens.models import Account
from tokens.models.account import OfAccount
from transactional.models.contact import Contact
from transactional.models.enums import LegalBasis, Subscribed, SubscriptionSource

DEFAULT_NAME = "Marketing information"
DEFAULT_NAME_IT = "Informazioni commerciali"


class SubscriptionTypeQuerySet(models.QuerySet[Any]):
    """Queries over types, and the making of an account's first one."""

    def of(self, account: Account | int) -> Self:
        """Only the rows of this account."""
        return self.filter(account_id=account if isinstance(account, int) else account.pk)

    def default(self, account: Account | int) -> "SubscriptionType":
        """The type of marketing mail that names none, made at first use."""
        found = self.of(account).filter(is_default=True).first()
        if found is not None:
            return found  # type: ignore[no-any-return]
        account_id = account if isinstance(account, int) else account.pk
        # Two at once: the partial unique index lets one of them in
        self.bulk_create(
            [
                SubscriptionType(
                    account_id=account_id,
                    name=DEFAULT_NAME,
                    name_it=DEFAULT_NAME_IT,
                    description="News and offers.",
                    description_it="Novità e offerte.",
                    is_default=True,
                )
            ],
            ignore_conflicts=True,
        )
        return self.of(account).get(is_default=True)  # type: ignore[no-any-return]


class SubscriptionType(models.Model):
    """A kind of marketing mail that people can leave by itself, with its words in both languages."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=100)
    name_it = models.CharField(max_length=100, blank=True, help_text="Empty: as `name`.")
    description = models.CharField(max_length=300, blank=True)
    description_it = models.CharField(max_length=300, blank=True)
    is_active = models.BooleanField(default=True, help_text="Off: offered to nobody any more.")
    is_default = models.BooleanField(default=False, help_text="Of marketing mail that names none.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[Any] = SubscriptionTypeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="subscription_type_name"),
            models.UniqueConstraint(
                fields=["account"],
                condition=models.Q(is_default=True),
                name="one_default_subscription_type",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def named(self, language: str) -> str:
        """The name in this language."""
        return self.name_it if language == "it" and self.name_it else self.name

    def described(self, language: str) -> str:
        """The description in this language."""
        italian = language == "it" and self.description_it
        return self.description_it if italian else self.description


class Subscription(models.Model):
    """One person's answer about one type; no row: not specified."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, related_name="subscriptions", db_index=False
    )
    type = models.ForeignKey(SubscriptionType, on_delete=models.RESTRICT, related_name="+")
    status = models.CharField(max_length=12, choices=Subscribed.choices)
    legal_basis = models.CharField(max_length=27, choices=LegalBasis.choices, blank=True)
    explanation = models.CharField(max_length=500, blank=True)
    source = models.CharField(max_length=11, choices=SubscriptionSource.choices)
    at = models.DateTimeField(default=timezone.now)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            # Also how a contact's answers are found
            models.UniqueConstraint(fields=["contact", "type"], name="one_answer_per_type")
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} {self.status} {self.type_id}"


class SubscriptionChange(models.Model):
    """A change of what somebody agreed to, whoever made it; append-only.

    Without a `type`: all marketing mail. Its id is a UUIDv7, so it sorts among messages by time.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="+")
    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, db_index=False, related_name="subscription_changes"
    )
    type = models.ForeignKey(
        SubscriptionType, on_delete=models.RESTRICT, db_index=False, null=True, related_name="+"
    )
    status = models.CharField(max_length=12, choices=Subscribed.choices)
    legal_basis = models.CharField(max_length=27, choices=LegalBasis.choices, blank=True)
    explanation = models.CharField(max_length=500, blank=True)
    source = models.CharField(max_length=11, choices=SubscriptionSource.choices)
    by = models.CharField(max_length=254, blank=True, help_text="The member or the API key.")
    recipient_id = models.UUIDField(null=True, help_text="The mail it was said through.")
    at = models.DateTimeField(default=timezone.now)

    objects = OfAccount.as_manager()

    class Meta:
        indexes = [
            # The timeline of a contact
            models.Index(fields=["contact", "-id"], name="subscription_timeline"),
            # That of an account
            models.Index(fields=["account", "-id"], name="subscription_changes"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.type_id} by {self.source}"


class OptInRequest(models.Model):
    """A confirmation that a person was asked for by mail: of one type, or of all marketing mail."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="+")
    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, db_index=False, related_name="opt_in_requests"
    )
    type = models.ForeignKey(
        SubscriptionType, on_delete=models.CASCADE, db_index=False, null=True, related_name="+"
    )
    mails = models.PositiveSmallIntegerField(default=0, help_text="Sent so far.")
    mailed_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["contact", "type"], nulls_distinct=False, name="one_opt_in_per_type"
            )
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} asked about {self.type_id}"
