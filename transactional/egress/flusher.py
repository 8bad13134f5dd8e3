"""Final-dot markers and outcomes of all sessions, written together: one commit for many.

Alone, a message is written at once; under load, what comes within PAUSE shares a transaction, and where much comes,
within LONG. What is not written yet when the process dies is in its journal, so waiting puts nothing in doubt.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg

from transactional import lifecycle
from transactional.lifecycle import Outcome
from transactional.queue import Job

logger = logging.getLogger(__name__)

PAUSE = 0.005  # seconds
LONG = 0.02  # seconds, while each batch brings
MANY = 4  # or more: beyond 200 markers and outcomes a second. A transaction for every few costs more than they do
GROUP = 100  # markers and outcomes that are written without waiting for more
QUIET = 2  # sessions under way up to which nothing is gained by waiting
RETRY = 0.5  # seconds between attempts while the database is away

UNSTORABLE = (psycopg.DataError, psycopg.IntegrityError)

Connect = Callable[[], Any]
T = TypeVar("T")


@dataclass(slots=True)
class _Batch:
    """What one statement writes; each beside the future of whoever waits for it."""

    marks: "list[tuple[Job, asyncio.Future[bool]]]" = field(default_factory=list)
    unmarks: "list[tuple[Job, asyncio.Future[bool]]]" = field(default_factory=list)
    outcomes: "list[tuple[Outcome, asyncio.Future[bool]]]" = field(default_factory=list)
    beyond: set[Job] = field(default_factory=set)  # those of the marks that are for a smarthost

    def __len__(self) -> int:
        return len(self.marks) + len(self.unmarks) + len(self.outcomes)


class Flusher:
    """Collects and writes. `mark` answers whether the final dot may be sent."""

    def __init__(self, connect: Connect, busy: Callable[[], int]) -> None:
        self._connect = connect
        self._busy = busy
        self._next = _Batch()
        self._wake = asyncio.Event()
        self._stopping = False
        self._since: float | None = None  # when the statement under way was given to the database
        self.refused = 0  # outcomes that came after their lease was lost

    def mark(self, job: Job, *, beyond: bool = False) -> asyncio.Future[bool]:
        """Make the marker durable; False when the lease is lost or the database is away.

        `beyond`: the dot is for a smarthost.
        """
        if beyond:
            self._next.beyond.add(job)
        return self._take(self._next.marks, job)

    def unmark(self, job: Job) -> asyncio.Future[bool]:
        """No dot left after all: take the marker back. False: the row is not ours any more, or the
        database is away.
        """
        return self._take(self._next.unmarks, job)

    async def finish(self, outcome: Outcome) -> bool:
        """Write an outcome; waits until it is durable. False: refused, the lease was lost."""
        return await self._take(self._next.outcomes, outcome)

    def _take(self, into: "list[tuple[T, asyncio.Future[bool]]]", what: T) -> asyncio.Future[bool]:
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        into.append((what, future))
        self._wake.set()
        return future

    def writing(self) -> float:
        """For how many seconds the database has been at what is being written; 0: nothing is."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    async def run(self) -> None:
        """Write until `stop`, and then what is left. Whatever fails is tried again."""
        connection: psycopg.AsyncConnection[Any] | None = None
        batch = _Batch()
        while not (self._stopping and not self._next):
            await self._wake.wait()
            if self._busy() > QUIET and len(self._next) < GROUP:
                await asyncio.sleep(LONG if len(batch) >= MANY else PAUSE)
            self._wake.clear()
            batch, self._next = self._next, _Batch()
            if not batch:
                continue
            self._since = time.monotonic()
            try:
                connection = connection or await self._connect()
                await self._write_all(connection, batch)
            except psycopg.errors.DeadlockDetected:
                # The statement was undone whole, and the other's went through: nobody is told of it
                logger.info(
                    "%d markers and outcomes met a deadlock and are written again", len(batch)
                )
                self._again(batch)
            except (psycopg.Error, OSError) as err:
                logger.warning("outcomes not written yet: %s", err)
                if connection is not None:
                    await connection.close()
                connection = None
                self._put_back(batch)
                await asyncio.sleep(RETRY)
            finally:
                self._since = None
        if connection is not None:
            await connection.close()

    async def _write_all(self, connection: psycopg.AsyncConnection[Any], batch: _Batch) -> None:
        """One outcome that the database cannot store must not keep the others from it."""
        try:
            await self._write(connection, batch)
            return
        except Exception as err:  # one value that cannot be written fails in ways of its own
            if _is_of_the_database(err):
                raise
            logger.error("a batch of outcomes was refused: %s", err)
        for pair in batch.outcomes:
            try:
                await self._write(connection, _Batch(outcomes=[pair]))
            except Exception as err:  # as above: it is this one
                if _is_of_the_database(err):
                    raise
                logger.exception("recipient %s: its outcome cannot be stored", pair[0].job.id)
                _answer(pair[1], said=False)
        for _, future in batch.marks + batch.unmarks:
            _answer(future, said=False)

    async def _write(self, connection: psycopg.AsyncConnection[Any], batch: _Batch) -> None:
        marked, kept = await lifecycle.flush(
            connection,
            marks=[job for job, _ in batch.marks],
            unmarks=[job for job, _ in batch.unmarks],
            outcomes=[outcome for outcome, _ in batch.outcomes],
            beyond=batch.beyond,
        )
        for job, future in batch.marks + batch.unmarks:
            _answer(future, said=job.held in marked)
        for outcome, future in batch.outcomes:
            taken = outcome.job.held in kept
            if not taken:
                self.refused += 1
                logger.warning("recipient %s: late outcome refused", outcome.job.id)
            _answer(future, said=taken)

    def _again(self, batch: _Batch) -> None:
        """Write the same once more, beside what has come since; everybody goes on waiting."""
        self._next.marks[:0] = batch.marks
        self._next.unmarks[:0] = batch.unmarks
        self._next.outcomes[:0] = [pair for pair in batch.outcomes if not pair[1].done()]
        self._next.beyond |= batch.beyond
        self._wake.set()

    def _put_back(self, batch: _Batch) -> None:
        """No marker, no dot; outcomes are kept until they can be written."""
        for _, future in batch.marks + batch.unmarks:
            _answer(future, said=False)
        # What was written one by one before the failure has its answer
        left = [p for p in batch.outcomes if p[1].cancelled() or not p[1].done()]
        self._next.outcomes[:0] = left
        self._wake.set()

    def stop(self) -> None:
        """Write what is left and end."""
        self._stopping = True
        self._wake.set()


def _is_of_the_database(err: Exception) -> bool:
    """Whether it is away or unwell, so that the same will do later; else the batch is at fault."""
    return isinstance(err, (psycopg.Error, OSError)) and not isinstance(err, UNSTORABLE)


def _answer(future: asyncio.Future[bool], *, said: bool) -> None:
    if not future.done():
        future.set_result(said)
