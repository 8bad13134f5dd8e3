"""Puts HubL's filters, tests and functions into an engine."""

from collections.abc import Callable, Iterable
from typing import Any

import minijinja

from transactional.compose.hubl import dates
from transactional.compose.hubl.filters_table import FILTERS
from transactional.compose.hubl.run import paid

# Heads of paths that personalization_token may name
TOKENS = ("contact", "custom", "company", "site_settings", "content")


def install(env: minijinja.Environment) -> None:
    """Make `env` speak HubL."""
    for one in FILTERS:
        if one.function is not None:
            env.add_filter(one.name, paid(one.function))
    for name, test in _TESTS.items():
        env.add_test(name, paid(test))
    env.add_global("personalization_token", _personalization_token)
    env.add_global("unixtimestamp", paid(dates.unixtimestamp))
    env.add_global("today", paid(dates.today))
    env.add_global("datetimeformat", paid(dates.datetimeformat))


@minijinja.pass_state
def _personalization_token(state: Any, path: object, default: object = "") -> object:
    """A property by its path, or the default where it is not set or empty."""
    head, _, rest = str(path).partition(".")
    if head not in TOKENS or not rest:
        return default
    found = state.lookup(head)
    for name in rest.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return default if found is None or found == "" or callable(found) else found


def _containing(value: Any, item: Any) -> bool:
    return isinstance(value, list | tuple | dict | str) and item in value


def _containingall(value: Any, items: Any) -> bool:
    return isinstance(items, Iterable) and all(_containing(value, item) for item in items)


def _string_containing(value: Any, part: Any) -> bool:
    return isinstance(value, str) and str(part) in value


def _string_startingwith(value: Any, start: Any) -> bool:
    return isinstance(value, str) and value.startswith(str(start))


_TESTS: dict[str, Callable[..., bool]] = {
    "containing": _containing,
    "containingall": _containingall,
    "string_containing": _string_containing,
    "string_startingwith": _string_startingwith,
    "truthy": bool,
    "within": lambda item, value: _containing(value, item),
}
