"""What a check says: how bad, what, and of which block."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["block", "warn", "advice"]
_ORDER = {"block": 0, "warn": 1, "advice": 2}


@dataclass(frozen=True, slots=True)
class Problem:
    """`block` stops publishing; `message` is in the reader's language."""

    level: Level
    code: str
    message: str
    block: str | None = None

    @property
    def rank(self) -> int:
        """The worst first."""
        return _ORDER[self.level]
