"""Contracts are read whole or refused with the place of every fault."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.compose.contract import schema
from transactional.compose.contract.schema import ContractRefused

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["name", "type", "required", "secret", "fields", "x"]), inner, max_size=5
    ),
    max_leaves=20,
)  # fmt: skip


def test_a_contract_comes_back_as_it_was_declared() -> None:
    items = {"name": "sku", "type": "string", "required": False, "secret": False}
    declared: list[dict[str, Any]] = [
        {"name": "order_id", "type": "string", "required": True, "secret": False},
        {"name": "items", "type": "list", "required": True, "secret": False, "fields": [items]},
    ]
    contract = schema.parse(declared)
    assert contract.json == declared
    assert [path for path, _one in contract.walk()] == ["order_id", "items", "items.sku"]
    assert not contract.has_secrets
    assert schema.parse([]).json == []


@pytest.mark.parametrize(
    ("value", "pointers"),
    [
        ({}, [""]),
        ([1], ["/0"]),
        ([{"name": "1a"}], ["/0/name"]),
        ([{"name": "for"}], ["/0/name"]),
        ([{"name": "a", "type": "float"}], ["/0/type"]),
        ([{"name": "a", "type": ["list"]}], ["/0/type"]),
        ([{"name": "a", "required": 1, "extra": 0}], ["/0/extra", "/0/required"]),
        ([{"name": "a"}, {"name": "a"}], ["/1/name"]),
        ([{"name": "a", "fields": [{"name": "b"}]}], ["/0/fields"]),
        ([{"name": "a", "type": "list", "fields": [{"name": "!"}]}], ["/0/fields/0/name"]),
    ],
)
def test_every_fault_has_its_pointer(value: Any, pointers: list[str]) -> None:
    with pytest.raises(ContractRefused) as refused:
        schema.parse(value)
    assert [one.pointer for one in refused.value.faults] == pointers
    assert all(one.message for one in refused.value.faults)


def test_size_and_depth_are_bounded() -> None:
    with pytest.raises(ContractRefused, match="at most 200"):
        schema.parse([{"name": f"v{n}"} for n in range(5000)])
    deep: dict[str, Any] = {"name": "leaf"}
    for _level in range(50):
        deep = {"name": "a", "type": "object", "fields": [deep]}
    with pytest.raises(ContractRefused, match="too deeply"):
        schema.parse([deep])


@given(JSON)
def test_any_json_is_read_or_refused(value: Any) -> None:
    with suppress(ContractRefused):
        contract = schema.parse(value)
        assert schema.parse(contract.json) == contract
