"""The forms of contact lists: a name, and the conditions of a filter as rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django import forms
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from transactional.contact_lists import CONDITIONS_MAX, LIST_NAME_MAX, OPERATORS
from transactional.models import ContactList, ListKind

BLANK_ROWS = 2
OPERATOR_WORDS: Mapping[str, Promise] = {
    "is": gettext_lazy("is"),
    "is_not": gettext_lazy("is not"),
    "contains": gettext_lazy("contains"),
    "not_contains": gettext_lazy("does not contain"),
    "starts_with": gettext_lazy("begins with"),
    "known": gettext_lazy("is known"),
    "unknown": gettext_lazy("is not known"),
}


class ListForm(forms.Form):
    """A list's name and kind; conditions are read apart."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=LIST_NAME_MAX,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        choices=[
            (ListKind.STATIC, gettext_lazy("Static: people are put on it one by one")),
            (ListKind.FILTER, gettext_lazy("Filter: whoever meets its conditions is on it")),
        ],
        initial=ListKind.STATIC,
        widget=forms.RadioSelect,
    )
    match = forms.ChoiceField(
        label=gettext_lazy("Who is on it"),
        required=False,
        choices=[
            ("all", gettext_lazy("who meets all conditions")),
            ("any", gettext_lazy("who meets any of them")),
        ],
    )


@dataclass(slots=True)
class Rule:
    """A condition in a form."""

    property: str = ""
    operator: str = "is"
    value: str = ""


def shown(found: ContactList | None) -> list[Rule]:
    """The rows of a list's conditions."""
    stored = found.conditions.get("rules", []) if found else []
    return [Rule(one["property"], one["operator"], one["value"]) for one in stored]


def typed(data: QueryDict) -> list[Rule]:
    """The rows as they were typed; those without a property are dropped."""
    rows = []
    for number in range(CONDITIONS_MAX + BLANK_ROWS):
        one = Rule(
            property=data.get(f"property-{number}", "").replace("\0", "").strip(),
            operator=data.get(f"operator-{number}", "is"),
            value=data.get(f"value-{number}", "").replace("\0", "").strip(),
        )
        if one.property:
            one.operator = one.operator if one.operator in OPERATORS else "is"
            rows.append(one)
    return rows


def with_blanks(rows: Sequence[Rule]) -> list[Rule]:
    """The rows and some to fill in."""
    more = BLANK_ROWS if len(rows) <= CONDITIONS_MAX - BLANK_ROWS else 0
    return [*rows, *(Rule() for _n in range(more))]


def as_json(rows: Sequence[Rule], match: str) -> dict[str, object]:
    """The rows as `contact_lists.read_conditions` takes them."""
    rules = [{"property": r.property, "operator": r.operator, "value": r.value} for r in rows]
    return {"match": match or "all", "rules": rules}
