"""The account's audit log: who did what that others may have to answer for. Append-only."""

from typing import Any, NoReturn

from django.db import models
from django.utils import timezone

from tokens.models.account import Account, OfAccount


class AuditEntry(models.Model):
    """One act. Written by `tokens/audit.py` alone; the database refuses to change a row."""

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, related_name="audit_log", db_index=False
    )
    at = models.DateTimeField(default=timezone.now, editable=False)
    by = models.CharField(max_length=254, help_text="An address, a key's name, or “postino”.")
    what = models.CharField(max_length=64, help_text="A code such as email.published.")
    target = models.CharField(max_length=64, blank=True, help_text="What it was done to: email:12.")
    name = models.CharField(max_length=200, blank=True, help_text="The target's name, then.")
    data = models.JSONField(default=dict, blank=True)

    objects = OfAccount.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            # An account's log, newest first, keyset paged
            models.Index(fields=["account", "-id"], name="audit_list"),
            # What happened to one thing
            models.Index(fields=["account", "target", "-id"], name="audit_of_target"),
        ]

    def __str__(self) -> str:
        return f"{self.what} by {self.by}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Only new rows. Raises TypeError."""
        if not self._state.adding:
            raise TypeError("The audit log is not changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Entries go with their account alone. Raises TypeError."""
        raise TypeError("The audit log is not shortened")
