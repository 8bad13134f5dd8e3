"""The fields of an email's settings that are about neither words nor sender: language, lifetime, place."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from transactional.compose.document.starters import LANGUAGES
from transactional.wire.header import HeaderError, guard

TAGS = 20  # of one email
TAG = 40  # characters of one
LIFETIMES = (
    (0, _("As its stream says")),
    (300, _("5 minutes")),
    (900, _("15 minutes")),
    (3600, _("1 hour")),
    (6 * 3600, _("6 hours")),
    (86_400, _("1 day")),
    (3 * 86_400, _("3 days")),
)


def one_line(value: str) -> None:
    """Validate what ends up in a header or a list. Raises ValidationError for hidden line breaks."""
    try:
        guard(value)
    except HeaderError as err:
        raise ValidationError(_("This may not contain line breaks or control characters.")) from err


class SettingsFields(forms.Form):
    """Language, lifetime, folder and tags."""

    language = forms.ChoiceField(
        label=_("Language"), required=False, choices=[("", _("Not said")), *LANGUAGES],
        help_text=_("Screen readers read the email in it, and mail programs are told."),
    )  # fmt: skip
    lifetime = forms.TypedChoiceField(
        label=_("Given up after"), coerce=int, empty_value="0", required=False, choices=LIFETIMES,
        help_text=_("A code that arrives after an hour helps nobody."),
    )  # fmt: skip
    folder = forms.CharField(
        label=_("Folder"), max_length=100, required=False, validators=[one_line],
        widget=forms.TextInput(attrs={"list": "folders", "autocomplete": "off"}),
    )  # fmt: skip
    tags = forms.CharField(
        label=_("Tags"), max_length=1000, required=False, validators=[one_line],
        help_text=_("Words to find it by, with commas between them."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip

    def clean_lifetime(self) -> int:
        """Seconds; 0 where nothing was said."""
        return int(self.cleaned_data["lifetime"])

    def clean_folder(self) -> str:
        """Without space around it."""
        return " ".join(str(self.cleaned_data["folder"]).split())

    def clean_tags(self) -> list[str]:
        """Each once, in the order typed."""
        return tags_of(self.cleaned_data["tags"])


def tags_of(text: str) -> list[str]:
    """The tags in a line. Raises ValidationError for too many, or one that is too long."""
    words = (" ".join(word.split()) for word in text.split(","))
    found = list(dict.fromkeys(word for word in words if word))
    if len(found) > TAGS or any(len(word) > TAG for word in found):
        message = _("At most %(count)s tags of %(length)s characters.")
        raise ValidationError(message, params={"count": TAGS, "length": TAG})
    return found


def tags_text(tags: Any) -> str:
    """Tags as people type them."""
    return ", ".join(tags) if isinstance(tags, list) else ""
