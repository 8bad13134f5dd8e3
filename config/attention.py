"""The registry of what needs a person's attention: any porch adds a source, the dashboard asks all.

A source is a function from an account's id to its items. It asks a bounded number of queries,
returns few items, and gives none where all is well:

    @attention.source
    def drifted_domains(account_id: int) -> list[Item]: ...

Put it in a module of `views/` that the app's URL table imports, so that it is known wherever pages
are served.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from django.utils.functional import Promise

SHOWN = 12  # of all sources together; a dashboard is no list of everything
PER_SOURCE = 5


class Level(IntEnum):
    """How soon somebody should look, the most urgent first."""

    BAD = 0
    WARN = 1
    INFO = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing to look at: a stable code, a sentence that says what to do, where it is done.

    `link` is the action's label, `url` its page (a path of ours).
    """

    code: str
    level: Level
    text: str | Promise
    link: str | Promise
    url: str


Source = Callable[[int], list[Item]]
_sources: dict[str, Source] = {}


def source(function: Source) -> Source:
    """Register a source; one of the same module and name takes the place of the earlier."""
    _sources[f"{function.__module__}.{function.__qualname__}"] = function
    return function


def items(account_id: int) -> list[Item]:
    """What needs attention in an account, the most urgent first, at most SHOWN."""
    found = [item for name in sorted(_sources) for item in _sources[name](account_id)[:PER_SOURCE]]
    return sorted(found, key=lambda item: item.level)[:SHOWN]
