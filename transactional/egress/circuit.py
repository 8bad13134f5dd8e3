"""Ties incidents to the engine: what is answered is watched, what is parked is kept from leaving."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from django.db import Error, InterfaceError, OperationalError

from domains import refused
from transactional import clock
from transactional.classify import Category, Reason, Verdict
from transactional.classify import reply as verdict_on
from transactional.egress.cell import Breaker, Cell
from transactional.egress.decisions import Decision
from transactional.egress.lookups import Lookups
from transactional.egress.route import Route
from transactional.egress.shaping import Permit, Shaper, is_direct
from transactional.incidents import breaker
from transactional.incidents.breaker import Standing
from transactional.incidents.of_domains import Unauthenticated
from transactional.incidents.skeleton import skeleton
from transactional.incidents.watch import Suspicion, Watch
from transactional.models import IncidentState
from transactional.queue import Job
from transactional.wire import outcome as wire
from transactional.wire.reply import ReplyClass, classify

logger = logging.getLogger(__name__)

AGAIN = 1.0  # seconds before an incident that the database did not take is written again
MET = 5000  # accounts that are known to be noted with an incident
# Who says this of a mailbox has looked for it: mail is taken in again
OF_THE_MAILBOX = frozenset({Reason.MAILBOX_FULL, Reason.SUSPEND})
CellKey = tuple[str, str]


class Circuits:
    """One per engine."""

    def __init__(self, lookups: Lookups, shaper: Shaper, *, scale: float) -> None:
        self._lookups = lookups
        self._shaper = shaper
        self._watch = Watch(scale=scale)
        self._unauthenticated = Unauthenticated()
        self._standing: tuple[Standing, ...] | None = None
        self._unwritten: dict[CellKey, Breaker] = {}  # parked here, not in the database yet
        self._under_way: set[asyncio.Task[None]] = set()
        self._met: set[tuple[int, int]] = set()  # incident and account that are noted
        shaper.probe = self._probe

    async def refresh(self) -> None:
        """Take over which cells are parked or drain. Raises django.db.Error."""
        found = await self._lookups.standing()
        if found is self._standing and not any(one.draining is not None for one in found):
            return
        self._standing = found
        now = asyncio.get_running_loop().time()
        fresh = self._unwritten | {
            (one.source_address, one.site): Breaker(
                incident=one.id,
                skeleton=one.skeleton,
                probing=one.state != IncidentState.DRAINING,
                until=now + one.probe_in - one.age,
                per_minute=one.per_minute(),
                of_recipients=one.category == Category.HARD,
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
        now = asyncio.get_running_loop().time()
        verdict = None
        if not seen.reply.is_positive:
            verdict = verdict_on(seen.reply, stage=seen.stage)
        self._judge_domain(job, permit, route, str(seen.reply), verdict, now)
        shut = permit.cell.breaker
        if shut is not None:
            return self._during(shut, job, permit, route, str(seen.reply), verdict, now)
        known = verdict is not None and self._stops(permit.cell, route, str(seen.reply), now)
        throttled = classify(seen.reply, stage=seen.stage) is ReplyClass.THROTTLED
        if throttled and not known:
            verdict = None  # the pace alone: shaping sees to it
        found = self._watched(job, permit, route, str(seen.reply), verdict, now, known=known)
        if found is None:
            return None
        self._park(found, (permit.source.address, route.site.key), now)
        data = {"alike": found.alike, "answers": found.answers, "reason": str(found.verdict.reason)}
        return Decision("incident", "opened", data)

    def _judge_domain(
        self, job: Job, permit: Permit, route: Route, said: str, verdict: Verdict | None, now: float
    ) -> None:
        """Where a receiver refuses a domain's mail as not authenticated, its owners hear what to repair."""
        key = (job.account_id, job.from_domain, route.site.key)
        of_it = verdict is not None and verdict.reason is Reason.AUTH_FAILURE
        if is_direct(route) and self._unauthenticated.answered(key, now, refused=of_it):
            self._do(
                partial(
                    refused.note, job.account_id, job.from_domain, site=route.site.key,
                    ip=permit.source.address, reply=said,
                )
            )  # fmt: skip

    def _during(
        self,
        shut: Breaker,
        job: Job,
        permit: Permit,
        route: Route,
        said: str,
        verdict: Verdict | None,
        now: float,
    ) -> Decision | None:
        """An answer while an incident is not over: to its canary, to what drains, or a late one."""
        alike = verdict is not None and skeleton(said) == shut.skeleton
        if alike:
            self._meet(shut.incident, job.account_id)
        code = ""
        if permit.canary:
            code = "refused_again" if alike else "canary_unsure"
            if not alike and _is_taken(verdict, shut):
                code = "canary_taken"
                self._do(partial(breaker.canary_taken, shut.incident))
        elif not shut.probing:
            found = None if alike else self._watched(job, permit, route, said, verdict, now)
            if alike or found is not None:
                code = "refused_again"
                self._do(partial(breaker.refused_again, shut.incident, job.account_id, found))
        return Decision("incident", code, {"incident": shut.incident}) if code else None

    def _watched(
        self,
        job: Job,
        permit: Permit,
        route: Route,
        said: str,
        verdict: Verdict | None,
        now: float,
        *,
        known: bool = False,
    ) -> Suspicion | None:
        """Remember an answer; what is to be suspected of it. Without a `verdict` it refused nothing."""
        key, who, domain = (permit.source.id, route.site.key), job.account_id, job.from_domain
        if verdict is None:
            self._watch.took(key, who, now, domain)
            return None
        return self._watch.refused(key, who, verdict, said, now, domain=domain, known=known)

    def _stops(self, cell: Cell, route: Route, said: str, now: float) -> bool:
        """Whether this is such an answer as has just stopped the cell, by a rule of its profile."""
        if now >= cell.until:
            return False
        rules = self._shaper.profiles.rules_on(said, route.site.provider)
        return any(one.action == "suspend" and one.name == cell.suspended_by for one in rules)

    def _meet(self, incident: int, account_id: int) -> None:
        """An incident has refused mail of this account: its owners hear of it, and may undo."""
        if not incident or (incident, account_id) in self._met:
            return
        if len(self._met) >= MET:
            self._met.clear()
        self._met.add((incident, account_id))
        self._do(partial(breaker.affect, incident, account_id))

    def _park(self, found: Suspicion, key: CellKey, now: float) -> None:
        """At once in this engine, and in the database for all."""
        wait = breaker.scaled(breaker.FIRST_PROBE)
        shut = Breaker(
            0, found.skeleton, probing=True, until=now + wait, per_minute=0.0,
            of_recipients=found.verdict.category is Category.HARD,
        )  # fmt: skip
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
            return incident > 0 and await self._lookups.do(partial(_take_probe, incident))
        except Error as err:
            logger.warning("no canary is sent: %s", err)
            return False


def _take_probe(incident: int) -> bool:
    clock.settle()  # a clock that was set makes no canary due
    return breaker.take_probe(incident)


def _is_taken(verdict: Verdict | None, shut: Breaker) -> bool:
    """Whether an answer to a canary means that the receiver takes mail again: it took it, or knows
    enough of the mailbox to refuse it for its sake. Anything else says nothing of the sort.
    """
    if verdict is None or verdict.reason in OF_THE_MAILBOX:
        return True
    return verdict.category is Category.HARD and not shut.of_recipients
