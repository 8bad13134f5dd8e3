"""The only place that keeps a message from ending one delivery process after another.

Building a copy runs inside the process: a very large message can exhaust its memory, a template can
break the engine below Python. So before a copy that could, its row is told; a row whose process
died that way too often is held, and the mail around it goes on.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

from transactional import queue
from transactional.queue import Job

logger = logging.getLogger(__name__)

LARGE = 1024 * 1024  # octets of a submitted message from which it is told
LIMIT = 3  # processes that one message may end
KNOWN = 5000  # versions remembered, so that a process does not grow for ever
HELD_REPLY = "554 5.3.0 Held: each time this message was built, the delivery process ended."

Connect = Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]


class Poison:
    """The guard of one engine."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._built: set[int] = set()

    def is_held(self, job: Job) -> bool:
        """Whether the message has ended enough processes."""
        return job.crashes >= LIMIT

    async def tell(self, job: Job) -> bool:
        """Make it durable that a risky copy is about to be built; False where the lease was lost.

        Most copies are not risky and cost nothing: a version that this process has built before,
        a message of ordinary size.
        """
        if not self._is_risky(job):
            return True
        return await self._count(job)

    async def failed(self, job: Job) -> None:
        """Count a failure of our own that nobody foresaw: the same message may bring it again."""
        try:
            await self._count(job)
        except (psycopg.Error, OSError) as err:
            logger.warning("recipient %s: failure not counted: %s", job.id, err)

    def survived(self, job: Job) -> None:
        """The copy was built, or refused to be: its version is harmless."""
        if job.version_id is not None:
            if len(self._built) > KNOWN:
                self._built.clear()
            self._built.add(job.version_id)

    async def _count(self, job: Job) -> bool:
        async with await self._connect() as connection:
            cursor = await connection.execute(queue.BUILDING, {"id": job.id, "lease": job.lease})
            return cursor.rowcount == 1

    def _is_risky(self, job: Job) -> bool:
        if job.version_id is not None:
            return job.version_id not in self._built
        return len(job.raw or b"") > LARGE
