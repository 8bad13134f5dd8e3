"""What was said of templates that were imported: kept, so that a report can be read again."""

from django.db import models
from django.utils import timezone

from tokens.models import Account
from tokens.models.account import OfAccount


class TemplateImport(models.Model):
    """One upload of templates: the emails it became, and the notes on every line."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=200, help_text="Of the file, or empty for pasted text.")
    by = models.CharField(max_length=254)
    at = models.DateTimeField(default=timezone.now, editable=False)
    report = models.JSONField(default=list, help_text="Per template: path, email, problem, notes.")
    others = models.JSONField(default=list, help_text="Files of a ZIP that are no templates.")

    objects = OfAccount.as_manager()

    def __str__(self) -> str:
        return self.name or f"import {self.pk}"
