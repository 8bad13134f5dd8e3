"""Final-dot markers and outcomes of all sessions, written together: one commit for many.

Alone, a message is written at once; under load, what comes within PAUSE shares a transaction.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import psycopg

from transactional import lifecycle
from transactional.lifecycle import Outcome
from transactional.queue import Job

logger = logging.getLogger(__name__)

PAUSE = 0.02  # seconds
GROUP = 100  # markers and outcomes that are written without waiting for more
QUIET = 2  # sessions under way up to which nothing is gained by waiting
RETRY = 0.5  # seconds between attempts while the database is away

Connect = Callable[[], Any]


class Flusher:
    """Collects and writes. `mark` answers whether the final dot may be sent."""

    def __init__(self, connect: Connect, busy: Callable[[], int]) -> None:
        self._connect = connect
        self._busy = busy
        self._marks: list[tuple[Job, asyncio.Future[bool]]] = []
        self._outcomes: list[tuple[Outcome, asyncio.Future[bool]]] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self.refused = 0  # outcomes that came after their lease was lost

    def mark(self, job: Job) -> asyncio.Future[bool]:
        """Make the marker durable; False when the lease is lost or the database is away."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._marks.append((job, future))
        self._wake.set()
        return future

    async def finish(self, outcome: Outcome) -> bool:
        """Write an outcome; waits until it is durable. False: refused, the lease was lost."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._outcomes.append((outcome, future))
        self._wake.set()
        return await future

    async def run(self) -> None:
        """Write until `stop`, and then what is left."""
        connection: psycopg.AsyncConnection[Any] | None = None
        while not (self._stopping and not self._marks and not self._outcomes):
            await self._wake.wait()
            if self._busy() > QUIET and len(self._marks) + len(self._outcomes) < GROUP:
                await asyncio.sleep(PAUSE)
            self._wake.clear()
            marks, self._marks = self._marks, []
            outcomes, self._outcomes = self._outcomes, []
            if not marks and not outcomes:
                continue
            try:
                connection = connection or await self._connect()
                await self._write(connection, marks, outcomes)
            except (psycopg.DataError, psycopg.IntegrityError) as err:
                await self._one_by_one(connection, outcomes, err)
                self._put_back(marks, [])
            except (psycopg.Error, OSError) as err:
                logger.warning("outcomes not written yet: %s", err)
                if connection is not None:
                    await connection.close()
                connection = None
                self._put_back(marks, outcomes)
                await asyncio.sleep(RETRY)
        if connection is not None:
            await connection.close()

    async def _one_by_one(
        self,
        connection: psycopg.AsyncConnection[Any] | None,
        outcomes: list[tuple[Outcome, asyncio.Future[bool]]],
        why: psycopg.Error,
    ) -> None:
        """One outcome that the database cannot store must not keep the others from it."""
        logger.error("a batch of outcomes was refused: %s", why)
        for pair in outcomes:
            try:
                if connection is not None:
                    await self._write(connection, [], [pair])
            except (psycopg.DataError, psycopg.IntegrityError):
                logger.exception("recipient %s: its outcome cannot be stored", pair[0].job.id)
                pair[1].set_result(False)

    async def _write(
        self,
        connection: psycopg.AsyncConnection[Any],
        marks: list[tuple[Job, asyncio.Future[bool]]],
        outcomes: list[tuple[Outcome, asyncio.Future[bool]]],
    ) -> None:
        marked, kept = await lifecycle.flush(
            connection,
            marks=[job for job, _ in marks],
            outcomes=[outcome for outcome, _ in outcomes],
        )
        for job, future in marks:
            if not future.done():
                future.set_result(job.id in marked)
        for outcome, future in outcomes:
            taken = outcome.job.id in kept
            if not taken:
                self.refused += 1
                logger.warning("recipient %s: late outcome refused", outcome.job.id)
            if not future.done():
                future.set_result(taken)

    def _put_back(
        self,
        marks: list[tuple[Job, asyncio.Future[bool]]],
        outcomes: list[tuple[Outcome, asyncio.Future[bool]]],
    ) -> None:
        """No marker, no dot; outcomes are kept until they can be written."""
        for _, future in marks:
            if not future.done():
                future.set_result(False)
        self._outcomes = outcomes + self._outcomes
        self._wake.set()

    def stop(self) -> None:
        """Write what is left and end."""
        self._stopping = True
        self._wake.set()
