"""What was decided about an attempt, and why: each deciding module adds its word to the trail.

The trail is stored with the attempt (`DeliveryAttempt.decisions`) or, where nothing was tried, with
the event; a message's page tells it in this order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision: the step that took it, a stable code, and what it was taken from.

    `data` must be plain JSON and small: it is stored with every attempt.
    """

    step: str
    code: str
    data: Mapping[str, Any] = field(default_factory=dict)


class Trail:
    """The decisions of one try, in the order they were taken."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken: list[Decision] = []

    def add(self, decision: Decision) -> None:
        """Append what a module has decided."""
        self._taken.append(decision)

    def note(self, step: str, code: str, **data: Any) -> None:
        """Append a decision made on the spot."""
        self._taken.append(Decision(step, code, data))

    def __iter__(self) -> Iterator[Decision]:
        return iter(self._taken)

    def rows(self) -> list[dict[str, Any]]:
        """As they are stored: `data` is left out where there is none."""
        return [
            {"step": one.step, "code": one.code, **({"data": one.data} if one.data else {})}
            for one in self._taken
        ]
