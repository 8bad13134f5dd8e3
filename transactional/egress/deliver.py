"""Session slots: how many jobs are tried at once, in all and per site, and what became of each."""

import asyncio
import logging
import uuid

from transactional.egress.attempt import Attempts
from transactional.egress.conversation import Conversations
from transactional.egress.flusher import Flusher
from transactional.egress.lookups import Lookups
from transactional.egress.sessions import SessionPool
from transactional.queue import Job

logger = logging.getLogger(__name__)

SITE_SHARE = (
    2  # a site gets at most this part (1/n) of the sessions, so that a slow one starves none
)


class Courier:
    """Carries jobs; one per engine."""

    def __init__(
        self, lookups: Lookups, pool: SessionPool, flusher: Flusher, *, sessions: int
    ) -> None:
        self._attempts = Attempts(lookups, Conversations(pool, flusher))
        self._flusher = flusher
        self._all = asyncio.Semaphore(sessions)
        self._per_site = max(1, sessions // SITE_SHARE)
        self._sites: dict[str, asyncio.Semaphore] = {}
        self._begun: set[uuid.UUID] = set()

    def has_begun(self, job: Job) -> bool:
        """Whether the job has a session slot: it is past being given back."""
        return job.id in self._begun

    async def carry(self, job: Job) -> None:
        """Try once and write down what came of it. Never raises, so that one job stops no other."""
        try:
            site = self._sites.setdefault(job.domain, asyncio.Semaphore(self._per_site))
            async with site, self._all:
                self._begun.add(job.id)
                outcome = await self._attempts.make(job)
                if outcome is not None:
                    # Inside the slot: what a kill could send twice is no more than the sessions
                    await self._flusher.finish(outcome)
        except asyncio.CancelledError:
            raise
        except Exception:
            logger.exception("recipient %s: delivery failed unexpectedly", job.id)
        finally:
            self._begun.discard(job.id)
            if len(self._sites) > 5000:
                self._sites = {name: s for name, s in self._sites.items() if s.locked()}
