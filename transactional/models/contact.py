"""People: their stored properties and consent, and the addresses an account must not mail."""

from django.db import models
from django.utils import timezone

from config.ids import uuid7
from tokens.models import Account, Scope
from tokens.models.account import OfAccount
from transactional.models.enums import ContactChanged, LegalBasis, OptIn, SuppressionReason

#: What a list of contacts asks for, so that its index can be used; true of every row.
LISTED = models.Q(id__gt=0)


class Contact(models.Model):
    """A person's stored properties, known by address within an account."""

    # Each send may make one: no look-up of its account, whose row all of them would lock
    account = models.ForeignKey(
        Account,
        on_delete=models.CASCADE,
        db_index=False,
        db_constraint=False,
        related_name="contacts",
    )
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
        indexes = [
            # The list of people, newest first, keyset paged. Only what asks for ids above 0 can take
            # it: in a young table, which PostgreSQL believes to be empty, look-ups by address would
            # as soon use it as their own, and read all contacts of the account
            models.Index(fields=["account", "-id"], name="contact_newest", condition=LISTED)
        ]

    def __str__(self) -> str:
        return self.email


class ContactChange(models.Model):
    """What a member of the account did to a contact by hand: who, when and why; append-only.

    Its id is a UUIDv7 although nobody else sees it: so it sorts among messages by time.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="+")
    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, db_index=False, related_name="changes"
    )
    what = models.CharField(max_length=12, choices=ContactChanged.choices)
    by = models.CharField(max_length=254, help_text="The member's address.")
    why = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(default=timezone.now)

    objects = OfAccount.as_manager()

    class Meta:
        indexes = [
            # The timeline of a contact
            models.Index(fields=["contact", "-id"], name="contact_timeline")
        ]

    def __str__(self) -> str:
        return f"{self.what} by {self.by}"


class ContactImport(models.Model):
    """A CSV file of people on its way into contacts; `content` is kept until it has been read.

    `problems` names lines and what is wrong with them, never what they say.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=200, help_text="The file's.")
    content = models.BinaryField(null=True, help_text="The file; null: all of it was read.")
    columns = models.JSONField(default=list, help_text="What each becomes; empty: not chosen yet.")
    list_id = models.BigIntegerField(null=True, help_text="The static list all are put on.")
    type_id = models.BigIntegerField(null=True, help_text="The type all are subscribed to.")
    legal_basis = models.CharField(max_length=27, choices=LegalBasis.choices, blank=True)
    explanation = models.CharField(max_length=500, blank=True)
    subscribed = models.PositiveIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0, help_text="Rows read: where to go on.")
    created = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list)
    by = models.CharField(max_length=254)
    at = models.DateTimeField(default=timezone.now)

    objects = OfAccount.as_manager()

    def __str__(self) -> str:
        return self.name


class Suppression(models.Model):
    """An address this account must not mail, with reason, evidence and scope."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="suppressions")
    address = models.CharField(max_length=254, help_text="Lower case, the domain in A-labels.")
    reason = models.CharField(max_length=11, choices=SuppressionReason.choices)
    scope = models.CharField(max_length=10, choices=Scope.choices)
    evidence = models.TextField(blank=True, help_text="The reply or report behind it, cut.")
    recipient_id = models.UUIDField(null=True, blank=True, help_text="The mail that caused it.")
    trial_at = models.DateTimeField(
        null=True, blank=True, help_text="From then on mail goes there on trial; empty: never."
    )
    trials = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="That failed.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "address", "reason"], name="one_suppression_per_reason"
            )
        ]
        indexes = [
            # The list, newest first, keyset paged
            models.Index(fields=["account", "-id"], name="suppression_list"),
            # Whose trial has begun
            models.Index(
                fields=["trial_at"],
                name="suppression_trial",
                condition=models.Q(trial_at__isnull=False),
            ),
            # In how many accounts an address has bounced for good
            models.Index(
                fields=["address"],
                name="suppression_bounced",
                condition=models.Q(reason="hard_bounce"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address} ({self.reason})"
