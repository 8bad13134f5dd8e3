"""Lists of people: members one by one, conditions that hold when asked, who is meant by both."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.errors import PostinoError
from tests.cast import Cast
from transactional import contact_lists, contacts
from transactional.contact_lists import OPERATORS, Condition, Conditions
from transactional.models import Contact, ContactList

pytestmark = pytest.mark.django_db

PEOPLE: dict[str, dict[str, Any]] = {
    "ann@a.example": {"city": "Rome", "plan": "pro"},
    "ben@b.example": {"city": "rome"},
    "cem@a.example": {"city": "50%_off\\", "plan": ""},
    "dia@d.example": {},
}


@pytest.fixture
def people(cast: Cast) -> int:
    account = int(cast.account.pk)
    contacts.upsert_many([(account, email, known) for email, known in PEOPLE.items()])
    contacts.upsert_many([(cast.other_account.pk, "eva@a.example", {"city": "Rome"})])
    return account


def meant(account: int, *rules: Condition, match: str = "all") -> set[str]:
    made = contact_lists.create(
        account, name=f"x{ContactList.objects.count()}", conditions=Conditions(rules, match), by="a"
    )
    found = {one.email[0] for one in contact_lists.members(account, made)}
    assert contact_lists.count(account, made) == len(found)
    return found


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (("city", "is", "ROME"), "ab"),
        (("city", "is_not", "Rome"), "cd"),
        (("city", "contains", "OM"), "ab"),
        (("city", "contains", "%_"), "c"),
        (("city", "contains", "%o"), ""),
        (("city", "starts_with", "50%_OFF\\"), "c"),
        (("city", "starts_with", "om"), ""),
        (("city", "not_contains", "rome"), "cd"),
        (("plan", "known", ""), "a"),
        (("plan", "unknown", ""), "bcd"),
        (("email", "contains", "@a."), "ac"),
        (("0", "is", "x"), ""),
        (("a\"]', --", "known", ""), ""),
    ],
)
def test_a_condition(people: int, rule: tuple[str, str, str], expected: str) -> None:
    assert meant(people, Condition(*rule)) == set(expected)


def test_all_or_any(people: int) -> None:
    rome, pro = Condition("city", "is", "Rome"), Condition("plan", "is", "pro")
    assert meant(people, rome, pro) == {"a"}
    assert meant(people, rome, pro, match="any") == {"a", "b"}


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    name=st.text(min_size=1, max_size=40).filter(str.isprintable),
    operator=st.sampled_from(sorted(OPERATORS)),
    value=st.text(min_size=1, max_size=40),
)
def test_no_name_or_value_breaks_out(people: int, name: str, operator: str, value: str) -> None:
    asked = {"match": "all", "rules": [{"property": name, "operator": operator, "value": value}]}
    if "\0" in value:
        with pytest.raises(PostinoError, match="VALIDATION_ERROR"):
            contact_lists.read_conditions(asked)
        return
    conditions = contact_lists.read_conditions(asked)
    made = ContactList(account_id=people, kind="filter", conditions=conditions.json)
    assert {one.email for one in contact_lists.members(people, made)} <= PEOPLE.keys()


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        (None, "conditions"),
        ({"match": "some", "rules": [1]}, "conditions.match"),
        ({"rules": []}, "conditions.rules"),
        ({"rules": [{}] * 21}, "conditions.rules"),
        ({"rules": [7]}, "conditions.rules[0]"),
        ({"rules": [{"property": "x" * 101, "operator": "is"}]}, "conditions.rules[0].property"),
        ({"rules": [{"property": "x", "operator": "like"}]}, "conditions.rules[0].operator"),
        ({"rules": [{"property": "x", "operator": []}]}, "conditions.rules[0].operator"),
        ({"rules": [{"property": "x", "operator": "is"}]}, "conditions.rules[0].value"),
        (
            {"rules": [{"property": "x", "operator": "is", "value": 1}]},
            "conditions.rules[0].value",
        ),
    ],
)
def test_conditions_that_are_none(value: Any, pointer: str) -> None:
    with pytest.raises(PostinoError) as told:
        contact_lists.read_conditions(value)
    assert told.value.refusal.pointer == pointer


def test_a_static_list(people: int) -> None:
    made = contact_lists.create(people, name=" Friends ", by="alice")
    assert made.name == "Friends"
    assert contact_lists.add(people, made, ["ann@a.example", "new@n.example"]) == 2
    assert contact_lists.add(people, made, ["ann@a.example"]) == 0
    assert contact_lists.count(people, made) == 2
    pages: list[str] = []
    before = None
    while page := contact_lists.page(people, made, before=before, limit=1):
        pages += [one.email for one in page]
        before = page[-1].pk
    assert pages == ["new@n.example", "ann@a.example"]
    assert contact_lists.remove(people, made, ["ann@a.example", "no@n.example"]) == 1
    assert Contact.objects.of(people).filter(email="ann@a.example").exists()
    with pytest.raises(PostinoError, match="LIST_EXISTS"):
        contact_lists.create(people, name="Friends", by="alice")
    other = contact_lists.create(people, name="Others", by="alice")
    with pytest.raises(PostinoError, match="LIST_EXISTS"):
        contact_lists.change(other, name="Friends")
    for name in ("", "x" * 101, "a\nb"):
        with pytest.raises(PostinoError, match="VALIDATION_ERROR"):
            contact_lists.create(people, name=name, by="alice")


def test_a_filter_has_no_members_of_its_own(people: int) -> None:
    rule = Conditions((Condition("city", "is", "Rome"),))
    made = contact_lists.create(people, name="Romans", conditions=rule, by="a")
    for act in (contact_lists.add, contact_lists.remove):
        with pytest.raises(PostinoError, match="LIST_IS_A_FILTER"):
            act(people, made, ["ann@a.example"])
    contacts.upsert_many([(people, "dia@d.example", {"city": "Rome"})])
    assert contact_lists.count(people, made) == 3


def test_an_audience_is_everybody_once_and_nobody_excluded(people: int, cast: Cast) -> None:
    romans = contact_lists.create(
        people, name="R", conditions=Conditions((Condition("city", "is", "Rome"),)), by="a"
    )
    friends = contact_lists.create(people, name="F", by="a")
    contact_lists.add(people, friends, ["ann@a.example", "dia@d.example"])
    foreign = contact_lists.create(cast.other_account.pk, name="X", by="c")
    contact_lists.add(cast.other_account.pk, foreign, ["eva@a.example"])

    def who(include: list[int], exclude: list[int]) -> list[str]:
        rows = contact_lists.audience(people, include=include, exclude=exclude)
        return sorted(one.email[0] for one in rows)

    assert who([romans.pk, friends.pk], []) == ["a", "b", "d"]
    assert who([romans.pk], [friends.pk]) == ["b"]
    assert who([romans.pk, foreign.pk], []) == ["a", "b"]
    assert who([foreign.pk], []) == [] and who([], [romans.pk]) == []


def test_addresses_are_read_once_each() -> None:
    good, bad = contact_lists.addresses([" Ann@A.example", "ann@a.example", "nobody", ""])
    assert (good, bad) == (["ann@a.example"], ["nobody", ""])
