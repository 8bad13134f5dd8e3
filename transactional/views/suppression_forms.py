"""The forms of the suppression list, and the words for what is wrong with a file."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tokens.models import Scope
from transactional import suppression_undo
from transactional.models import SuppressionReason
from transactional.suppressions import keyed
from transactional.wire.address import AddressError, parse_address

WHY_MAX = 500  # characters of a reason

FILE_ERRORS: Mapping[str, Any] = {
    "size": gettext_lazy("The file is larger than 4 MB."),
    "text": gettext_lazy("The file is not UTF-8 text."),
    "header": gettext_lazy("The first line names no columns that are known."),
    "rows": gettext_lazy("The file has more than 10,000 rows. Split it."),
    "csv": gettext_lazy("The file is not a CSV file: a quote is not closed."),
}
PROBLEMS: Mapping[str, Any] = {
    "address": gettext_lazy("This is not one email address."),
    "reason": gettext_lazy("The reason is not known."),
    "scope": gettext_lazy("The scope is neither all nor marketing."),
    "cells": gettext_lazy("Columns are missing."),
    "block": gettext_lazy("The receiver refused the sender, not this address."),
}


MOMENTS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")
RULE_ERRORS: Mapping[str, tuple[str, Any]] = {
    "empty": (
        "since",
        gettext_lazy("Name a beginning, a domain or words: this would be the whole list."),
    ),
    "window": ("until", gettext_lazy("The window ends before it begins.")),
    "reason": ("reason", gettext_lazy("The reason is not known.")),
    "domain": ("domain", gettext_lazy("This is not a domain name, like example.com.")),
}


class AddForm(forms.Form):
    """An address, how far its suppression reaches, and why."""

    address = forms.CharField(
        label=gettext_lazy("Email address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    scope = forms.ChoiceField(
        label=gettext_lazy("What it stops"), choices=Scope.choices, initial=Scope.ALL
    )
    why = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=WHY_MAX,
        help_text=gettext_lazy("It is shown in the list."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_address(self) -> str:
        """The address alone, in lower case. Raises ValidationError."""
        try:
            return keyed(parse_address(self.cleaned_data["address"]).spec)
        except AddressError as err:
            raise ValidationError(
                _("This is not one email address, like ann@example.com.")
            ) from err


class RemoveForm(forms.Form):
    """Why an address may be mailed again."""

    why = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=WHY_MAX,
        help_text=gettext_lazy("It is kept in the log with your address."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class UndoForm(forms.Form):
    """Which suppressions an undo is about, and why."""

    since = forms.DateTimeField(
        label=gettext_lazy("On the list since"),
        required=False,
        input_formats=MOMENTS,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MOMENTS[0]),
        help_text=gettext_lazy("The beginning of the window, in UTC."),
    )
    until = forms.DateTimeField(
        label=gettext_lazy("Until"),
        required=False,
        input_formats=MOMENTS,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MOMENTS[0]),
        help_text=gettext_lazy("Empty: until now."),
    )
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        required=False,
        choices=[("", gettext_lazy("Any bounce")), *SuppressionReason.choices],
    )
    domain = forms.CharField(
        label=gettext_lazy("Domain of the addresses"),
        required=False,
        max_length=253,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "example.com"}
        ),
    )
    said = forms.CharField(
        label=gettext_lazy("Words of the evidence"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("As the receiver wrote them, capital letters or not."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    why = forms.CharField(
        label=gettext_lazy("Why they are taken off"),
        max_length=WHY_MAX,
        help_text=gettext_lazy("It is kept in the log with your address."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    rule: suppression_undo.Rule

    def clean(self) -> dict[str, Any]:
        """`rule` is set where the fields make one. Raises ValidationError."""
        given = super().clean() or self.cleaned_data
        if self.errors:
            return given
        try:
            self.rule = suppression_undo.rule(
                since=given["since"],
                until=given["until"],
                reasons=[given["reason"]] if given["reason"] else [],
                domain=given["domain"],
                said=given["said"],
            )
        except suppression_undo.RuleError as err:
            field, words = RULE_ERRORS[str(err)]
            self.add_error(field, words)
        return given


class ImportForm(forms.Form):
    """A CSV file."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv"}),
    )
