"""Sees that a receiver refuses one From domain's mail as not authenticated, while it may take others'.

No incident: others' mail goes on. In the memory of each engine and pure: times are given.
"""

from collections import OrderedDict
from dataclasses import dataclass

ENOUGH = 3  # such refusals, since one may be a forwarder's or a receiver's mistake
PART = 0.2  # of all answers to the domain's mail there, since the first of them
A_DAY = 86_400.0  # seconds after which it is counted anew
AGAIN = 600.0  # seconds in which a domain is not spoken of twice
KEPT = 5000  # domains at sites; the longest silent go first

Key = tuple[int, str, str]  # account, From domain, site


@dataclass(slots=True)
class _Seen:
    since: float
    refused: int = 0
    answers: int = 0
    told: float = -AGAIN


class Unauthenticated:
    """One per engine."""

    def __init__(self) -> None:
        self._seen: OrderedDict[Key, _Seen] = OrderedDict()

    def answered(self, key: Key, now: float, *, refused: bool) -> bool:
        """Count an answer to a domain's mail; whether its owners should hear of the refusals now."""
        seen = self._seen.get(key)
        if seen is None or now - seen.since > A_DAY:
            if not refused:
                self._seen.pop(key, None)
                return False
            told = seen.told if seen is not None else now - AGAIN
            seen = self._seen[key] = _Seen(now, told=told)
            if len(self._seen) > KEPT:
                self._seen.popitem(last=False)
        self._seen.move_to_end(key)
        seen.answers += 1
        seen.refused += refused
        enough = seen.refused >= ENOUGH and seen.refused >= PART * seen.answers
        if not (refused and enough) or now - seen.told < AGAIN:
            return False
        seen.told = now
        return True
