"""HubL's filters of lists and of JSON."""

from typing import Any

import orjson

from transactional.compose.hubl.run import current
from transactional.compose.hubl.text import string

JSON_LIMIT = 200_000  # characters that fromjson reads
ITEMS_LIMIT = 10_000  # of the lists that set filters compare


def _items(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value)
    if not isinstance(value, list | tuple):
        raise ValueError("a list is needed")
    if len(value) > ITEMS_LIMIT:
        raise ValueError(f"lists of at most {ITEMS_LIMIT:,} entries are compared")
    return list(value)


def _key(item: object) -> str:
    """What makes two entries the same: their type and their content."""
    return f"{type(item).__name__}:{item!r}"


def _unlike(items: list[Any], others: list[Any]) -> list[Any]:
    known = {_key(item) for item in others}
    return [item for item in items if _key(item) not in known]


def _once(items: list[Any]) -> list[Any]:
    return list({_key(item): item for item in reversed(items)}.values())[::-1]


def difference(value: object, other: object) -> list[Any]:
    """What is in the first list only, each once."""
    return _once(_unlike(_items(value), _items(other)))


def intersect(value: object, other: object) -> list[Any]:
    """What is in both lists, each once."""
    known = {_key(item) for item in _items(other)}
    return _once([item for item in _items(value) if _key(item) in known])


def union(value: object, other: object) -> list[Any]:
    """What is in either list, each once, the first list's first."""
    return _once([*_items(value), *_items(other)])


def symmetric_difference(value: object, other: object) -> list[Any]:
    """What is in one of the lists and not in the other."""
    first, second = _items(value), _items(other)
    return _once([*_unlike(first, second), *_unlike(second, first)])


def shuffle(value: object) -> list[Any]:
    """In an order that is chance, and the same at every rendering of a message."""
    items = _items(value)
    current().dice.shuffle(items)
    return items


def split(value: object, separator: object = None, limit: object = 0) -> list[str]:
    """Parts without the space around them, empty ones left out; the last holds what is left."""
    text, by = str(string(value)), None if separator is None else string(separator)
    most = int(string(limit)) if string(limit).isdigit() else 0
    parts = text.split(by or None, most - 1 if most > 0 else -1)
    return [part.strip() for part in parts if part.strip()]


def fromjson(value: object) -> Any:
    """The data that a JSON text holds. Raises ValueError."""
    text = string(value)
    if len(text) > JSON_LIMIT:
        raise ValueError(f"fromjson reads at most {JSON_LIMIT:,} characters")
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as err:
        raise ValueError("fromjson: this is no JSON") from err
    current().spend(len(text))
    return found
