"""Ties incidents to the engine: what is answered is watched, what is parked is kept from leaving."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.db import Error, InterfaceError, OperationalError

from transactional.classify import reply as verdict_on
from transactional.egress.cell import Breaker
from transactional.egress.decisions import Decision
from transactional.egress.lookups import Lookups
from transactional.egress.route import Route
from transactional.egress.shaping import Permit, Shaper
from transactional.incidents import breaker
from transactional.incidents.breaker import Standing
from transactional.incidents.skeleton import skeleton
from transactional.incidents.watch import Suspicion, Watch
from transactional.models import IncidentState
from transactional.queue import Job
from transactional.wire import outcome as wire
from transactional.wire.reply import ReplyClass, classify

logger = logging.getLogger(__name__)

AGAIN = 1.0  # seconds before an incident that the database did not take is written again
CellKey = tuple[str, str]


class Circuits:
    """One per engine."""

    def __init__(self, lookups: Lookups, shaper: Shaper, *, scale: float) -> None:
        self._lookups = lookups
        self._shaper = shaper
        self._watch = Watch(scale=scale)
        self._standing: tuple[Standing, ...] | None = None
        self._unwritten: dict[CellKey, Breaker] = {}  # parked here, not in the database yet
        self._under_way: set[asyncio.Task[None]] = set()
        shaper.probe = self._probe

    async def refresh(self) -> None:
        """Take over which cells are parked or drain. Raises django.db.Error."""
        found = await self._lookups.standing()
        if found is self._standing and not any(one.drain_at for one in found):
            return
        self._standing = found
        now, wall = asyncio.get_running_loop().time(), datetime.now(UTC)
        fresh = self._unwritten | {
            (one.source_address, one.site): Breaker(
                incident=one.id,
                skeleton=one.skeleton,
                probing=one.state != IncidentState.DRAINING,
                until=now + (one.probe_at - wall).total_seconds(),
                per_minute=one.per_minute(wall),
            )
            for one in found
        }
        for key in self._shaper.breakers.keys() | fresh.keys():
            if key in self._shaper.cells:
                self._shaper.cells[key].breaker = fresh.get(key)
        self._shaper.breakers = fresh

    def judge(self, job: Job, permit: Permit, route: Route, seen: wire.Outcome) -> Decision | None:
        """Draw from an answer what it says about an incident, over or to come."""
        if seen.reply is None or seen.local:
            return None
        key = (permit.source.id, route.site.key)
        now = asyncio.get_running_loop().time()
        shut = permit.cell.breaker
        said = str(seen.reply)
        refused = not seen.reply.is_positive
        if shut is not None and (permit.canary or not shut.probing):
            alike = refused and skeleton(said) == shut.skeleton
            if alike and not permit.canary:
                self._do(partial(breaker.refused_again, shut.incident, job.account_id))
            if permit.canary and not alike:
                self._do(partial(breaker.canary_taken, shut.incident))
            code = "refused_again" if alike else "canary_taken" if permit.canary else ""
            return Decision("incident", code, {"incident": shut.incident}) if code else None
        if not refused or classify(seen.reply, stage=seen.stage) is ReplyClass.THROTTLED:
            self._watch.took(key, job.account_id, now)
            return None
        verdict = verdict_on(seen.reply, stage=seen.stage)
        found = self._watch.refused(key, job.account_id, verdict, said, now)
        if found is None:
            return None
        self._park(found, (permit.source.address, route.site.key), now)
        data = {"alike": found.alike, "answers": found.answers, "reason": str(verdict.reason)}
        return Decision("incident", "opened", data)

    def _park(self, found: Suspicion, key: CellKey, now: float) -> None:
        """At once in this engine, and in the database for all."""
        wait = breaker.scaled(breaker.FIRST_PROBE)
        shut = Breaker(0, found.skeleton, probing=True, until=now + wait, per_minute=0.0)
        self._unwritten[key] = self._shaper.breakers[key] = shut
        if key in self._shaper.cells:
            self._shaper.cells[key].breaker = shut
        self._start(self._open(found, key))

    async def _open(self, found: Suspicion, key: CellKey) -> None:
        """Write down that a cell is parked, however long the database is away.

        A cell whose incident the database does not want is not parked any more: nothing would end it.
        """
        loop = asyncio.get_running_loop()
        try:
            while True:
                ago = loop.time() - found.first_at
                try:
                    await self._lookups.do(partial(breaker.open_for, found, ago=ago))
                    break
                except (OperationalError, InterfaceError) as err:
                    logger.warning("an incident with %s waits to be written: %s", key[1], err)
                    await asyncio.sleep(AGAIN)
        except Error as err:
            logger.error("an incident with %s cannot be written: %s", key[1], err)
        finally:
            self._unwritten.pop(key, None)
            self._standing = None
        await self._look_again()

    def _do(self, work: Callable[[], object]) -> None:
        self._start(self._write(work))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _write(self, work: Callable[[], object]) -> None:
        try:
            await self._lookups.do(work)
        except Error as err:
            logger.warning("an incident was not written: %s", err)
        else:
            await self._look_again()

    async def _look_again(self) -> None:
        self._lookups.forget_standing()
        try:
            await self.refresh()
        except Error as err:
            logger.warning("incidents not readable: %s", err)

    async def _probe(self, incident: int) -> bool:
        try:
            return incident > 0 and await self._lookups.do(partial(breaker.take_probe, incident))
        except Error as err:
            logger.warning("no canary is sent: %s", err)
            return False
