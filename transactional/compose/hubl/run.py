"""One rendering of one part: what its filters may spend, its clock, its dice.

The engine's fuel does not see what a Python filter does, so each pays here for what it reads and
writes. Clock and dice come from the message, so that every rendering of it gives the same bytes.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any

BUDGET = 4_000_000  # characters and list items that all filters of one part may read and write


class TooMuch(Exception):
    """The filters of a part did more than a message is allowed to cost."""


@dataclass(slots=True)
class Run:
    """What one part's filters share."""

    now: datetime
    seed: str | int = 0
    left: int = BUDGET
    _dice: random.Random | None = None

    @property
    def dice(self) -> random.Random:
        """Seeded when they are first thrown, which few templates do."""
        if self._dice is None:
            self._dice = random.Random(self.seed)  # noqa: S311 — decoration, no secret
        return self._dice

    def spend(self, amount: int) -> None:
        """Pay for work before it is done. Raises TooMuch."""
        self.left -= amount
        if self.left < 0:
            raise TooMuch


_current: ContextVar[Run | None] = ContextVar("hubl_run", default=None)


def current() -> Run:
    """The rendering under way; outside one, a fresh one of this moment."""
    return _current.get() or Run(datetime.now(UTC))


@contextmanager
def running(now: datetime, seed: str) -> Iterator[Run]:
    """Render within: `seed` makes the dice, the same for the same message and part."""
    run = Run(now, seed)
    token = _current.set(run)
    try:
        yield run
    finally:
        _current.reset(token)


def size(value: object) -> int:
    """What reading a value costs: its characters, its items."""
    if isinstance(value, str | list | tuple | dict):
        return len(value) + 1
    return 1


def paid(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a filter: it pays for what it reads, then for what it made."""

    @wraps(function)
    def filter_(*args: Any, **kwargs: Any) -> Any:
        run = current()
        run.spend(sum(map(size, args)) + sum(map(size, kwargs.values())))
        found = function(*args, **kwargs)
        run.spend(size(found))
        return found

    return filter_
