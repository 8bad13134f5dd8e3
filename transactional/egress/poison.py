"""The only place that keeps a message from ending one delivery process after another.

Building a copy runs inside the process: a very large message can exhaust its memory, a template can
break the engine below Python. So before a copy that could, its row is told; a row whose process
died that way too often is held, and the mail around it goes on.

Only a death in the middle of a build counts: as soon as the copy is built and on its way, the row is told
so. And one such copy is built at a time, so that a death has one suspect. A process that is stopped, or
killed for another's fault, while a message waits for its receiver says nothing about that message.

For every other copy the process leaves a note where it survives its death (`last_words.py`), and the next process on
this machine counts it: from then on that message is risky too.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg

from config.errors import PostinoError
from transactional import queue
from transactional.egress.last_words import LastWords, of_the_dead
from transactional.queue import Job
from transactional.wire.header import HeaderError
from transactional.wire.mime import MimeError

logger = logging.getLogger(__name__)

LARGE = 1024 * 1024  # octets of a submitted message from which it is told
LIMIT = 3  # processes that one message may end
KNOWN = 5000  # versions remembered, so that a process does not grow for ever
HELD_REPLY = "554 5.3.0 Held: each time this message was built, the delivery process ended."

Connect = Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]


async def recall(connection: psycopg.AsyncConnection[Any], folder: Path) -> None:
    """Count the copies that processes of this machine died of, or beside. Raises psycopg.Error. A note that cannot
    be removed is logged: it keeps nobody from the queue, and is counted again by the next process.
    """
    try:
        with of_the_dead(folder) as recipients:
            if recipients:
                logger.warning("died while this was built: %s", ", ".join(map(str, recipients)))
                await connection.execute(queue.DIED, {"ids": recipients})
    except OSError as err:
        logger.warning("what dead processes built stays noted: %s", err)


class LeaseLost(Exception):
    """The job's row is not this engine's any more: nothing is built."""


class Poison:
    """The guard of one engine."""

    def __init__(self, connect: Connect, folder: Path) -> None:
        """`folder`: where the processes of this machine leave their last words."""
        self._connect = connect
        self.words = LastWords(folder)
        self._built: set[int] = set()
        self._one = asyncio.Lock()
        self._clearing: set[asyncio.Task[None]] = set()

    def is_held(self, job: Job) -> bool:
        """Whether the message has ended enough processes."""
        return job.crashes >= LIMIT

    def is_risky(self, job: Job) -> bool:
        """Whether building its copy could end the process. Most could not, and cost nothing: a version
        that this process has built before, a message of ordinary size.
        """
        if job.crashes > 0:
            return True
        if job.version_id is not None:
            return job.version_id not in self._built
        return len(job.raw or b"") > LARGE

    @asynccontextmanager
    async def building(self, job: Job) -> AsyncIterator[None]:
        """Around the build of a risky copy: meanwhile its row says so. Raises LeaseLost."""
        await self._one.acquire()
        told = False
        try:
            if self.is_risky(job):  # or else another copy of its version was built meanwhile
                if not await self._write(queue.BUILDING, job):
                    raise LeaseLost
                told = True
            try:
                yield
            except (PostinoError, MimeError, HeaderError):
                self._survived(job)  # refused to be built, and harmless
                raise
            self._survived(job)
        finally:
            if told:
                # Begun when this copy has said its first words: what is done at once with all of its
                # octets (dots doubled) is part of the risk
                clearing = asyncio.create_task(self._clear(job))
                self._clearing.add(clearing)
                clearing.add_done_callback(self._clearing.discard)
            else:
                self._one.release()

    def close(self) -> None:
        """The process ends as it should: it leaves no note."""
        self.words.close()

    async def failed(self, job: Job) -> None:
        """Count a failure of our own that nobody foresaw: the same message may bring it again."""
        try:
            await self._write(queue.BUILDING, job)
        except (psycopg.Error, OSError) as err:
            logger.warning("recipient %s: failure not counted: %s", job.id, err)

    def _survived(self, job: Job) -> None:
        """The copy was built: its version is harmless."""
        if job.version_id is not None:
            if len(self._built) > KNOWN:
                self._built.clear()
            self._built.add(job.version_id)

    async def _clear(self, job: Job) -> None:
        """The process has outlived the build, however it ended."""
        try:
            await self._write(queue.BUILT, job)
        except (psycopg.Error, OSError) as err:
            logger.warning("recipient %s: what was built stays counted: %s", job.id, err)
        finally:
            self._one.release()

    async def _write(self, statement: str, job: Job) -> bool:
        async with await self._connect() as connection:
            cursor = await connection.execute(statement, {"id": job.id, "lease": job.lease})
            return cursor.rowcount == 1
