"""The delivery engine of one worker process: one event loop, for the life of the process.

It leases rows up to its slots, refills as they finish, renews leases with its heartbeat, and
looks at the table every second even when no wake-up comes.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import psycopg
import uvloop
from django.conf import settings
from django.db import Error

from config.database import parameters
from config.steady import steady_seconds
from transactional import clock, queue
from transactional.egress import hosts_down, poison, recall
from transactional.egress.attempt import Attempts
from transactional.egress.circuit import Circuits
from transactional.egress.consent import Consent
from transactional.egress.conversation import Conversations
from transactional.egress.deliver import Courier
from transactional.egress.first_tries import FirstTries
from transactional.egress.flusher import Flusher
from transactional.egress.hosts_down import HostsDown
from transactional.egress.journal import Journal
from transactional.egress.leases import Leases
from transactional.egress.lookups import Lookups
from transactional.egress.parking import ParkingLot
from transactional.egress.part import Part
from transactional.egress.places import BEYOND
from transactional.egress.poison import Poison
from transactional.egress.questions import Questions
from transactional.egress.sessions import SessionPool
from transactional.egress.shaping import Shaper
from transactional.egress.shares import Shares, by_own_clock
from transactional.egress.slots import ASIDE, Slots
from transactional.egress.strain import Strain
from transactional.models import Lane
from transactional.queue import Job

logger = logging.getLogger(__name__)

LOOK = 1.0  # seconds between looks at the table without a wake-up: what a lost one costs
BUSY_LOOK = 0.05  # the same while mail flows: cheaper than a wake-up for every few messages
LINGER = (
    1.0  # seconds after the last job that still count as flowing: wake-ups come more seldom then
)
SPACING = 0.02  # seconds between two claims while mail flows: rows are taken in batches
RECONNECT = 1.0  # seconds before a database that is away is tried again
REPORT = 5.0  # seconds between reports of this machine's IPs
TICK = 0.25  # seconds between two looks for jobs that have become slow
GRACE = 8.0  # seconds that sessions under way get to finish when the process stops

# All that the engine asks is looked up by key. A plan that was prepared on a fresh, empty partition
# must not go on reading it from end to end when it has grown. And one plan serves every set of values:
# with a long queue, PostgreSQL would believe that planning each claim anew pays, which costs a fifth of it
BY_KEY = (
    "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
    " -c plan_cache_mode=force_generic_plan"
)


async def connect() -> psycopg.AsyncConnection[Any]:
    """A connection of the engine's own, in autocommit; transactions are explicit."""
    given = parameters()
    given["options"] = f"{given.get('options', '')} {BY_KEY}".strip()
    return await psycopg.AsyncConnection.connect(
        **given, autocommit=True, connect_timeout=5, prepare_threshold=3
    )


def safe_part(seat: int | None) -> Part:
    """This worker's part of what all may do, while it cannot hear of the others."""
    return Part(settings.EGRESS_WORKERS + 1, seat, urgent=1)  # the urgent one besides


class Engine:
    """Delivers the rows of some lanes. `start` returns at once; `wake` may be called by any thread."""

    def __init__(
        self,
        lanes: Sequence[int],
        *,
        sessions: int,
        helps: bool = False,
        seat: int | None = None,
        broken: Callable[[], None] = lambda: None,
    ) -> None:
        """`helps`: urgent mail has a worker of its own, beside this one. `seat`: this worker's among
        those of its machine, 0 for urgent mail's. `broken` is called, from the engine's thread, when it has
        ended without having been told to: the process is of no more use.
        """
        self._broken = broken
        self._seat = seat
        self._lanes = tuple(lanes)
        self._claimer = queue.Claimer(self._lanes, helps=helps)
        self._sessions = sessions
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event: asyncio.Event | None = None
        self._stopping = self._told_to_stop = False
        self._jobs: dict[Job, asyncio.Task[None]] = {}
        self._leases = Leases()
        self._places = Slots(sessions)
        self._over: Callable[[Job], None] = lambda _: None  # told of each job that is over
        self._busy_at = self._looked_at = 0.0
        self._more = False  # the last claim left rows behind for want of room

    def start(self) -> None:
        """Run in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="egress", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look at the table now."""
        loop, event = self._loop, self._event
        if loop is not None and event is not None and not loop.is_closed():
            loop.call_soon_threadsafe(event.set)

    def stop(self) -> None:
        """Lease no more, finish what is under way, write it down; blocks for GRACE at most."""
        self._stopping = self._told_to_stop = True
        self.wake()
        if self._thread is not None:
            self._thread.join(GRACE + 4)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._main())
        except Exception:  # whatever it was: the process must end, not look well without an engine
            logger.critical("the egress engine failed", exc_info=True)
        if not self._told_to_stop:
            self._broken()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        lookups = Lookups()
        pool = SessionPool()
        flusher = Flusher(connect, lambda: len(self._jobs))
        scale = settings.RETRY_SCALE
        strain = Strain(flusher.writing)
        safe = by_own_clock(safe_part(self._seat))
        shaper = Shaper(sessions=self._sessions, part=safe, scale=scale, strain=strain)
        parking = ParkingLot(connect, scale=scale)
        guard = Poison(connect, recall.words())
        circuits = Circuits(lookups, shaper, scale=scale)
        places = self._sessions * (BEYOND + ASIDE)
        journal = Journal(recall.folder(), places, self._claimer.holder)
        self._over = journal.end
        conversations = Conversations(pool, flusher, self._leases, guard, journal)
        questions = Questions(self._sessions)
        attempts = Attempts(lookups, conversations, shaper, circuits, guard, questions)
        consent, tries = Consent(lookups), FirstTries(self._sessions)
        courier = Courier(attempts, shaper, parking, flusher, self._places, consent, tries)
        await self._take_over(lookups, shaper, circuits)  # before the first message
        told = Shares(shaper, urgent=self._lanes == (Lane.URGENT,), keep=pool.keep)
        writing = [self._beside(flusher.run()), self._beside(parking.run())]
        beside = [
            self._beside(self._heartbeat(pool)),
            self._beside(self._report(lookups, attempts.hosts)),
            self._beside(self._tick(lookups, shaper, circuits)),
            self._beside(strain.run()),
            self._beside(told.run()),
            self._beside(recall.keep_looking(connect)),
            self._beside(lookups.look_for_ourselves()),
        ]
        logger.info("egress engine ready: lanes %s, %d sessions", self._lanes, self._sessions)
        try:
            while not self._stopping:
                try:
                    await self._lease_and_send(courier, lookups)
                except (psycopg.Error, Error, OSError) as err:
                    logger.warning("queue not readable: %s", err)
                    await asyncio.sleep(RECONNECT)
        finally:
            await self._finish()
            parking.stop()
            flusher.stop()
            await asyncio.wait(writing, timeout=2)
            for task in beside:
                task.cancel()
            await pool.close_idle(everything=True)
            await self._give_back(lookups)
            guard.close()
            journal.close()
            lookups.close()

    def _beside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside the claims, to the engine's end. Without any of it the engine only seems to
        live (nothing written, or leases that run out), so what ends early ends the engine.
        """
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._stopping or task.cancelled():
            return
        logger.critical("%s has ended: so does the engine", task, exc_info=task.exception())
        self._stopping = True
        self.wake()

    async def _tick(self, lookups: Lookups, shaper: Shaper, circuits: Circuits) -> None:
        """Set slow jobs aside; take over what operators have changed."""
        while True:
            await asyncio.sleep(TICK)
            if self._places.tick() and self._event is not None:
                self._event.set()  # there is room
            await self._take_over(lookups, shaper, circuits)

    async def _take_over(self, lookups: Lookups, shaper: Shaper, circuits: Circuits) -> None:
        try:
            shaper.use(await lookups.profiles())
            await circuits.refresh()
        except Error as err:
            logger.warning("limits and incidents not readable: %s", err)
        except Exception:  # a row or a hint that nobody foresaw must not end the claims
            logger.exception("limits and incidents not readable")
            await asyncio.sleep(RECONNECT)

    async def _lease_and_send(self, courier: Courier, lookups: Lookups) -> None:
        """Claim and start jobs over one connection until it fails or the engine stops."""
        assert self._event is not None  # noqa: S101 — set before this runs
        async with await connect() as connection:
            await poison.recall(connection, recall.words())
            await recall.look(connect)
            await lookups.do(clock.settle)
            self._claimer.take_clock()
            while not self._stopping:
                self._event.clear()
                caps = self._caps()
                if caps is not None:
                    self._claimer.pools = await lookups.pools_here()
                    self._claimer.offsets = clock.offsets()
                    since = steady_seconds()
                    found = await self._claimer.claim(connection, caps=caps)
                    if found.jumped:
                        await self._after_jump(connection, lookups, found.jobs)
                        continue
                    if found.strays:
                        await queue.put_right(connection, found.strays)
                        logger.warning("%d deadlines of before a jump put right", len(found.strays))
                    for job in found.jobs:
                        self._start(courier, job, since)
                    self._more = found.more
                await self._wait()

    async def _after_jump(
        self, connection: psycopg.AsyncConnection[Any], lookups: Lookups, jobs: Sequence[Job]
    ) -> None:
        """The database's clock was set: nothing is tried or ended before that is put right."""
        values = {"ids": [job.id for job in jobs], "leases": list({job.lease for job in jobs})}
        await connection.execute(queue.RELEASE, values)
        await lookups.do(partial(clock.settle, self._claimer.since))
        self._claimer.take_clock()

    def _caps(self) -> queue.Caps | None:
        """How much of whose mail is to be claimed now. Where there is room only for accounts that have none
        in hand, they are looked for now and then: mostly there are none.
        """
        caps, now = self._places.caps(), time.monotonic()
        if any(caps.of.values()) or not caps.of or now - self._looked_at >= BUSY_LOOK:
            self._looked_at = now
            return caps
        return None

    def _start(self, courier: Courier, job: Job, since: float) -> None:
        stale = self._leases.take(job, since)
        self._places.take(job)
        carried = courier.carry(job)
        if stale is not None and (before := self._jobs.get(stale)) is not None:
            carried = _after(before, carried)
        task = asyncio.create_task(carried)
        self._jobs[job] = task
        task.add_done_callback(lambda _: self._done(job))

    def _done(self, job: Job) -> None:
        self._jobs.pop(job, None)
        self._leases.drop(job)
        self._over(job)
        self._places.leave(job)
        if self._more and self._event is not None and self._places.room >= self._places.half:
            self._event.set()

    async def _wait(self) -> None:
        """Until woken, or half of the slots are free, or it is time to look without either."""
        assert self._event is not None  # noqa: S101 — set before this runs
        if self._more and self._places.room >= self._places.half:
            await asyncio.sleep(SPACING)
            return
        busy = bool(self._jobs)
        now = time.monotonic()
        self._busy_at = now if busy else self._busy_at
        try:
            async with asyncio.timeout(BUSY_LOOK if now - self._busy_at < LINGER else LOOK):
                await self._event.wait()
        except TimeoutError:
            return
        if busy:
            await asyncio.sleep(SPACING)

    async def _give_back(self, lookups: Lookups) -> None:
        """Return what this process still has of warm-up budgets."""
        try:
            async with asyncio.timeout(2):
                await lookups.departures.settle(idle=0)
        except (Error, TimeoutError) as err:
            logger.warning("warm-up budgets not given back: %s", err)

    async def _report(self, lookups: Lookups, hosts: HostsDown) -> None:
        """Tell which IPs this machine has, and how many hosts are held back: at the start, and every few
        seconds.
        """
        while True:
            try:
                await lookups.do(clock.settle)
                await lookups.report_host()
                await lookups.departures.settle()
                await lookups.do(partial(hosts_down.tell, hosts.held_back()))
            except Error as err:
                logger.warning("this host's IPs not reported: %s", err)
            except Exception:  # nor this one
                logger.exception("this host's IPs not reported")
            await asyncio.sleep(REPORT)

    async def _heartbeat(self, pool: SessionPool) -> None:
        """Renew the leases of jobs under way; close sessions that have been idle."""
        connection: psycopg.AsyncConnection[Any] | None = None
        while True:
            await asyncio.sleep(settings.LEASE_SECONDS / 4)
            await pool.close_idle()
            jobs = list(self._jobs)
            if not jobs:
                continue
            values = {
                "ids": [job.id for job in jobs],
                "leases": list({job.lease for job in jobs}),
                "seconds": float(settings.LEASE_SECONDS),
            }
            try:
                connection = connection or await connect()
                since = steady_seconds()
                renewed = await connection.execute(queue.RENEW, values)
                self._leases.renewed(jobs, await renewed.fetchall(), since)
            except (psycopg.Error, OSError) as err:
                logger.warning("leases not renewed: %s", err)
                if connection is not None:
                    await connection.close()
                connection = None

    async def _finish(self) -> None:
        """Give back what has not begun; let the rest come to its end, for GRACE at most."""
        waiting = [job for job in self._jobs if not self._places.speaks(job)]
        for job in waiting:
            self._jobs[job].cancel()
        under_way = [self._jobs[job] for job in self._jobs if job not in waiting]
        if under_way:
            await asyncio.wait(under_way, timeout=GRACE)
        if waiting:
            try:
                async with await connect() as connection:
                    values = {
                        "ids": [job.id for job in waiting],
                        "leases": list({job.lease for job in waiting}),
                    }
                    await connection.execute(queue.RELEASE, values)
            except (psycopg.Error, OSError) as err:
                logger.warning("leases not given back, they will run out: %s", err)


async def _after(stale: asyncio.Task[None], carried: Coroutine[Any, Any, None]) -> None:
    """Carry a job once the one that had its row before is over: that one's lease is lost, so it is
    hung up on wherever it is.
    """
    stale.cancel()
    try:
        await asyncio.wait([stale])
    except asyncio.CancelledError:
        carried.close()
        raise
    await carried
