"""Lists of people: written down one by one, or whoever meets conditions when the list is used."""

from django.db import models
from django.utils import timezone

from tokens.models import Account
from tokens.models.account import OfAccount
from transactional.models.contact import Contact
from transactional.models.enums import ListKind


class ContactList(models.Model):
    """A named list. `conditions` are read by `transactional/contact_lists.py` alone."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=6, choices=ListKind.choices, default=ListKind.STATIC)
    conditions = models.JSONField(default=dict, blank=True)
    created_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="list_name")]
        indexes = [
            # The lists of an account, newest first, keyset paged
            models.Index(fields=["account", "-id"], name="list_list")
        ]

    def __str__(self) -> str:
        return self.name


class ListMember(models.Model):
    """One person on one static list."""

    list = models.ForeignKey(
        ContactList, on_delete=models.CASCADE, related_name="members", db_index=False
    )
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="on_lists")
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # Also the pages of a list, by contact
            models.UniqueConstraint(fields=["list", "contact"], name="once_per_list")
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} on {self.list_id}"
