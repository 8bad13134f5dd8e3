"""The forms of the domain and IP pages: what may be typed, and the sentence for what may not."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from config.errors import PostinoError
from domains import connect, hosts, names
from domains.dkim import importing
from tokens.models import Account

# Refusals that the reader is told in their language
TOLD = {
    "DOMAIN_EXISTS": _("This domain is connected already."),
    "TOO_MANY_DOMAINS": _("This account has as many domains as it may have."),
    "PRIVATE_ADDRESS": _("This is a private or local address: no mail leaves from it."),
    "IP_EXISTS": _("This IP is connected already."),
    "INVALID_SELECTOR": _(
        "A selector is what stands before ._domainkey, like mail2026: letters, digits and hyphens, "
        "at most 63 characters."
    ),
    "RESERVED_SELECTOR": _(
        "Selectors like p7r1 are kept for keys that are made here. Choose another one."
    ),
    "SELECTOR_TAKEN": _("Another key has this selector already."),
    "KEY_EXISTS": _("This key is here already."),
    "TOO_MANY_KEYS": _("This domain has as many keys as it may have."),
    "KEY_TOO_LARGE": _("This is too long for a private key."),
    "KEY_NOT_TEXT": _("This is not text: export the key as PEM, then paste it."),
    "KEY_IS_PUBLIC": _("This is the public half. Paste the private key."),
    "NOT_A_KEY": _("This is not a private key: it begins with -----BEGIN PRIVATE KEY-----."),
    "SEVERAL_KEYS": _("There are several keys here. Paste one."),
    "KEY_PASSPHRASE": _("The key is protected by a passphrase. Remove it first."),
    "KEY_CUT_OFF": _("The key cannot be read: copy all of it, with its first and last line."),
    "KEY_TOO_SHORT": _(
        "The key is too short: receivers refuse RSA keys below 1024 bits, and 2048 are advised."
    ),
    "KEY_TOO_LONG": _("The key is too long: receivers need not read RSA keys above 4096 bits."),
    "KEY_OF_OTHER_KIND": _(
        "DKIM signs with RSA and Ed25519 keys only; this one is of another kind."
    ),
    "NO_DNS": _("This installation runs no DNS of its own."),
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

    warm_up = forms.BooleanField(
        label=_("Warm it up"),
        required=False,
        help_text=_(
            "Begin with little mail per mailbox provider and day. Without it, the IP is used in full "
            "as soon as its DNS is right."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names_of = sorted(hosts.reports())
        if len(names_of) > 1:  # where one machine delivers, there is nothing to choose
            anywhere = [("", _("Any that has it"))]
            self.fields["host"] = forms.ChoiceField(
                label=_("Worker host"),
                required=False,
                choices=[*anywhere, *((name, name) for name in names_of)],
                help_text=_("The machine that has this IP."),
            )

    def clean_address(self) -> str:
        """An address that may send mail and nobody has connected."""
        return _read(connect.free_address, self.cleaned_data["address"])

    def clean_ehlo_name(self) -> str:
        """A full host name."""
        return _read(names.host_name, self.cleaned_data["ehlo_name"])


class KeyForm(forms.Form):
    """A private key that signs elsewhere already, with its selector."""

    selector = forms.CharField(
        label=_("Selector"),
        max_length=300,
        help_text=_("What stands before ._domainkey, like mail2026."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    key = forms.CharField(
        label=_("Private key"),
        max_length=importing.LONGEST,
        required=False,
        help_text=_(
            "RSA of 1024 to 4096 bits (2048 are advised) or Ed25519, as PEM: the text that begins "
            "with -----BEGIN PRIVATE KEY-----. It is kept encrypted and never shown again."
        ),
        widget=forms.Textarea(
            attrs={"rows": 8, "autocomplete": "off", "spellcheck": "false", "class": "code"}
        ),
    )
    file = forms.FileField(label=_("Or its file"), required=False)

    def clean(self) -> dict[str, Any]:
        """The key's text, from the field or the file."""
        given = super().clean() or {}
        upload = given.get("file")
        text = given.get("key", "")
        if upload is not None and not text:
            octets = upload.read(importing.LONGEST + 1)
            text = octets.decode("ascii", "replace")
        if not text and "key" not in self.errors:
            raise ValidationError({"key": _("Paste the private key, or choose its file.")})
        return {**given, "text": text}


def told(err: PostinoError) -> str:
    """A refusal in the reader's language, where we have it."""
    return str(TOLD.get(err.refusal.code, err.refusal.message))


def _read(read: Callable[[str], str], text: str) -> str:
    """What the floor below makes of a text, its refusal as the field's error."""
    try:
        return read(text)
    except PostinoError as err:
        raise ValidationError(told(err)) from err
