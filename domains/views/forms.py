"""The forms of the domain and IP pages: what may be typed, and the sentence for what may not."""

import ipaddress
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.errors import PostinoError
from domains import names
from domains.models import Domain
from domains.source_checks import in_range, is_connected
from tokens.models import Account

MOST = 200  # domains of an account: each is asked about for ever, by a worker all share


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
        name = _named(names.domain_name, self.cleaned_data["name"])
        mine = Domain.objects.of(self.account)
        if mine.filter(name=name).exists():
            raise ValidationError(gettext("This domain is connected already."))
        if mine.count() >= MOST:
            raise ValidationError(gettext("This account has as many domains as it may have."))
        return name


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
        address = str(ipaddress.ip_address(self.cleaned_data["address"]))
        if not in_range(address):
            raise ValidationError(
                gettext("This is a private or local address: no mail leaves from it.")
            )
        if is_connected(address):
            raise ValidationError(gettext("This IP is connected already."))
        return address

    def clean_ehlo_name(self) -> str:
        """A full host name."""
        return _named(names.host_name, self.cleaned_data["ehlo_name"])


def _named(read: Any, text: str) -> str:
    """A name read by the floor below, its refusal as the field's error."""
    try:
        return str(read(text))
    except PostinoError as err:
        raise ValidationError(err.refusal.message) from err
