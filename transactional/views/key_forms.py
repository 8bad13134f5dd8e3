"""The forms of the page API keys & SMTP tokens."""

from datetime import datetime, time

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tokens.credentials import SCOPES

SCOPE_CHOICES = [
    (SCOPES[0], _("Send transactional email, manage SMTP tokens")),
    (SCOPES[1], _("Send marketing email")),
    (SCOPES[2], _("Connect, check and disconnect domains and IPs")),
    ("content", _("Read and write emails, not publish them")),
    ("publish", _("Publish emails and roll versions out")),
    ("contacts", _("Read and change contact lists")),
    ("webhooks", _("Read and change webhooks, replay events")),
    ("communication_preferences.read", _("Read what people agreed to hear of")),
    ("communication_preferences.read_write", _("Read and change what people agreed to hear of")),
]


def _printable(value: str) -> None:
    if not value.isprintable():
        raise ValidationError(_("This may not contain line breaks or control characters."))


class ApiKeyForm(forms.Form):
    """A new API key."""

    name = forms.CharField(
        label=_("Name"),
        max_length=200,
        validators=[_printable],
        help_text=_("Which program will use it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=SCOPE_CHOICES,
        initial=[SCOPES[0]],
        widget=forms.CheckboxSelectMultiple,
    )
    expires = forms.DateField(
        label=_("Expires"),
        required=False,
        help_text=_("The last day on which it works. Empty: never."),
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def clean_expires(self) -> datetime | None:
        """The end of that day. Raises ValidationError for one that is over."""
        day = self.cleaned_data["expires"]
        if day is None:
            return None
        end: datetime = timezone.make_aware(datetime.combine(day, time.max))
        if end <= timezone.now():
            raise ValidationError(_("This day is over."))
        return end


class SmtpTokenForm(forms.Form):
    """A new SMTP token."""

    prefix = "smtp"  # both forms stand on one page

    campaign_name = forms.CharField(
        label=_("Campaign name"),
        max_length=200,
        validators=[_printable],
        help_text=_("Its numbers are kept under this name."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    create_contact = forms.BooleanField(
        label=_("Make contacts of unknown recipients"),
        required=False,
    )
