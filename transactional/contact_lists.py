"""The only reader and writer of contact lists: static members, conditions, and who is meant by both.

A list of conditions has no members of its own: whoever meets them when it is used is on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import BooleanField, F, Func, Q, QuerySet, TextField, Value
from django.utils import timezone

from config.errors import PostinoError, Refusal
from transactional import contacts
from transactional.contact_changes import NAME_MAX
from transactional.models import Contact, ContactList, ListKind, ListMember
from transactional.models.contact import LISTED
from transactional.wire.address import AddressError, parse_address

LIST_NAME_MAX = 100
CONDITIONS_MAX = 20
CONDITION_VALUE_MAX = 500
ADDRESSES_MAX = 10_000  # of one call
EMAIL = "email"  # as a condition's property: the address itself

# Operator → whether it needs a value
OPERATORS: Mapping[str, bool] = {
    "is": True,
    "is_not": True,
    "contains": True,
    "not_contains": True,
    "starts_with": True,
    "known": False,
    "unknown": False,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A property, an operator of OPERATORS, and a value where that needs one."""

    property: str
    operator: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions of which all must be met, or any."""

    rules: tuple[Condition, ...]
    match: str = "all"

    @property
    def json(self) -> dict[str, Any]:
        """As they are stored."""
        rules = [
            {"property": one.property, "operator": one.operator, "value": one.value}
            for one in self.rules
        ]
        return {"match": self.match, "rules": rules}


def _invalid(message: str, pointer: str) -> PostinoError:
    return PostinoError(Refusal("VALIDATION_ERROR", message, pointer=pointer))


def read_conditions(value: Any) -> Conditions:
    """Conditions from JSON. Raises PostinoError, VALIDATION_ERROR with where the fault is."""
    if not isinstance(value, dict):
        raise _invalid("conditions must be an object with match and rules", "conditions")
    match = value.get("match", "all")
    if match not in ("all", "any"):
        raise _invalid("conditions.match must be all or any", "conditions.match")
    rules = value.get("rules")
    if not isinstance(rules, list) or not 1 <= len(rules) <= CONDITIONS_MAX:
        words = f"conditions.rules must hold 1 to {CONDITIONS_MAX} rules"
        raise _invalid(words, "conditions.rules")
    return Conditions(tuple(_rule(one, place) for place, one in enumerate(rules)), match)


def _rule(one: Any, place: int) -> Condition:
    where = f"conditions.rules[{place}]"
    if not isinstance(one, dict):
        raise _invalid(f"{where} must be an object", where)
    name, operator, value = (one.get(key, "") for key in ("property", "operator", "value"))
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_MAX or not name.isprintable():
        raise _invalid(f"{where}.property must name a property", f"{where}.property")
    if not isinstance(operator, str) or operator not in OPERATORS:
        known = ", ".join(OPERATORS)
        raise _invalid(f"{where}.operator must be one of {known}", f"{where}.operator")
    if not isinstance(value, str) or len(value) > CONDITION_VALUE_MAX or "\0" in value:
        raise _invalid(
            f"{where}.value must be a text of at most {CONDITION_VALUE_MAX} characters",
            f"{where}.value",
        )
    if OPERATORS[operator] and not value:
        raise _invalid(f"{where}.value is required", f"{where}.value")
    return Condition(name, operator, value)


def create(
    account_id: int, *, name: str, conditions: Conditions | None = None, by: str
) -> ContactList:
    """A new list. Raises PostinoError: VALIDATION_ERROR, LIST_EXISTS."""
    clean = _name(name)
    try:
        with transaction.atomic():
            made: ContactList = ContactList.objects.create(
                account_id=account_id,
                name=clean,
                kind=ListKind.STATIC if conditions is None else ListKind.FILTER,
                conditions={} if conditions is None else conditions.json,
                created_by=by[:254],
            )
    except IntegrityError as err:
        raise _taken(clean) from err
    return made


def change(
    found: ContactList, *, name: str | None = None, conditions: Conditions | None = None
) -> None:
    """Another name, or other conditions. Raises PostinoError: VALIDATION_ERROR, LIST_EXISTS."""
    if conditions is not None and found.kind != ListKind.FILTER:
        raise _invalid("A static list has members, not conditions", "conditions")
    if name is not None:
        found.name = _name(name)
    if conditions is not None:
        found.conditions = conditions.json
    found.updated_at = timezone.now()
    try:
        with transaction.atomic():
            found.save(update_fields=["name", "conditions", "updated_at"])
    except IntegrityError as err:
        raise _taken(found.name) from err


def _name(text: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= LIST_NAME_MAX or not name.isprintable():
        raise _invalid(f"A name is 1 to {LIST_NAME_MAX} printable characters", "name")
    return name


def _taken(name: str) -> PostinoError:
    words = f"There is a list “{name}” already."
    return PostinoError(Refusal("LIST_EXISTS", words, http=409, pointer="name"))


def members(account_id: int, found: ContactList) -> "QuerySet[Contact]":
    """Who is on a list now, in no order."""
    rows: QuerySet[Contact] = Contact.objects.of(account_id)
    if found.kind == ListKind.STATIC:
        return rows.filter(pk__in=ListMember.objects.filter(list=found).values("contact_id"))
    stored = read_conditions(found.conditions)
    queries = [_query(one) for one in stored.rules]
    meets = Q()
    for query in queries:
        meets = meets & query if stored.match == "all" else meets | query
    return rows.filter(meets)


def _query(one: Condition) -> Q:
    """A condition as a query; names and values travel as parameters only."""
    said: Any
    if one.property == EMAIL:
        said = F("email")
    else:
        said = Func(
            F("properties"),
            Value(one.property),
            function="jsonb_extract_path_text",
            output_field=TextField(),
        )
    if one.operator in ("known", "unknown"):
        known = Q(_Text(said, "<>", ""))
        return known if one.operator == "known" else ~known
    if one.operator in ("is", "is_not"):
        same = Q(_Text(said, "=", one.value))
        return same if one.operator == "is" else ~same
    pattern = _escaped(one.value) + "%"
    if one.operator != "starts_with":
        pattern = "%" + pattern
    like = Q(_Text(said, "LIKE", pattern))
    return ~like if one.operator == "not_contains" else like


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


class _Text(Func):
    """A comparison of texts whatever their case; false where there is none to compare."""

    output_field = BooleanField()

    def __init__(self, said: Any, operator: str, value: str) -> None:
        super().__init__(
            said,
            Value(value, output_field=TextField()),
            template="coalesce(lower(%(expressions)s), false)",
            arg_joiner=f") {operator} lower(",  # one of our own three operators
        )


def count(account_id: int, found: ContactList) -> int:
    """How many are on it now."""
    if found.kind == ListKind.STATIC:
        return ListMember.objects.filter(list=found).count()
    return members(account_id, found).count()


def page(account_id: int, found: ContactList, *, before: int | None, limit: int) -> list[Contact]:
    """Members made as contacts before the one of id `before`, newest first."""
    rows = members(account_id, found).filter(LISTED)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[:limit])


_ADD = """
INSERT INTO transactional_listmember (list_id, contact_id, added_at)
SELECT %s, c.id, now() FROM transactional_contact c
WHERE c.account_id = %s AND c.email = ANY(%s) ORDER BY c.id
ON CONFLICT (list_id, contact_id) DO NOTHING
"""


def add(account_id: int, found: ContactList, emails: Sequence[str]) -> int:
    """Put people on a static list, making contacts of those unknown; how many were not on it.

    The addresses must be valid and in lower case. Raises PostinoError for a list of conditions.
    """
    _must_be_static(found)
    if not emails:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        contacts.upsert_many([(account_id, email, {}) for email in emails])
        cursor.execute(_ADD, [found.pk, account_id, list(emails)])
        return int(cursor.rowcount)


def remove(account_id: int, found: ContactList, emails: Sequence[str]) -> int:
    """Take people off a static list; they stay contacts. Returns how many were on it."""
    _must_be_static(found)
    who = Contact.objects.of(account_id).filter(email__in=list(emails))
    rows = ListMember.objects.filter(list=found, contact_id__in=who.values("pk"))
    return rows.delete()[0]


def _must_be_static(found: ContactList) -> None:
    if found.kind != ListKind.STATIC:
        words = "This list is a filter: whoever meets its conditions is on it."
        raise PostinoError(Refusal("LIST_IS_A_FILTER", words, http=409))


def names_of(account_id: int, contact_ids: Sequence[int]) -> dict[int, list[str]]:
    """The static lists that each of these people is on, by name."""
    rows = ListMember.objects.filter(contact_id__in=list(contact_ids), list__account_id=account_id)
    found: dict[int, list[str]] = {}
    for contact_id, name in rows.order_by("list__name").values_list("contact_id", "list__name"):
        found.setdefault(contact_id, []).append(name)
    return found


def addresses(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Valid addresses in lower case, each once; and the texts that are none."""
    good: dict[str, None] = {}
    bad: list[str] = []
    for text in texts:
        try:
            good[parse_address(text.strip()).spec.lower()] = None
        except AddressError:
            bad.append(text)
    return list(good), bad


def audience(
    account_id: int, *, include: Sequence[int], exclude: Sequence[int]
) -> "QuerySet[Contact]":
    """Who is on any of the lists `include` and on none of `exclude`, each once."""
    rows = Contact.objects.of(account_id)
    found = {one.pk: one for one in ContactList.objects.of(account_id).filter(
        pk__in=[*include, *exclude]
    )}  # fmt: skip
    meant = Q(pk__in=[])
    for pk in include:
        if pk in found:
            meant |= Q(pk__in=members(account_id, found[pk]).values("pk"))
    rows = rows.filter(meant)
    for pk in exclude:
        if pk in found:
            rows = rows.exclude(pk__in=members(account_id, found[pk]).values("pk"))
    return rows
