"""An operator lifts what a rule has asked for of a cell: told to all workers through Redis, heard in the
round that each makes anyway (`shares`). The only place for the names of shaping's keys there.

A worker that uses a cell no more does not read that cell's state. So lifts have one key for all cells, and
what a worker has in memory ends by it; the state is written anew for those that begin later.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from config import shared
from transactional.egress import profiles
from transactional.egress.cell import UNLIMITED, Cell
from transactional.egress.profiles import Profiles
from transactional.models import ShapingRule
from transactional.queue import parking

CellKey = tuple[str, str]

STATE_LASTS = 6 * 3600  # seconds that Redis keeps what a cell was told, and that it was lifted
LIFTS = "shaping:lifts"  # a sorted set: `<ip> <site>` by when it was lifted, of Redis' clock
LIFTS_HEARD = 1000  # at once
HEARD = 2.0  # seconds after which every worker has heard of a lift; no row comes back sooner
PER_SECOND = 50  # rows that come back where the cell has no pace of its own
CODE = "lifted"  # what a row that was brought forward is said to wait for
NONSENSE = (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Lifted:
    """What was lifted: the rule, and how the mail that waits for it comes back."""

    rule: str
    site: str
    spacing: float  # seconds between two rows
    whys: tuple[str, ...]  # what such rows are said to wait for


class Unreachable(Exception):
    """Redis does not answer, so nothing was lifted."""


class NothingHeld(Exception):
    """No rule holds the cell back (any more)."""


def key_of(what: str, key: CellKey) -> str:
    """The name in Redis of a cell's `state` (what its receiver said) or `users` (workers that use it)."""
    return f"shaping:{what}:{key[0]}:{key[1]}"


def cells_of(lifts: Iterable[tuple[bytes, float]]) -> Iterator[tuple[CellKey, float]]:
    """Which cells were lifted, and when; what is none of ours is skipped."""
    for name, at in lifts:
        source, _, site = name.decode(errors="replace").partition(" ")
        if site:
            yield (source, site), at


def cell_of(key: CellKey, told: str | None, known: Profiles, now: float) -> Cell:
    """A cell as a worker sees it that begins now; `told` is its state in Redis, `now` Redis' clock."""
    cell = Cell(known.towards(key[1]), now=now, scale=settings.RETRY_SCALE)
    if told is not None:
        try:
            cell.adopt(json.loads(told), 0.0)
        except NONSENSE:
            return Cell(known.towards(key[1]), now=now, scale=settings.RETRY_SCALE)
        cell.forgive({rule.name for rule in known.rules}, now)
    return cell


def lift(key: CellKey) -> Lifted:
    """Tell every worker that rules' demands upon a cell are over. Raises Unreachable, NothingHeld."""
    known = profiles.load()
    found = shared.ask(lambda client: _lift(client, key, known), otherwise=None)
    if found is None:
        raise Unreachable
    cell, now = found
    rule = cell.suspended_by if cell.until > now else cell.ceiling_by
    if max(cell.until, cell.ceiling_until) <= now:
        raise NothingHeld
    cell.lift(now, now)
    per_minute = cell.per_minute(now)
    rules = {rule, *ShapingRule.objects.values_list("name", flat=True)[:1000]}
    rules |= {one.name for one in known.rules}
    return Lifted(
        rule,
        key[1],
        60 * settings.RETRY_SCALE / per_minute if per_minute else 1 / PER_SECOND,
        tuple(sorted(f"{name} {key[1]}"[: parking.REASON] for name in rules)),
    )


def _lift(client: Any, key: CellKey, known: Profiles) -> tuple[Cell, float]:
    """The cell as it was, and when it was lifted."""
    now = time_of(client)
    name = key_of("state", key)
    told = client.get(name)
    cell = cell_of(key, told, known, now)
    if max(cell.until, cell.ceiling_until) <= now:
        return cell, now
    state = json.loads(told) | {"at": now, "until": now, "ceiling": UNLIMITED, "ceiling_until": now}
    state.pop("by_worker", None)  # nobody's own: all take it over
    with client.pipeline(transaction=True) as pipe:
        pipe.zadd(LIFTS, {f"{key[0]} {key[1]}": now})
        pipe.zremrangebyscore(LIFTS, "-inf", now - STATE_LASTS)
        pipe.expire(LIFTS, STATE_LASTS)
        pipe.set(name, json.dumps(state), ex=STATE_LASTS)
        pipe.execute()
    return cell, now


def time_of(client: Any) -> float:
    """Redis' clock."""
    seconds, micros = client.time()
    return float(seconds) + float(micros) / 1e6


def bring_back(lifted: Lifted, *, behind: int = 0) -> int:
    """Let what waits for a lifted rule come, one after the other; how many, parking.FORWARD at most.

    `behind`: so many were brought forward before and go first.
    """
    return parking.bring_forward(
        lifted.whys,
        wait=HEARD + behind * lifted.spacing,
        spacing=lifted.spacing,
        why=f"{CODE} {lifted.site}",
    )
