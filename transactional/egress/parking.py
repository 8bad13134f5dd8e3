"""Collects jobs that may not leave yet and gives them back to the queue, many at once.

Where many of one stream to one site come back at once, the rest of them that is still waiting is
spread over the time they will need, before it is claimed for nothing. That time is a guess: where a site turns out
to have room, what was spread is brought nearer, so that a slow minute (a restart, a receiver that stood still) does not
set the pace of the ten that follow.
"""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import psycopg

from transactional.egress.cell import Closed
from transactional.egress.complaints import Waits
from transactional.queue import Job
from transactional.queue import parking as rows
from transactional.queue.parking import Backlog, Nearer, Parked

logger = logging.getLogger(__name__)

PAUSE = 0.05  # seconds in which parked jobs are collected
GROUP = 200  # of them that are written without waiting for more
MANY = 20  # of one stream to one site, at once: there is a backlog behind them
AGAIN = 2.0  # seconds between two looks at the same backlog
HORIZON = 600.0  # seconds within which everything that was spread comes back
LONGEST_HORIZON = 7200.0
PER_HORIZON = 20_000  # rows parked in HORIZON seconds for which it is long enough

LOOK_AHEAD = 1.0  # seconds between two looks at what may come sooner
AHEAD = 2.0  # seconds' worth of mail that is brought nearer at a look
MOST_AHEAD = 4000  # rows

Key = tuple[int, int, str]  # lane, stream, site


@dataclass(frozen=True, slots=True)
class Refused:
    """A job, why it may not leave, and the rate (messages a second, 0: unknown) it waits for. `spreads`:
    so does what waits behind it for the site, to its `domains`. `extends`: it loses no time by that.
    """

    job: Job
    closed: Closed
    site: str
    rate: float = 0.0
    domains: Collection[str] = ()
    spreads: bool = True
    extends: bool = False

    @classmethod
    def of_complaints(cls, one: Waits) -> "Refused":
        """One that waits for no site, but for a pause of marketing mail to end."""
        return cls(one.job, one.closed, one.key, spreads=False, extends=one.extends)


class ParkingLot:
    """One per engine."""

    def __init__(self, connect: Callable[[], Any], *, scale: float) -> None:
        self._connect = connect
        self._scale = scale
        self._waiting: list[tuple[Refused, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._looked: dict[Key, float] = {}
        self._recent: dict[str, tuple[float, int]] = {}
        self._roomy: dict[
            tuple[int, int], dict[str, float]
        ] = {}  # by lane and stream: why, and a rate
        self._ahead_at = -1e9
        self._later: asyncio.TimerHandle | None = None
        self._stopping = False
        self.parked = 0  # in all

    async def park(self, refused: Refused) -> None:
        """Returns once the row is back in the queue, or its lease is left to run out."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((refused, future))
        self._wake.set()
        await future

    def has_room(self, job: Job, rate: float) -> None:
        """What had parked this job is over: its site has room, for so many messages a second. What was parked with
        it for the same may come sooner.
        """
        if job.parked and rate > 0:
            if not self._roomy:
                self._wake.set()
            self._roomy.setdefault((job.lane, job.stream_id), {})[job.parked] = rate

    def stop(self) -> None:
        """Write what is left and end."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Write until `stop`."""
        connection: psycopg.AsyncConnection[Any] | None = None
        while not (self._stopping and not self._waiting):
            await self._wake.wait()
            if len(self._waiting) < GROUP and not self._stopping:
                await asyncio.sleep(PAUSE)
            self._wake.clear()
            batch, self._waiting = self._waiting, []
            if not (batch or self._roomy):
                continue
            try:
                connection = connection or await self._connect()
                if batch:
                    await self._write(connection, [refused for refused, _ in batch])
                else:
                    await self._look_ahead(connection)
                if self._roomy and self._later is None:
                    self._later = asyncio.get_running_loop().call_later(
                        LOOK_AHEAD * self._scale, self._look_again
                    )
            except psycopg.errors.DeadlockDetected:
                # Rows whose lease was lost are in another's hands too; the statement was undone whole
                self._waiting[:0] = batch
                self._wake.set()
                continue
            except Exception as err:
                # Their leases run out, and the sweeper gives them back; what parks must go on
                foreseen = isinstance(err, (psycopg.Error, OSError))
                logger.warning(
                    *("%d messages not parked, their leases run out: %s", len(batch), err),
                    exc_info=not foreseen,
                )
                if connection is not None:
                    await connection.close()
                connection = None
                self._roomy.clear()
            for _, future in batch:
                if not future.done():
                    future.set_result(None)
        if connection is not None:
            await connection.close()

    def _look_again(self) -> None:
        self._later = None
        self._wake.set()

    async def _look_ahead(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Bring nearer what was parked for sites that have room; each look is told anew by what comes."""
        now = asyncio.get_running_loop().time()
        if now - self._ahead_at < LOOK_AHEAD * self._scale:
            return
        roomy, self._roomy, self._ahead_at = self._roomy, {}, now
        for (lane, stream_id), rates in roomy.items():
            wanted = [
                Nearer(why, 1.0 / rate, min(MOST_AHEAD, max(MANY, int(rate * AHEAD))))
                for why, rate in rates.items()
            ]
            await rows.bring_nearer(connection, lane, stream_id, wanted)

    async def _write(self, connection: psycopg.AsyncConnection[Any], batch: list[Refused]) -> None:
        groups: dict[Key, list[Refused]] = defaultdict(list)
        for one in batch:
            groups[(one.job.lane, one.job.stream_id, one.site)].append(one)
        parked = []
        for group in groups.values():
            for place, one in enumerate(group):
                wait = one.closed.wait + place * self._spacing(one)
                wait = max(0.2 * self._scale, wait) * random.uniform(1.0, 1.1)  # noqa: S311 — no secret
                why = f"{one.closed.code} {one.site}"
                parked.append(Parked(one.job, wait, why, one.extends))
        await rows.park(connection, parked)
        self.parked += len(parked)
        for key, group in groups.items():
            alike = [one for one in group if one.spreads]
            if len(alike) >= MANY:
                await self._spread(connection, key, alike[-1])

    def _spacing(self, one: Refused) -> float:
        return 1.0 / one.rate if one.rate else 0.0

    async def _spread(
        self, connection: psycopg.AsyncConnection[Any], key: Key, last: Refused
    ) -> None:
        """Move the rest of this stream's mail to this site behind what was just parked."""
        now = asyncio.get_running_loop().time()
        if now - self._looked.get(key, -1e9) < AGAIN:
            return
        if len(self._looked) > 5000:
            self._looked.clear()
        self._looked[key] = now
        backlog = Backlog(
            lane=key[0],
            stream_id=key[1],
            domains=tuple(last.domains),
            wait=last.closed.wait + MANY * self._spacing(last),
            spacing=self._spacing(last),
            horizon=self._horizon(last.site, now),
            why=f"{last.closed.code} {last.site}",
        )
        moved = await rows.spread(connection, backlog)
        self._count(last.site, now, moved)
        if moved:
            logger.info("%s: %d waiting messages spread (%s)", last.site, moved, last.closed.code)

    def _count(self, site: str, now: float, moved: int) -> None:
        since, number = self._recent.get(site, (now, 0))
        if now - since > HORIZON * self._scale:
            since, number = now, 0
        if len(self._recent) > 5000:
            self._recent.clear()
        self._recent[site] = (since, number + moved)

    def _horizon(self, site: str, now: float) -> float:
        """Longer where so much waits that coming back for a look would be work of its own."""
        number = self._recent.get(site, (now, 0))[1]
        return min(HORIZON * max(1.0, number / PER_HORIZON), LONGEST_HORIZON) * self._scale
