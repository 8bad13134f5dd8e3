"""The forms of streams and smarthosts."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.errors import PostinoError
from tokens.models import Account
from transactional import smarthosts
from transactional.models import Smarthost, Stream
from transactional.views.settings_fields import one_line

HOUR = 3600
LONGEST = 7 * 24  # hours that a message may be tried for
_HOST_WORDS = {
    "INVALID_HOST": gettext_lazy(
        "This is no host name. Give one as smtp.example.com, without port or https://."
    ),
    "PRIVATE_ADDRESS": gettext_lazy(
        "This is a private or local address. Give the server's public one."
    ),
}
_ACROSS_WORDS = {
    "PASSWORD_NEEDS_TLS": gettext_lazy(
        "A password is only sent under TLS: choose one of the others."
    ),
    "PASSWORD_MISSING": gettext_lazy("Give the password of this user name."),
    "PASSWORD_OF_ANOTHER_SERVER": gettext_lazy("Another server: give its password again."),
    "USERNAME_MISSING": gettext_lazy("Give the user name of this password."),
}


class SmarthostChoice(forms.ModelChoiceField[Smarthost]):
    """Smarthosts by name; of the operator's the address is nobody's business."""

    def label_from_instance(self, obj: Any) -> str:
        """The name, and where it is or whose."""
        if obj.account_id is None:
            return _("%(name)s (of this installation)") % {"name": obj.name}
        return str(obj)


class StreamForm(forms.Form):
    """What an account may decide about one of its streams."""

    hours = forms.IntegerField(
        label=gettext_lazy("Lifetime in hours"),
        min_value=1,
        max_value=LONGEST,
        help_text=gettext_lazy("A message that is not delivered by then expires."),
    )
    uncertain_policy = forms.ChoiceField(
        label=gettext_lazy("When nobody knows whether a message arrived"),
        choices=[
            ("resend", gettext_lazy("Send it again, marked")),
            ("hold", gettext_lazy("Hold it")),
        ],
        help_text=gettext_lazy(
            "It was handed over whole and the connection broke before the receiver's answer."
        ),
    )
    tls = forms.ChoiceField(
        label=gettext_lazy("Encryption on the way (TLS)"),
        choices=[
            ("opportunistic", gettext_lazy("When the receiver offers it")),
            ("required", gettext_lazy("Always")),
        ],
        help_text=gettext_lazy(
            "Always: where a receiver cannot do it, mail waits and at last expires, rather than leave in clear."
        ),
    )
    fallback = SmarthostChoice(
        label=gettext_lazy("Smarthost"),
        queryset=None,
        required=False,
        empty_label=gettext_lazy("None: mail waits"),
        help_text=gettext_lazy(
            "The server that mail goes through when the direct way is shut or its deadline is near."
        ),
    )

    def __init__(self, data: Any = None, *, account: Account, stream: Stream) -> None:
        now = {
            "hours": max(1, stream.lifetime // HOUR),
            "uncertain_policy": stream.uncertain_policy,
            "tls": stream.tls,
            "fallback": stream.fallback_id,
        }
        super().__init__(data, initial=now)
        self.fields["fallback"].queryset = smarthosts.offered(account)  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """The stream's fields that were changed."""
        data = {name: self.cleaned_data[name] for name in self.changed_data}
        if "hours" in data:
            data["lifetime"] = data.pop("hours") * HOUR
        return data


class SmarthostForm(forms.Form):
    """A server that relays, with the name and password it wants."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100, validators=[one_line],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    host = forms.CharField(
        label=gettext_lazy("Server"), max_length=253,
        help_text=gettext_lazy("Its host name or public IP address."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "smtp.example.com"}
        ),
    )  # fmt: skip
    port = forms.TypedChoiceField(
        label=gettext_lazy("Port"), coerce=int, choices=[(one, str(one)) for one in smarthosts.PORTS],
        initial=587, help_text=gettext_lazy("TLS begins by STARTTLS."),
    )  # fmt: skip
    tls = forms.ChoiceField(
        label=gettext_lazy("TLS"),
        choices=[
            ("verified", gettext_lazy("Always, with a valid certificate")),
            ("required", gettext_lazy("Always, whatever the certificate")),
            ("opportunistic", gettext_lazy("When offered (no password)")),
        ],
    )
    username = forms.CharField(
        label=gettext_lazy("User name"), max_length=254, required=False, validators=[one_line],
        help_text=gettext_lazy("Empty: the server asks for none."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    password = forms.CharField(
        label=gettext_lazy("Password"), max_length=500, required=False, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip

    def __init__(self, data: Any = None, *, row: Smarthost | None = None) -> None:
        now = (
            {}
            if row is None
            else {n: getattr(row, n) for n in ("name", "host", "port", "tls", "username")}
        )
        super().__init__(data, initial=now)
        self._row = row
        self.fields["password"].help_text = (
            _("Kept encrypted and never shown again.")
            if row is None
            else _("Never shown. Empty: the one that is kept stays.")
        )
        if row is not None and row.port not in smarthosts.PORTS:  # the operator set it: it may stay
            field = self.fields["port"]
            field.choices = [*field.choices, (row.port, str(row.port))]  # type: ignore[attr-defined]

    def clean_host(self) -> str:
        """A host name, or an address that mail may go to."""
        try:
            return smarthosts.host_of(str(self.cleaned_data["host"]))
        except PostinoError as err:
            raise ValidationError(_HOST_WORDS[err.refusal.code]) from err

    def clean_password(self) -> str:
        """Without what would end its line."""
        given = str(self.cleaned_data["password"])
        if any(character in given for character in "\0\r\n"):
            raise ValidationError(_("A password has no line breaks."))
        return given

    def clean(self) -> dict[str, Any]:
        """A password needs TLS, and another server needs its own."""
        data: dict[str, Any] = super().clean() or {}
        for code in smarthosts.across(data, self._row):
            field = smarthosts.ACROSS[code][0]
            if not {field, "username" if field == "username" else "password"} & set(self.errors):
                self.add_error(field, _ACROSS_WORDS[code])
        return data

    def wanted(self) -> smarthosts.Wanted:
        """What was asked for."""
        return smarthosts.Wanted(**self.cleaned_data)
