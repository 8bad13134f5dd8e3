"""The process that posts: one event loop, for the life of a worker of the queue `webhooks`.

It reads the log's next events into deliveries, leases what is due endpoint by endpoint, posts over
kept connections, and writes the outcomes of many posts together. Whatever it held when it is killed
becomes due again by itself, and is posted with the same webhook-id.
"""

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import uvloop
from django.conf import settings
from django.db import Error, connections

from analytics.webhooks import deliveries, outbox
from analytics.webhooks.deliveries import Job, Target, Tried
from analytics.webhooks.lane import Lane
from analytics.webhooks.postman import Postman
from config.database import parameters
from config.post import BROKEN
from config.steady import Watch, steady_seconds
from transactional import clock

logger = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks while nobody has an endpoint
BUSY_LOOK = 0.25  # while somebody has
SPACING = 0.05  # at least, while posts end: outcomes and claims are taken together
READ = 0.2  # seconds between two looks into the log
RECONNECT = 1.0
GRACE = 12.0  # seconds that posts under way get when the process stops: their time-out, and a flush
KEPT = 300.0  # seconds an endpoint's window is remembered
TURNS = 20  # batches of the log before deliveries are looked at again

# What the engine asks is looked up by key. A plan made while a table was empty must not go on
# reading it from end to end when it has grown
BY_KEY = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"


async def connect() -> psycopg.AsyncConnection[Any]:
    """A connection of the engine's own, in autocommit; transactions are explicit."""
    given = parameters()
    given["options"] = f"{given.get('options', '')} {BY_KEY}".strip()
    return await psycopg.AsyncConnection.connect(
        **given, autocommit=True, connect_timeout=5, prepare_threshold=3
    )


def _settle(window: float = clock.WINDOW) -> None:
    """See to the clock, in a thread of the loop's, which keeps no connection for it."""
    try:
        clock.settle(window)
    finally:
        connections["default"].close()


class Engine:
    """Posts what is due. `start` returns at once; `stop` waits for what is under way."""

    def __init__(self, *, broken: Callable[[], None] = lambda: None) -> None:
        """`broken` is called, from the engine's thread, when it has ended without having been told to:
        the process is of no more use.
        """
        self._broken = broken
        self._lease = uuid.uuid4()
        self._seconds = float(settings.LEASE_SECONDS)
        self._scale: float = settings.RETRY_SCALE
        self._lanes: dict[int, Lane] = {}
        self._seen: dict[int, float] = {}
        self._posts: set[asyncio.Task[None]] = set()
        self._jobs: dict[uuid.UUID, Job] = {}
        self._tried: list[Tried] = []
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event: asyncio.Event | None = None
        self._stopping = self._told_to_stop = False
        self._wanted, self._read_at = False, 0.0
        self._after = 0
        self._watch = Watch()  # of the database's clock, from look to look

    def start(self) -> None:
        """Run in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Lease no more, let posts end, write them down; blocks for GRACE at most."""
        self._stopping = self._told_to_stop = True
        loop, event = self._loop, self._event
        if loop is not None and event is not None and not loop.is_closed():
            loop.call_soon_threadsafe(event.set)
        if self._thread is not None:
            self._thread.join(GRACE + 4)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self.main())
        except Exception:  # whatever it was: the process must end, not look well without an engine
            logger.critical("the webhook engine failed", exc_info=True)
        if not self._told_to_stop:
            self._broken()

    async def main(self) -> None:
        """Work until stopped, over a connection that is made anew when it fails."""
        self._loop, self._event = asyncio.get_running_loop(), asyncio.Event()
        postman = Postman()
        beat = asyncio.create_task(self._heartbeat())
        beat.add_done_callback(self._ended)
        logger.info("webhook engine ready")
        try:
            while not self._stopping:
                try:
                    async with await connect() as connection:
                        await asyncio.to_thread(_settle)
                        self._watch.forget()
                        while not self._stopping:
                            await self._turn(connection, postman)
                except (psycopg.Error, Error, OSError) as err:
                    logger.warning("webhooks are not read or written: %s", err)
                    await asyncio.sleep(RECONNECT)
        finally:
            await self._finish()
            beat.cancel()
            await postman.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Without its heartbeat the engine only seems to live: it ends, so that another is started."""
        if self._stopping or task.cancelled():
            return
        logger.critical("%s has ended: so does the engine", task, exc_info=task.exception())
        self._stopping = True
        if self._event is not None:
            self._event.set()

    async def _turn(self, connection: psycopg.AsyncConnection[Any], postman: Postman) -> None:
        assert self._event is not None  # noqa: S101 — set before this runs
        self._event.clear()
        began = time.monotonic()
        if began - self._read_at >= READ:
            self._wanted, self._read_at = await self._collect(connection), began
        await self._flush(connection)
        if self._wanted or self._jobs:
            await self._claim(connection, postman)
        try:
            async with asyncio.timeout(BUSY_LOOK if self._wanted or self._jobs else LOOK):
                await self._event.wait()
        except TimeoutError:
            return
        await asyncio.sleep(max(0.0, SPACING - (time.monotonic() - began)))

    async def _collect(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        """Read on in the log; whether anybody has an endpoint."""
        for _turn in range(TURNS):
            turn = await outbox.advance(connection)
            if not turn.more:
                break
        if turn.wanted:
            await outbox.replay(connection)
        return turn.wanted

    async def _claim(self, connection: psycopg.AsyncConnection[Any], postman: Postman) -> None:
        """Lease what is due, as far as there is room, and begin to post it."""
        now = time.monotonic()
        await self._refresh(connection)
        wanted: list[tuple[Target, int]] = []
        room = settings.WEBHOOK_CONNECTIONS * 2 - len(self._jobs)
        here, until = steady_seconds(), self._watch.until
        walk = await deliveries.targets(connection, after=self._after, until=until)
        if self._watch.saw(walk.at, here):
            await self._put_right()
            return
        self._after = walk.follows
        for target in walk.found:
            lane = self._lane(target, now)
            most = min(lane.room(now), room)
            if most > 0:
                wanted.append((target, most))
                room -= most
        if wanted:
            jobs = await deliveries.claim(
                connection,
                wanted,
                lease=self._lease,
                seconds=self._seconds,
                until=self._watch.until,
            )
            postman.keep(self._jobs)
            await postman.write(connection, jobs)
            for job in jobs:
                self._jobs[job.id] = job
                self._lanes[job.endpoint_id].add([job])
        for lane in self._lanes.values():
            self._pump(lane, postman)

    async def _put_right(self) -> None:
        """The database's clock was set: nothing is due by that."""
        await asyncio.to_thread(_settle, self._watch.since)
        self._watch.forget()

    async def _refresh(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """What waits here for an endpoint that was changed goes by the change; or back, where it is
        off now, gets only probes, or has become slow.
        """
        waiting = [key for key, lane in self._lanes.items() if lane.waiting]
        if not waiting:
            return
        current = await deliveries.current(connection, waiting)
        back: list[Job] = []
        for key in waiting:
            lane = self._lanes[key]
            if key in current:
                lane.use(current[key])
                back += lane.shed()
            else:
                back += lane.waiting
                lane.waiting.clear()
        if back:
            await deliveries.release(connection, back, lease=self._lease)
            for job in back:
                self._jobs.pop(job.id, None)

    def _lane(self, target: Target, now: float) -> Lane:
        lane = self._lanes.get(target.id)
        if lane is None:
            most, rate = settings.WEBHOOK_PARALLEL, settings.WEBHOOK_RATE
            lane = self._lanes[target.id] = Lane(target, most, rate, now)
        lane.use(target)
        self._seen[target.id] = now
        for old in [key for key, at in self._seen.items() if now - at > KEPT]:
            if self._lanes[old].idle:
                del self._lanes[old], self._seen[old]
        return lane

    def _pump(self, lane: Lane, postman: Postman) -> None:
        while len(self._posts) < settings.WEBHOOK_CONNECTIONS and (job := lane.take()):
            task = asyncio.create_task(self._post(lane, job, postman))
            self._posts.add(task)
            task.add_done_callback(self._posts.discard)

    async def _post(self, lane: Lane, job: Job, postman: Postman) -> None:
        began = time.perf_counter()
        try:
            tried = await postman.post(lane.target, job)
        except Exception:  # one post's failure must not keep its place in the lane, nor the job
            logger.exception("a post to webhook %d failed", lane.target.id)
            took = int((time.perf_counter() - began) * 1000)
            tried = Tried(job, BROKEN, 0, 0, datetime.now(UTC), took)
        lane.done(took=tried.took, seconds=tried.milliseconds / 1000)
        self._jobs.pop(job.id, None)
        self._tried.append(tried)
        if not self._stopping and not lane.target.probing:
            self._pump(lane, postman)
        if self._event is not None:
            self._event.set()

    async def _flush(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Write how posts went. On an error they are kept, and written the next time."""
        tried = self._tried[:500]
        if not tried:
            return
        targets = {key: lane.target for key, lane in self._lanes.items()}
        kept = await deliveries.settle(
            connection, tried, lease=self._lease, scale=self._scale, targets=targets
        )
        del self._tried[: len(tried)]
        if kept < len(tried):
            logger.warning("%d posts had lost their lease", len(tried) - kept)

    async def _heartbeat(self) -> None:
        """Renew the leases of what this process holds, over a connection of its own."""
        while True:
            await asyncio.sleep(self._seconds / 3)
            jobs = list(self._jobs.values()) + [one.job for one in self._tried]
            if not jobs:
                continue
            try:
                async with await connect() as connection:
                    held = await deliveries.renew(
                        connection, jobs, lease=self._lease, seconds=self._seconds
                    )
            except (psycopg.Error, OSError) as err:
                logger.warning("leases of webhooks not renewed: %s", err)
                continue
            for lane in self._lanes.values():
                for lost in [job for job in lane.waiting if job.id not in held and job in jobs]:
                    lane.waiting.remove(lost)  # another process has it now
                    self._jobs.pop(lost.id, None)

    async def _finish(self) -> None:
        """Give back what has not begun; let the rest come to its end, and write it down."""
        waiting = [job for lane in self._lanes.values() for job in lane.waiting]
        for lane in self._lanes.values():
            lane.waiting.clear()
        if self._posts:
            await asyncio.wait(list(self._posts), timeout=GRACE)
        try:
            async with await connect() as connection:
                while self._tried:
                    await self._flush(connection)
                await deliveries.release(connection, waiting, lease=self._lease)
        except (psycopg.Error, OSError) as err:
            logger.warning("webhooks not given back, their leases will run out: %s", err)
