"""Carries each claimed job: asks whether it may still be sent, plans its try, waits for its turn or parks it, tries, writes it down."""

import asyncio
import logging
from collections.abc import Sequence

import psycopg
from django.conf import settings
from django.db import Error

from domains import pools
from transactional.egress import fallback, verdict
from transactional.egress.attempt import Attempts, Plan
from transactional.egress.cell import Closed
from transactional.egress.complaints import Waits
from transactional.egress.consent import Consent, has_waited
from transactional.egress.first_tries import FirstTries
from transactional.egress.flusher import Flusher
from transactional.egress.parking import ParkingLot, Refused
from transactional.egress.places import owner_of
from transactional.egress.shaping import PLACES, Permit, Shaper
from transactional.egress.slots import Slots
from transactional.egress.verdict import Tried
from transactional.lifecycle import Outcome
from transactional.queue import Job

logger = logging.getLogger(__name__)


class Courier:
    """Carries jobs; one per engine."""

    def __init__(
        self,
        attempts: Attempts,
        shaper: Shaper,
        parking: ParkingLot,
        flusher: Flusher,
        slots: Slots,
        consent: Consent,
        first_tries: FirstTries,
    ) -> None:
        self._attempts = attempts
        self._consent = consent
        self._shaper = shaper
        self._parking = parking
        self._flusher = flusher
        self._slots = slots
        self._first_tries = first_tries

    async def carry(self, job: Job) -> None:
        """Try once and write down what came of it. Never raises, so that one job stops no other."""
        try:
            planned = await self._plan(job)
            if isinstance(planned, Plan):
                await self._turn(planned)
            elif isinstance(planned, Closed):
                self._slots.went_back(job)
                await self._parking.park(Refused(job, planned, job.domain, spreads=False))
            elif isinstance(planned, Outcome):
                await self._flusher.finish(planned)
            else:
                await self._parking.park(Refused.of_complaints(planned))
        except asyncio.CancelledError:
            raise
        except (psycopg.Error, Error, OSError) as err:
            logger.warning("recipient %s: not tried now: %s", job.id, err)
        except Exception:
            logger.exception("recipient %s: delivery failed unexpectedly", job.id)
            await self._attempts.failed(job)
        finally:
            self._slots.leave(job)

    async def _plan(self, job: Job) -> Plan | Outcome | Waits | Closed:
        self._slots.begin(job)
        try:
            if has_waited(job) and (bar := await self._consent.bar(job)) is not None:
                return verdict.barred(Tried(job), bar)
            return await self._attempts.plan(job)
        finally:
            self._slots.rest(job)

    async def _turn(self, plan: Plan) -> None:
        """Wait for leave to speak; without it the job goes back to the queue."""
        plan = await self._past_the_dead(plan)
        if wait := await self._attempts.without_policy(plan):
            await self._park(plan, Closed("tls_policy", wait), spreads=False)
            return
        entered = await self._enter(plan, plan.families())
        if not isinstance(entered, Permit):
            await self._without_leave(plan, entered)
            return
        if plan.tried.job.parked:
            self._tell_of_room(plan)
        if not entered.first:
            await self._speak(plan, entered)
            return
        full = self._first_tries.begin(plan.tried.job)
        if full is not None:
            self._leave(plan, entered)
            self._slots.went_back(plan.tried.job)
            await self._without_leave(plan, full)
            return
        try:
            await self._speak(plan, entered)
        finally:
            self._first_tries.end(plan.tried.job)

    def _tell_of_room(self, plan: Plan) -> None:
        """A job that was parked for want of a place has one: so would others, the oldest first."""
        job = plan.tried.job
        code = (job.parked or "").partition(" ")[0]
        if code in PLACES:
            self._parking.has_room(job, self._shaper.rate(plan.route, job.domain, plan.sources))

    async def _speak(self, plan: Plan, entered: Permit) -> None:
        """Try, with the leave that was given."""
        held = [entered]

        async def other() -> Permit | None:
            """Leave from an IP of the other family; what came of the first is told before."""
            self._leave(plan, held.pop())
            families = plan.families(ipv6=":" not in entered.source.address)
            found = await self._enter(plan, families)
            if not isinstance(found, Permit):
                return None
            held.append(found)
            return found

        try:
            await self._slots.enter(plan.tried.job, first=entered.first)
            outcome = await self._attempts.make(plan, entered, other)
            if outcome is not None:
                # Inside the slot: what a kill could send twice is no more than the sessions
                await self._flusher.finish(outcome)
        finally:
            for permit in held:
                self._leave(plan, permit)

    def _leave(self, plan: Plan, permit: Permit) -> None:
        self._shaper.leave(permit)
        plan.close(permit.choice)

    async def _past_the_dead(self, plan: Plan) -> Plan:
        """The way round a site where nobody answers, for mail that has found that out itself.

        What this worker knows of the site is forgotten sooner than single mail comes back.
        """
        job = plan.tried.job
        dead = fallback.when_dead(job) if plan.relay is None else None
        if dead is None or plan.stream.fallback_id is None:
            return plan
        known = self._shaper.is_dead(plan.route, plan.reaching)
        if not known and not await self._attempts.found_nobody(job):
            return plan
        return await self._attempts.around(plan.tried, plan.stream, plan.fleet, dead) or plan

    async def _enter(
        self, plan: Plan, families: Sequence[tuple[pools.UsableSource, ...]]
    ) -> Permit | Closed | pools.Choice:
        found: Permit | Closed | pools.Choice = pools.Choice(None, "no_family")
        for sources in families:
            domain = plan.tried.job.domain
            found = await self._shaper.enter(
                plan.route, domain, sources, plan.choose,
                owner=owner_of(plan.tried.job), age=plan.tried.job.id.int,  # of UUIDs in order of time
                keep=plan.tried.job.source_id, close=plan.close,
            )  # fmt: skip
            if isinstance(found, Permit):
                break
        return found

    async def _without_leave(self, plan: Plan, why: Closed | pools.Choice) -> None:
        tried = plan.tried
        if isinstance(why, pools.Choice):
            tried.trail.note("source", why.code, **why.told(plan.fleet))
            if why.code != "no_budget":
                await self._flusher.finish(self._attempts.no_family(tried, why.code))
                return
            why = Closed(why.code, why.data["wait"], why.data, stands=True)
        shut = None
        if plan.relay is None:
            scale = settings.RETRY_SCALE
            shut = fallback.when_shut(tried.job, why, tried.job.now(), scale=scale)
        if shut is not None:
            round_by = await self._attempts.around(tried, plan.stream, plan.fleet, shut)
            if round_by is not None:
                await self._turn(round_by)
                return
        await self._park(plan, why)

    async def _park(self, plan: Plan, why: Closed, *, spreads: bool = True) -> None:
        """Back to the queue. `spreads`: what waits behind it for the site waits for the same."""
        job = plan.tried.job
        gate = self._shaper.gate(plan.route, job.domain)
        rate = self._shaper.rate(plan.route, job.domain, plan.sources) if spreads else 0.0
        site = plan.route.site.key
        await self._parking.park(Refused(job, why, site, rate, gate.domains, spreads))
