"""The forms of sends from the app: whom it is for, and when it goes."""

import re
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tokens.models import Account
from transactional.broadcast import audience
from transactional.broadcast.schedule import ScheduleError, moment, zones
from transactional.models import ContactList
from transactional.views.email_forms import SAMPLE_LIMIT, json_object

LISTS_MAX = 200  # lists offered in the form, the newest
CUSTOM_HELP = gettext_lazy("What {{ custom.… }} stands for, the same for everybody.")


def _custom_field() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Custom properties (JSON)"), required=False, max_length=SAMPLE_LIMIT,
        help_text=CUSTOM_HELP,
        widget=forms.Textarea(attrs={"class": "code", "rows": 4, "spellcheck": "false"}),
    )  # fmt: skip


class TypedForm(forms.Form):
    """A send to typed addresses."""

    prefix = "typed"

    to = forms.CharField(
        label=gettext_lazy("Addresses"), max_length=300_000,
        help_text=gettext_lazy("One per line, up to 1,000. Each gets a message of their own."),
        widget=forms.Textarea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    custom = _custom_field()

    def clean_to(self) -> list[str]:
        """The lines that say something; what is no address is told at the next step."""
        lines = re.split(r"[\r\n;]+", self.cleaned_data["to"].replace("\0", ""))
        found = [line.strip(" ,\t") for line in lines if line.strip(" ,\t")]
        if len(found) > audience.TYPED_MAX:
            raise ValidationError(_("At most 1,000 addresses. Use a CSV file for more."))
        return found

    def clean_custom(self) -> dict[str, Any]:
        """The data of this send."""
        return json_object(self.cleaned_data["custom"])


class ListsForm(forms.Form):
    """A send to contact lists."""

    prefix = "lists"

    include = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Send to"), coerce=int, widget=forms.CheckboxSelectMultiple
    )
    exclude = forms.TypedMultipleChoiceField(
        label=gettext_lazy("But not to who is on"), coerce=int, required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    custom = _custom_field()

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = ContactList.objects.of(account).order_by("-pk").values_list("pk", "name")
        self.lists = list(rows[:LISTS_MAX])
        for name in ("include", "exclude"):
            self.fields[name].choices = self.lists  # type: ignore[attr-defined]

    def clean_custom(self) -> dict[str, Any]:
        """The data of this send."""
        return json_object(self.cleaned_data["custom"])


class WhenForm(forms.Form):
    """Now, or at a time as the clocks of a zone show it."""

    when = forms.ChoiceField(
        label=gettext_lazy("When"),
        choices=[("now", gettext_lazy("Now")), ("later", gettext_lazy("At a set time"))],
        initial="now",
        widget=forms.RadioSelect,
    )
    at = forms.CharField(
        label=gettext_lazy("Date and time"), required=False, max_length=30,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )  # fmt: skip
    zone = forms.ChoiceField(label=gettext_lazy("Time zone"), required=False)

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = zones()
        self.fields["zone"].choices = [(name, name.replace("_", " ")) for name in known]  # type: ignore[attr-defined]
        self.fields["zone"].initial = account.time_zone if account.time_zone in known else "UTC"

    def clean_at(self) -> datetime | None:
        """What was typed, as clocks show it: no zone is meant yet."""
        text = self.cleaned_data["at"].strip()
        if not text:
            return None
        try:
            value = datetime.fromisoformat(text)
        except ValueError as err:
            raise ValidationError(_("Write date and time like 2027-03-28 09:30.")) from err
        if value.tzinfo is not None:
            raise ValidationError(_("Write date and time like 2027-03-28 09:30."))
        return value

    def clean(self) -> dict[str, Any]:
        """Adds `moment`, in UTC; None: now."""
        found = super().clean() or {}
        found["moment"] = None
        if found.get("when") != "later":
            return found
        if found.get("at") is None:
            if "at" not in self.errors:
                self.add_error("at", _("Say when."))
            return found
        words = {
            "zone": _("Choose a time zone."),
            "gap": _(
                "Clocks are put forward then, and skip this time. Choose an hour earlier or later."
            ),
            "past": _("This time is over."),
            "far": _("At most a year ahead."),
        }
        try:
            found["moment"] = moment(found["at"], found.get("zone", ""), now=timezone.now())
        except ScheduleError as err:
            self.add_error("zone" if err.code == "zone" else "at", words[err.code])
        return found
