"""Data against a contract: what is missing or wrong is named by its place, whatever is sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.compose.contract import check, schema, secret
from transactional.compose.contract.schema import Contract

DECLARED: list[dict[str, Any]] = [
    {"name": "order_id"},
    {"name": "total", "type": "number"},
    {"name": "gift", "type": "boolean", "required": False},
    {"name": "due", "type": "date", "required": False},
    {"name": "link", "type": "url", "required": False, "secret": True},
    {
        "name": "items",
        "type": "list",
        "fields": [{"name": "sku"}, {"name": "price", "type": "number", "required": False}],
    },
    {
        "name": "shop",
        "type": "object",
        "required": False,
        "fields": [{"name": "pin", "type": "number", "secret": True}, {"name": "city"}],
    },
]
GOOD: dict[str, Any] = {"order_id": "A-1", "total": 3.5, "items": [{"sku": "x"}]}
CONTRACT = schema.parse(DECLARED)


def pointers(data: dict[str, Any], contract: Contract = CONTRACT) -> list[tuple[str, str]]:
    return [(one.pointer, one.code) for one in check.faults(contract, data)]


def test_data_that_keeps_it_passes_and_may_bring_more() -> None:
    assert pointers({**GOOD, "unknown": [1, 2]}) == []
    assert check.refusal(CONTRACT, GOOD) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"order_id": None}, ("/customProperties/order_id", "REQUIRED_FIELD")),
        ({"order_id": ""}, ("/customProperties/order_id", "REQUIRED_FIELD")),
        ({"order_id": 7}, ("/customProperties/order_id", "INVALID_TYPE")),
        ({"total": "3.5"}, ("/customProperties/total", "INVALID_TYPE")),
        ({"total": True}, ("/customProperties/total", "INVALID_TYPE")),
        ({"gift": "yes"}, ("/customProperties/gift", "INVALID_TYPE")),
        ({"due": "31/01/2026"}, ("/customProperties/due", "INVALID_TYPE")),
        ({"due": "2026-02-30"}, ("/customProperties/due", "INVALID_TYPE")),
        ({"link": "javascript:alert(1)"}, ("/customProperties/link", "INVALID_TYPE")),
        ({"items": {}}, ("/customProperties/items", "INVALID_TYPE")),
        ({"items": [{"sku": "a"}, 3]}, ("/customProperties/items/1", "INVALID_TYPE")),
        ({"items": [{"sku": 1}]}, ("/customProperties/items/0/sku", "INVALID_TYPE")),
        ({"shop": {"city": "Rome"}}, ("/customProperties/shop/pin", "REQUIRED_FIELD")),
    ],
)
def test_what_is_wrong_is_named_by_its_place(
    change: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert pointers({**GOOD, **change}) == [expected]


@pytest.mark.parametrize("day", ["2026-01-31", "2026-01-31T09:30:00Z", "2026-01-31T09:30:00+02:00"])
def test_dates_are_days_or_moments(day: str) -> None:
    assert pointers({**GOOD, "due": day}) == []


def test_the_refusal_names_them_and_keeps_the_contract_word() -> None:
    refusal = check.refusal(CONTRACT, {"items": []})
    assert refusal is not None
    assert (refusal.code, refusal.http) == ("MISSING_TEMPLATE_PROPERTIES", 422)
    assert "/customProperties/order_id: is required" in refusal.message
    assert [one.pointer for one in refusal.details] == [
        "/customProperties/order_id",
        "/customProperties/total",
    ]


def test_what_is_optional_and_not_sent_renders_as_nothing() -> None:
    data = check.filled(CONTRACT, GOOD)
    assert data["gift"] == "" and data["link"] == ""
    assert data["items"] == [{"sku": "x", "price": ""}]
    assert data["shop"] == {"pin": "", "city": ""}
    assert "gift" not in GOOD


def test_a_million_entries_end_the_walk() -> None:
    found = check.faults(CONTRACT, {**GOOD, "items": [1] * 1_000_000})
    assert [one.code for one in found] == ["TOO_MANY"]
    many = check.faults(CONTRACT, {**GOOD, "items": [1] * 40_000})
    assert len(many) == check.FAULTS


def test_secrets_are_masked_in_place_and_known_by_value() -> None:
    data = {**GOOD, "link": "https://x.example/r/abcdef", "shop": {"pin": 123456, "city": "Rome"}}
    shown = secret.masked(CONTRACT, data)
    assert shown["link"] == secret.MASK
    assert shown["shop"] == {"pin": 0, "city": "Rome"}
    assert shown["order_id"] == "A-1" and data["shop"]["pin"] == 123456
    assert secret.values(CONTRACT, data) == {"https://x.example/r/abcdef", "123456"}
    assert secret.values(None, data) == frozenset()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["order_id", "items", "sku", "price", "shop", "pin", "total", "link", "x"]), inner,
        max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([one["name"] for one in DECLARED] + ["x"]), JSON))
def test_any_data_is_judged_filled_and_masked(data: dict[str, Any]) -> None:
    assert len(check.faults(CONTRACT, data)) <= check.FAULTS
    filled = check.filled(CONTRACT, data)
    assert {one["name"] for one in DECLARED} <= filled.keys()
    shown = secret.masked(CONTRACT, data)
    assert shown.keys() == data.keys()
    link = data.get("link")
    assert not (isinstance(link, str) and len(link) > 3) or shown["link"] == secret.MASK
    assert all(len(one) >= secret.SHORTEST for one in secret.values(CONTRACT, data))
