"""Secret variables: their values stand-ins for whoever reads, and known to whoever must not count.

Masked wherever a message is shown, kept or exported; the values themselves live in the message's
context only until its last copy is delivered or given up (`transactional/secret_purge.py`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from transactional.compose.contract.schema import Contract, Variable

MASK = "••••••"
SHORTEST = 4  # characters: a value this short would be found in any link


def masked(contract: Contract | None, custom: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the data with secret values replaced; the shape of lists and objects stays."""
    return dict(custom) if contract is None else _masked(contract.variables, custom)


def _masked(fields: tuple[Variable, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    data = dict(values)
    for one in fields:
        if one.name not in data:
            continue
        value = data[one.name]
        if one.secret:
            data[one.name] = _hidden(value)
        elif one.fields and isinstance(value, dict):
            data[one.name] = _masked(one.fields, value)
        elif one.fields and isinstance(value, list):
            data[one.name] = [
                _masked(one.fields, entry) if isinstance(entry, dict) else entry for entry in value
            ]
    return data


def _hidden(value: Any) -> Any:
    """A stand-in of the same shape, so that the email can still be drawn around it."""
    if isinstance(value, dict):
        return {key: _hidden(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_hidden(inner) for inner in value]
    if isinstance(value, bool) or value is None or value == "":
        return value
    return 0 if isinstance(value, int | float) else MASK


def values(contract: Contract | None, custom: Mapping[str, Any]) -> frozenset[str]:
    """The secret texts and numbers themselves, as they may stand in a link."""
    if contract is None:
        return frozenset()
    return frozenset(one for one in _values(contract.variables, custom) if len(one) >= SHORTEST)


def _values(fields: tuple[Variable, ...], values: Mapping[str, Any]) -> Iterator[str]:
    for one in fields:
        value = values.get(one.name)
        if one.secret:
            yield from _leaves(value)
        elif isinstance(value, dict):
            yield from _values(one.fields, value)
        elif isinstance(value, list) and one.fields:
            for entry in value:
                if isinstance(entry, dict):
                    yield from _values(one.fields, entry)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)
