"""How receivers take each IP lately, per site: what a choice among IPs is weighted by.

Kept in each process, told to the others through Redis while there is one; an IP that is put off gets
less mail at that site, and as its bad answers fade it gets its share back.
"""

import json
import logging
import math
import time
from collections.abc import Callable

from config import shared

logger = logging.getLogger(__name__)

HALF_LIFE = 600.0  # seconds in which what was seen loses half of its weight
PRIOR = 8.0  # answers that are taken as good before any was seen: one bad one is no verdict
LEAST = 0.05  # of its share an IP keeps at least, so that it is found out when it is well again
FORGOTTEN = 0.05  # weight of bad answers below which nothing is remembered
KEPT = 5000  # pairs of IP and site kept in a process
TOLD = 200  # of them told to the others: the worst
ENDLESS = 1e12  # no count and no time is as large
_KEY = "egress:health"  # Redis hash: process → its pairs

Pair = tuple[int, str]


class Health:
    """What one process has seen, and what others have told it."""

    def __init__(self, name: str, *, clock: Callable[[], float] = time.time) -> None:
        self._name = name
        self._clock = clock
        self._seen: dict[Pair, tuple[float, float, float]] = {}  # good, bad, at
        self._told: dict[Pair, tuple[float, float, float]] = {}

    def note(self, source_id: int, site: str, *, good: bool) -> None:
        """Count one answer that says something of the IP."""
        pair = (source_id, site)
        g, b = self._faded(self._seen.get(pair))
        self._seen[pair] = (g + good, b + (not good), self._clock())
        if len(self._seen) > KEPT:
            self._seen = {p: v for p, v in self._seen.items() if self._faded(v)[1] > FORGOTTEN}

    def factor(self, source_id: int, site: str) -> float:
        """The part of its share an IP gets at a site: 1 where all is well, LEAST at the least."""
        pair = (source_id, site)
        if pair not in self._seen and pair not in self._told:
            return 1.0
        good, bad = self._faded(self._seen.get(pair))
        more_good, more_bad = self._faded(self._told.get(pair))
        good, bad = good + more_good + PRIOR, bad + more_bad
        return max(LEAST, (good / (good + bad)) ** 2)

    def _faded(self, value: tuple[float, float, float] | None) -> tuple[float, float]:
        if value is None:
            return 0.0, 0.0
        part = 0.5 ** max(0.0, (self._clock() - value[2]) / HALF_LIFE)
        return value[0] * part, value[1] * part

    def exchange(self) -> None:
        """Tell the other processes of bad answers, and hear of theirs. Waits for Redis briefly."""
        mine = sorted(
            ((self._faded(value), pair) for pair, value in self._seen.items()),
            key=lambda found: -found[0][1],
        )
        now = self._clock()
        rows = [
            [source, site, round(good, 2), round(bad, 2)]
            for (good, bad), (source, site) in mine[:TOLD]
            if bad > FORGOTTEN
        ]
        text = json.dumps({"at": now, "pairs": rows})

        def ask(redis: object) -> dict[str, str]:
            pipe = redis.pipeline(transaction=False)  # type: ignore[attr-defined]
            if rows:
                pipe.hset(_KEY, self._name, text)
                pipe.expire(_KEY, int(HALF_LIFE * 6))
            else:
                pipe.hdel(_KEY, self._name)
            pipe.hgetall(_KEY)
            found: dict[str, str] = pipe.execute()[-1]
            return found

        heard = shared.ask(ask, otherwise=None)
        if heard is not None:
            self._hear(heard, now)

    def _hear(self, heard: dict[str, str], now: float) -> None:
        told: dict[Pair, tuple[float, float, float]] = {}
        for name, text in heard.items():
            if name == self._name:
                continue
            try:
                at, pairs = _read(text)
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
                logger.warning("what %.80s says of IPs' health is not understood: %s", name, error)
                continue
            part = 0.5 ** max(0.0, (now - at) / HALF_LIFE)
            for source, site, good, bad in pairs:
                g, b, _ = told.get((source, site), (0.0, 0.0, now))
                told[(source, site)] = (g + good * part, b + bad * part, now)
        self._told = told


def _read(text: str) -> tuple[float, list[tuple[int, str, float, float]]]:
    """When a process told what. Raises many kinds of errors on what is none of ours."""
    said = json.loads(text)
    pairs = [
        (int(source), str(site), _amount(good), _amount(bad))
        for source, site, good, bad in said["pairs"][:TOLD]
    ]
    return _amount(said["at"]), pairs


def _amount(value: object) -> float:
    """A number that can be counted with."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r:.40} is not a number")
    if not math.isfinite(value) or not 0 <= value < ENDLESS:
        raise ValueError(f"{value!r:.40} is no amount")
    return float(value)
