"""What all delivery workers share of shaping, through Redis: who needs a cell, and what it was told.

A worker tells once a second which cells it uses; a cell's limits are divided among those that do. No
message waits for this: without Redis each worker keeps to a share that is safe by itself.
"""

import asyncio
import json
import logging
import time
import uuid
from itertools import islice

import redis.asyncio as redis
from django.conf import settings
from redis.exceptions import RedisError

from transactional.egress.shaping import CellKey, Shaper

logger = logging.getLogger(__name__)

EVERY = 1.0  # seconds
ACTIVE = 10.0  # seconds for which a worker that used a cell has a part of it
STATE_LASTS = 6 * 3600  # seconds that Redis keeps what a cell was told
MOST = 500  # cells told of at once, those used last
PATIENCE = 0.5  # seconds that Redis may take
RETRY = 5.0  # seconds for which a Redis that did not answer is left alone


class Shares:
    """One per engine. `safe`: this worker's part while it cannot hear of the others."""

    def __init__(self, shaper: Shaper, *, safe: float) -> None:
        self._shaper = shaper
        self._safe = safe
        self._id = uuid.uuid4().hex
        self._client: redis.Redis | None = None
        self.alone = True

    async def run(self) -> None:
        """Tell and hear until cancelled."""
        try:
            while True:
                try:
                    async with asyncio.timeout(PATIENCE * 4):
                        await self._exchange()
                    self._heard(alone=False)
                    await asyncio.sleep(EVERY)
                except (RedisError, OSError, TimeoutError) as error:
                    self._heard(alone=True, why=error)
                    await asyncio.sleep(RETRY)
        finally:
            await self._hang_up()

    def _heard(self, *, alone: bool, why: Exception | None = None) -> None:
        if alone:
            for cell in self._shaper.cells.values():
                cell.share = self._safe
        if alone and not self.alone:
            logger.warning("Redis does not answer, limits are divided by rule of thumb: %s", why)
        self.alone = alone

    async def _exchange(self) -> None:
        loop = asyncio.get_running_loop()
        now, wall = loop.time(), time.time()
        offset = wall - now
        cells = {
            key: cell
            for key, cell in islice(reversed(self._shaper.cells.items()), MOST)
            if now - cell.seen < ACTIVE
        }
        changed, self._shaper.changed = self._shaper.changed, set()
        told = [key for key in changed if key in self._shaper.cells]
        if not cells and not told:
            return
        client = self._connect()
        try:
            async with client.pipeline(transaction=False) as pipe:
                for key in told:
                    state = json.dumps(self._shaper.cells[key].state(offset))
                    pipe.set(_name("state", key), state, ex=STATE_LASTS)
                for key in cells:
                    users = _name("users", key)
                    pipe.zadd(users, {self._id: wall})
                    pipe.zremrangebyscore(users, "-inf", wall - ACTIVE)
                    pipe.expire(users, 60)
                    pipe.zcard(users)
                    pipe.get(_name("state", key))
                answers = (await pipe.execute())[len(told) :]
        except (RedisError, OSError, TimeoutError):
            self._shaper.changed |= changed
            raise
        for place, (key, cell) in enumerate(cells.items()):
            *_, users, state = answers[5 * place : 5 * place + 5]
            cell.share = 1.0 / max(1, int(users))
            if state is None:
                if cell.restricted and cell.changed:
                    self._shaper.changed.add(key)  # Redis was emptied: tell it again
                continue
            try:
                cell.adopt(json.loads(state), offset)
            except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
                logger.warning("what Redis says of %s is not understood: %s", key, error)

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


def _name(what: str, key: CellKey) -> str:
    return f"shaping:{what}:{key[0]}:{key[1]}"
