"""The forms of contacts: an address, rows of properties, a change of consent with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from transactional.contact_changes import (
    NAME_MAX,
    PROPERTIES_MAX,
    VALUE_MAX,
    WHY_MAX,
    as_text,
)
from transactional.models import Contact, ContactChanged
from transactional.wire.address import AddressError, parse_address

BLANK_ROWS = 3  # rows to fill in; each press of "More rows" gives as many again


class AddressForm(forms.Form):
    """The address of a new contact."""

    email = forms.CharField(
        label=gettext_lazy("Email address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_email(self) -> str:
        """The address alone, in lower case. Raises ValidationError."""
        try:
            return parse_address(self.cleaned_data["email"]).spec.lower()
        except AddressError as err:
            raise ValidationError(
                _("This is not one email address, like ann@example.com.")
            ) from err


class ConsentForm(forms.Form):
    """What to change about a contact's consent, and why."""

    what = forms.ChoiceField(label=gettext_lazy("Change"))
    why = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=WHY_MAX,
        help_text=gettext_lazy("It is kept in the timeline with your address."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, data: QueryDict | None, *, changes: Sequence[ContactChanged]) -> None:
        super().__init__(data)
        self.narrow(changes)

    def narrow(self, changes: Sequence[ContactChanged]) -> None:
        """Offer only these changes."""
        words = {
            ContactChanged.UNSUBSCRIBED: _("Unsubscribe from marketing"),
            ContactChanged.RESUBSCRIBED: _("Subscribe to marketing again"),
            ContactChanged.QUARANTINED: _("Put in quarantine"),
            ContactChanged.RELEASED: _("Take out of quarantine"),
        }
        choices = [(str(one), words.get(one, one.label)) for one in changes]
        self.fields["what"].choices = choices  # type: ignore[attr-defined]


@dataclass(slots=True)
class Row:
    """A property in a form: `was` is the name it had when the form was shown, if any."""

    was: str = ""
    name: str = ""
    value: str = ""
    remove: bool = False
    error: str = ""


def shown(contact: Contact | None) -> list[Row]:
    """The rows of a contact's properties, the first PROPERTIES_MAX; others are left as they are."""
    stored: Mapping[str, object] = contact.properties if contact else {}
    rows = [Row(name, name, as_text(value)) for name, value in sorted(stored.items())]
    return rows[:PROPERTIES_MAX]


def with_blanks(rows: list[Row]) -> list[Row]:
    """The rows and some to fill in, unless there are as many as a form reads."""
    more = BLANK_ROWS if len(rows) <= PROPERTIES_MAX else 0
    return rows + [Row() for _n in range(more)]


def typed(data: QueryDict) -> list[Row]:
    """The rows as they were typed; those left empty are dropped."""
    rows = []
    for number in range(PROPERTIES_MAX + BLANK_ROWS):
        row = Row(
            was=data.get(f"was-{number}", ""),
            name=data.get(f"name-{number}", "").strip(),
            value=data.get(f"value-{number}", "").replace("\0", "").replace("\r\n", "\n"),
            remove=bool(data.get(f"remove-{number}")),
        )
        if row.was or row.name or row.value:
            rows.append(row)
    return rows


def check(rows: Sequence[Row]) -> bool:
    """Whether the rows can be stored; what is wrong is written into them."""
    names: set[str] = set()
    for row in rows:
        if row.remove or (row.was and not row.name):
            continue
        row.error = _wrong(row, names)
        names.add(row.name)
    return not any(row.error for row in rows)


def _wrong(row: Row, names: set[str]) -> str:
    if not row.name:
        return _("Name this property.")
    if len(row.name) > NAME_MAX or not row.name.isprintable():
        return _("A name is at most 100 characters, without line breaks.")
    if row.name in names:
        return _("This name is used twice.")
    if len(row.value) > VALUE_MAX:
        return _("A value is at most 5000 characters.")
    return ""


def given(rows: Sequence[Row]) -> dict[str, str]:
    """What the rows say that shall be."""
    return {row.name: row.value for row in rows if row.name and not row.remove}


def removed(rows: Sequence[Row]) -> set[str]:
    """The names that shall be no more: removed or renamed."""
    return {row.was for row in rows if row.was and (row.remove or row.name != row.was)}
