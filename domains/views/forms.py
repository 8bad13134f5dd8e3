"""The forms of the domain and IP pages: what may be typed, and the sentence for what may not."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from config.errors import PostinoError
from domains import connect, names
from tokens.models import Account

# Refusals that the reader is told in their language
TOLD = {
    "DOMAIN_EXISTS": _("This domain is connected already."),
    "TOO_MANY_DOMAINS": _("This account has as many domains as it may have."),
    "PRIVATE_ADDRESS": _("This is a private or local address: no mail leaves from it."),
    "IP_EXISTS": _("This IP is connected already."),
}


class DomainForm(forms.Form):
    """A domain to send from."""

    name = forms.CharField(
        label=_("Domain"),
        max_length=300,
        help_text=_("The part after the @ of your From addresses, like shop.example."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account

    def clean_name(self) -> str:
        """A-labels in lower case, not yet among the account's domains."""
        account = self.account
        return _read(
            lambda text: connect.free_domain_name(account, text), self.cleaned_data["name"]
        )


class SourceForm(forms.Form):
    """A dedicated IP."""

    address = forms.GenericIPAddressField(
        label=_("IP address"),
        help_text=_("It must belong to a network interface of the host that sends."),
    )
    ehlo_name = forms.CharField(
        label=_("EHLO name"),
        max_length=300,
        help_text=_(
            "The host name this IP greets with, like mail.shop.example. Its address record and "
            "the IP's reverse record must point at each other."
        ),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def clean_address(self) -> str:
        """An address that may send mail and nobody has connected."""
        return _read(connect.free_address, self.cleaned_data["address"])

    def clean_ehlo_name(self) -> str:
        """A full host name."""
        return _read(names.host_name, self.cleaned_data["ehlo_name"])


def _read(read: Callable[[str], str], text: str) -> str:
    """What the floor below makes of a text, its refusal as the field's error."""
    try:
        return read(text)
    except PostinoError as err:
        raise ValidationError(TOLD.get(err.refusal.code, err.refusal.message)) from err
