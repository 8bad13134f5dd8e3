"""The forms of the pages of webhooks."""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.models import WebhookEndpoint
from domains.models import Domain
from tokens.models import Account, ApiKey, SmtpCredential
from transactional.models import EventType, Stream

CHOICES = 200  # of a list to choose from: more are chosen over the API


class EndpointForm(forms.Form):
    """An endpoint: where, which events, of which mail."""

    url = forms.CharField(
        label=gettext_lazy("URL"),
        max_length=2000,
        help_text=gettext_lazy("Each event is posted there, signed. It must answer 2xx within seconds."),
        widget=forms.TextInput(
            attrs={
                "placeholder": "https://hooks.example.com/postino", "autocomplete": "off",
                "spellcheck": "false", "inputmode": "url",
            }
        ),
    )  # fmt: skip
    description = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Which program listens there."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    types = forms.MultipleChoiceField(
        label=gettext_lazy("Events"),
        choices=EventType.choices,
        required=False,
        help_text=gettext_lazy("None ticked: all of them, new kinds too."),
        widget=forms.CheckboxSelectMultiple,
    )
    stream = forms.ChoiceField(label=gettext_lazy("Stream"), required=False)
    domain = forms.ChoiceField(label=gettext_lazy("Domain"), required=False)
    credential = forms.ChoiceField(label=gettext_lazy("API key or SMTP token"), required=False)

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        every = [("", _("All"))]
        streams = Stream.objects.of(account).order_by("name")[:CHOICES]
        self._offer("stream", every + [(str(one.pk), one.name) for one in streams])
        domains = Domain.objects.of(account).order_by("name").values_list("name", flat=True)
        self._offer("domain", every + [(name, name) for name in domains[:CHOICES]])
        keys = ApiKey.objects.of(account).filter(deleted_at=None).order_by("name")[:CHOICES]
        smtp = SmtpCredential.objects.of(account).filter(deleted_at=None)
        tokens = smtp.order_by("campaign_name")[:CHOICES]
        self._offer(
            "credential",
            every
            + [(f"api:{one.pk}", one.name) for one in keys]
            + [(f"smtp:{one.pk}", f"{one.campaign_name} ({one.username})") for one in tokens],
        )

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        chosen = self.initial.get(name)
        if chosen and chosen not in dict(choices):
            choices = [*choices, (chosen, chosen)]  # what is gone meanwhile is not lost unasked
        self.fields[name].choices = choices  # type: ignore[attr-defined]  # a MultipleChoiceField

    @property
    def narrowed(self) -> bool:
        """Whether it is, or was to be, of some mail only."""
        names = ("stream", "domain", "credential")
        return any(self[name].value() for name in names) or any(self.errors.get(n) for n in names)


def initial(row: WebhookEndpoint) -> dict[str, Any]:
    """What a form of an endpoint begins with."""
    return {
        "url": row.url,
        "description": row.description,
        "types": row.types,
        "stream": "" if row.stream_id is None else str(row.stream_id),
        "domain": row.domain,
        "credential": row.credential,
    }


class RotateForm(forms.Form):
    """How long the secret of before goes on."""

    hours = forms.ChoiceField(
        label=gettext_lazy("The old secret signs too for"),
        choices=[
            ("24", gettext_lazy("24 hours")),
            ("1", gettext_lazy("1 hour")),
            ("168", gettext_lazy("7 days")),
            ("0", gettext_lazy("no longer: it leaked")),
        ],
    )


class TestForm(forms.Form):
    """Which event is tried out."""

    __test__ = False  # for pytest

    type = forms.ChoiceField(
        label=gettext_lazy("Event"), choices=EventType.choices, initial=EventType.DELIVERED
    )


class ReplayForm(forms.Form):
    """Since when, in the account's time; what."""

    since = forms.DateTimeField(
        label=gettext_lazy("Since"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
    )
    everything = forms.BooleanField(
        label=gettext_lazy("Also what was delivered"),
        required=False,
        help_text=gettext_lazy(
            "Each comes with the id it had, so that you can leave out what you know."
        ),
    )

    def clean_since(self) -> Any:
        """Within what is kept."""
        now, days = timezone.now(), settings.WEBHOOK_DAYS
        if not now - timedelta(days=days) <= self.cleaned_data["since"] <= now:
            raise ValidationError(_("Choose a moment of the last %(n)s days.") % {"n": days})
        return self.cleaned_data["since"]
