"""What all delivery workers share of shaping, through Redis: who needs a cell, and what it was told.

A worker tells once a second which cells it uses; a cell's limits are divided among those that do. No
message waits for this: without Redis each worker keeps to a share that is safe by itself.

All times that are told are by Redis' clock, which each worker knows by its own count of seconds that pass
(the loop's): no machine's wall clock counts, so one that is set, or wrong, holds up nobody.
"""

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import redis.asyncio as redis
from django.conf import settings
from redis.exceptions import RedisError

from transactional.egress.cell import Cell
from transactional.egress.lifts import LIFTS, LIFTS_HEARD, STATE_LASTS, cells_of, key_of
from transactional.egress.part import JOINING, Part
from transactional.egress.shaping import CellKey, Shaper

logger = logging.getLogger(__name__)

EVERY = 1.0  # seconds
EVERY_IN_TURNS = 0.25  # the same while workers wait for each other, or for one that joins
USERS_LAST = 60  # seconds that Redis keeps who used a cell after the last did
ACTIVE = 10.0  # seconds for which a worker that used a cell has a part of it
HEARD_AGAIN = (
    10.0  # seconds before the last round from which lifts are read: they are told by others' time
)
MOST = 500  # cells told of at once, those used last
PATIENCE = 0.5  # seconds that Redis may take
JUMP = 1.0  # seconds by which Redis' clock is not where it was before that count; less is its answer's way
RETRY = 5.0  # seconds for which a Redis that did not answer is left alone


Keep = Callable[[str, str, int], None]
_NONSENSE = (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError)


class Shares:
    """One per engine."""

    def __init__(
        self, shaper: Shaper, *, urgent: bool = False, keep: Keep = lambda source, site, most: None
    ) -> None:
        """`urgent`: it serves urgent mail alone. `keep` closes idle connections of a cell beyond so many."""
        self._shaper = shaper
        self._keep = keep
        self._id = (
            f"{'u' if urgent else 'w'}{uuid.uuid4().hex}"  # in their order they have their places
        )
        self._client: redis.Redis | None = None
        self._offset: float | None = None  # Redis' clock minus the loop's
        self._used: set[CellKey] = set()  # the cells that were told of last
        self._since: dict[CellKey, float] = {}  # by Redis' clock: when each was told of first
        self._fewer: set[CellKey] = set()  # fewer use them, as was heard once
        self._lifts_since = 0.0  # by Redis' clock
        self._turns = False  # some worker waits for another's connections
        self.alone = True

    async def run(self) -> None:
        """Tell and hear until cancelled."""
        own = asyncio.current_task()
        try:
            # Python 3.11's wait_for, which the client uses, can lose that it was cancelled (gh-81839)
            while own is None or not own.cancelling():
                try:
                    async with asyncio.timeout(PATIENCE * 4):
                        await self._exchange()
                    self._heard(alone=False)
                    await asyncio.sleep(EVERY_IN_TURNS if self._turns else EVERY)
                except (RedisError, OSError, TimeoutError) as error:
                    self._heard(alone=True, why=error)
                    await asyncio.sleep(RETRY)
        finally:
            await self._hang_up()

    def _heard(self, *, alone: bool, why: Exception | None = None) -> None:
        if alone:
            safe = self._shaper.part = by_own_clock(self._shaper.part)
            for cell in self._shaper.cells.values():
                cell.alone(safe)
        if alone and not self.alone:
            logger.warning("Redis does not answer, limits are divided by rule of thumb: %s", why)
        self.alone = alone

    async def _exchange(self) -> None:
        now = asyncio.get_running_loop().time()
        cells = {
            key: cell
            for key, cell in islice(reversed(self._shaper.cells.items()), MOST)
            if now - cell.seen < ACTIVE
        }
        left, self._used = self._used - cells.keys(), set(cells)
        if not (cells or left or self._shaper.changed or self._is_held(now)):
            return
        client = self._connect()
        offset = await self._clock(client)
        wall = now + offset
        changed, self._shaper.changed = self._shaper.changed, set()
        told = [key for key in changed if key in self._shaper.cells]
        self._since = {key: self._since.get(key, wall) for key in cells}
        try:
            async with client.pipeline(transaction=False) as pipe:
                for key in told:
                    state = json.dumps(
                        self._shaper.cells[key].state(offset) | {"by_worker": self._id}
                    )
                    pipe.set(key_of("state", key), state, ex=STATE_LASTS)
                for key in left:  # nobody waits for what it tells of them
                    pipe.hdel(key_of("users", key), self._id)
                for key, cell in cells.items():
                    users = key_of("users", key)
                    if cell.takes_turns(now) and not cell.allowed(now):
                        self._keep(*key, 0)
                    pipe.hset(users, self._id, f"{wall:.3f} {cell.inflight}")
                    pipe.expire(users, USERS_LAST)
                    pipe.hgetall(users)
                    pipe.get(key_of("state", key))
                pipe.zrangebyscore(
                    LIFTS,
                    self._lifts_since,
                    wall + ACTIVE,
                    start=0,
                    num=LIFTS_HEARD,
                    withscores=True,
                )
                *answers, lifts = (await pipe.execute())[len(told) + len(left) :]
        except (RedisError, OSError, TimeoutError):
            self._shaper.changed |= changed
            raise
        self._turns = False
        self._fewer &= cells.keys()
        for place, (key, cell) in enumerate(cells.items()):
            users, state = answers[4 * place + 2 : 4 * place + 4]
            self._divide(key, cell, users, wall)
            if state is None:
                if cell.restricted and cell.changed:
                    self._shaper.changed.add(key)  # Redis was emptied: tell it again
                continue
            try:
                self._hear(key, cell, json.loads(state), wall, offset)
            except _NONSENSE as error:
                logger.warning("what Redis says of %s is not understood: %s", key, error)
        self._lift(lifts, wall, offset)

    def _is_held(self, now: float) -> bool:
        """Whether some cell, used or not, waits for what an operator might lift."""
        cells = self._shaper.cells.values()
        return any(cell.until > now or cell.ceiling_until > now for cell in cells)

    def _lift(self, lifts: list[tuple[bytes, float]], wall: float, offset: float) -> None:
        """End what operators have lifted, of cells in use or not. A lift that is heard again does nothing."""
        for key, at in cells_of(lifts):
            cell = self._shaper.cells.get(key)
            if cell is not None and cell.lift(at - offset, wall - offset):
                self._shaper.changed.add(key)
                logger.warning("%s towards %s: an operator lifted what a rule had asked for", *key)
        self._lifts_since = wall - HEARD_AGAIN

    def _divide(self, key: CellKey, cell: Cell, users: dict[bytes, bytes], wall: float) -> None:
        """Of those who use a cell, this worker's part until it is told again."""
        told = _told(users, wall)
        if self._id not in told:
            return  # what it told is of before a jump of the clock
        names = sorted(told)
        others = [at for name, (at, _) in told.items() if name != self._id]
        now = wall - (offset := self._offset or 0.0)
        part = Part(
            of=len(names),
            place=names.index(self._id),
            urgent=sum(name.startswith("u") for name in names),
            clock=offset,
            # Who is silent for longer has ended, and its connections with it
            open=tuple(told[name][1] * (wall - told[name][0] < JOINING) for name in names),
            told=min(others, default=wall),
            since=self._since.get(key, wall),
        )
        before = cell.part(now).of
        if part.of < before and key not in self._fewer:
            self._fewer.add(key)  # whoever begins at the same time is heard of the next time
            return
        self._fewer.discard(key)
        cell.told(part, now + ACTIVE)
        self._turns = self._turns or not cell.is_settled(now)
        if part.of > before:
            self._keep(*key, max(0, cell.allowed(now) - cell.inflight))

    def _hear(
        self, key: CellKey, cell: Cell, told: dict[str, Any], wall: float, offset: float
    ) -> None:
        """Take over what another worker told; not what was told by a clock that was set back since, nor what
        a rule asked for that holds no more.
        """
        if told.get("by_worker") == self._id or float(told["at"]) >= wall + ACTIVE:
            return
        before = cell.changed
        cell.adopt(told, offset)
        if cell.changed != before:
            rules = {rule.name for rule in self._shaper.profiles.rules}
            if cell.forgive(rules, wall - offset):
                self._shaper.changed.add(key)

    async def _clock(self, client: redis.Redis) -> float:
        """Redis' clock minus the loop's. Where it jumped, what was told by the old one is told anew."""
        seconds, micros = await client.time()
        found = seconds + micros / 1e6 - asyncio.get_running_loop().time()
        if self._offset is None:
            self._offset = found
        elif abs(found - self._offset) > JUMP:
            logger.warning("Redis' clock was set by %.0f s", found - self._offset)
            self._offset, self._lifts_since = found, 0.0
            self._since.clear()
            cells = self._shaper.cells.items()
            self._shaper.changed |= {key for key, cell in cells if cell.restricted and cell.changed}
        return self._offset

    def _connect(self) -> redis.Redis:
        if self._client is None:
            self._client = redis.Redis.from_url(
                settings.REDIS_URL or settings.CELERY_BROKER_URL,
                socket_timeout=PATIENCE,
                socket_connect_timeout=PATIENCE,
            )
        return self._client

    async def _hang_up(self) -> None:
        if self._client is not None:
            await self._client.aclose()


def _told(users: Mapping[bytes, bytes], wall: float) -> dict[str, tuple[float, int]]:
    """Who uses a cell now: when each told so, and its connections; what makes no sense is nobody."""
    found = {}
    for name, text in users.items():
        at, _, open_ = text.partition(b" ")
        try:
            if abs(float(at) - wall) < ACTIVE:  # of before a step back of the clock: not
                found[name.decode()] = (float(at), max(0, int(open_)))
        except ValueError:
            continue
    return found


def by_own_clock(part: Part) -> Part:
    """The same, by this machine's own clock: what is left where Redis does not tell its own."""
    return replace(part, clock=time.time() - asyncio.get_running_loop().time())
