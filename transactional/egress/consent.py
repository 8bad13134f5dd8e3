"""The only place where mail that has waited in the queue is asked about again before a try.

The door has asked whether an address may be mailed; what a bounce, a complaint, a reader or a member
has said since must count for mail that still waits (`transactional/mailable.py`). One question for all
that a claim brings, in the thread where the database may be asked; mail that the door let in a moment
ago is not asked about, and costs nothing.
"""

import asyncio
import uuid
from collections.abc import Mapping
from functools import partial

from django.utils import timezone

from transactional import mailable
from transactional.egress.lookups import Lookups
from transactional.lifecycle import WAITING
from transactional.mailable import Bar, Copy
from transactional.queue import Job

# Seconds since the door asked in which its answer stands. As long as a message that is under way takes
# anyway, and either way: the door goes by its machine's clock, the claim by the database's
DOOR = 5.0


def has_waited(job: Job) -> bool:
    """Whether the door's answer is an old one: the job was tried, put off, parked or paused before, or
    what stood in front of it took long. What will not be sent in any case is not asked about.
    """
    if job.status not in WAITING:
        return False
    if job.attempt or job.resent or job.parked:
        return True
    claimed = job.claimed_at or timezone.now()
    return abs((claimed - job.created_at).total_seconds()) > DOOR


class Consent:
    """Asks for the jobs of one engine, for all at once that come in the same turn of its loop."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._waiting: list[Copy] = []
        self._asked: asyncio.Task[Mapping[uuid.UUID, Bar]] | None = None

    async def bar(self, job: Job) -> Bar | None:
        """What keeps a job that has waited from being sent; None: nothing. Raises what the database
        raises: then nothing is sent.
        """
        self._waiting.append(Copy(job.id, job.account_id, job.address, job.kind, job.version_id))
        if self._asked is None:
            self._asked = asyncio.create_task(self._ask())  # begins behind the jobs of this turn
        found = await asyncio.shield(self._asked)  # one that is hung up on must not stop the others
        return found.get(job.id)

    async def _ask(self) -> Mapping[uuid.UUID, Bar]:
        copies, self._waiting, self._asked = self._waiting, [], None
        return await self._lookups.do(partial(mailable.stopped, copies))
