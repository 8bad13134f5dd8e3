"""One delivery posted: what it says, its signatures, the POST, how that went."""

import ipaddress
import logging
import time
import uuid
from collections.abc import Container, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import psycopg
from django.conf import settings

from analytics.models.webhooks import PURPOSE, context
from analytics.webhooks import payload, signature
from analytics.webhooks.deliveries import LOST, SEALED, Job, Target, Tried
from config import sealing
from config.ids import uuid7_time
from config.post import Poster
from domains import dns

logger = logging.getLogger(__name__)
AGENT = "Postino-Webhooks/1"


class Postman:
    """Posts for one engine; keeps what is to be said of the jobs it was given."""

    def __init__(self) -> None:
        self._bodies: dict[uuid.UUID, bytes] = {}
        self._poster = make_poster()

    async def close(self) -> None:
        """Close every connection."""
        await self._poster.close()

    def keep(self, held: Container[uuid.UUID]) -> None:
        """Forget what was to be said of jobs that were given back, or lost to another process."""
        for key in [key for key in self._bodies if key not in held]:
            del self._bodies[key]

    async def write(self, connection: psycopg.AsyncConnection[Any], jobs: Sequence[Job]) -> None:
        """Make what is posted of many jobs, in one query."""
        ids = {job.event_id for job in jobs if not job.sample}
        found = await payload.bodies(connection, list(ids)) if ids else {}
        for job in jobs:
            if job.sample:
                at = uuid7_time(job.event_id)
                self._bodies[job.id] = payload.sample(job.account_id, job.event_id, job.type, at)
            elif job.event_id in found:
                self._bodies[job.id] = found[job.event_id]

    async def post(self, target: Target, job: Job) -> Tried:
        """POST it, once. Never raises for what a server or a stored row does."""
        body = self._bodies.pop(job.id, None)
        at, began = datetime.now(UTC), time.perf_counter()
        if body is None:
            return Tried(job, LOST, 0, 0, at, 0)
        try:
            keys = _keys(target, at)
        except sealing.Unreadable as err:
            logger.error("the secret of webhook %d cannot be read: %s", target.id, err)
            return Tried(job, SEALED, 0, 0, at, 0)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": AGENT,
            **signature.headers(str(job.event_id), int(at.timestamp()), body, keys),
        }
        posted = await self._poster.post(
            target.url, body, headers, seconds=settings.WEBHOOK_SECONDS
        )
        milliseconds = int((time.perf_counter() - began) * 1000)
        return Tried(job, posted.outcome, posted.status, posted.wait, at, milliseconds)


def make_poster() -> Poster:
    """A poster under the installation's rules about where endpoints may be."""
    return Poster(
        resolve=dns.host_addresses,
        allowed=[ipaddress.ip_network(net) for net in settings.WEBHOOK_PRIVATE_NETS],
        ports=frozenset(settings.WEBHOOK_PORTS),
        connections=settings.WEBHOOK_CONNECTIONS,
    )


def _keys(target: Target, now: datetime) -> list[str]:
    """The secrets that sign now: the present one first, then the one of before while it lasts."""
    keys = [_unsealed(target.id, bytes(target.secret))]
    if target.old_secret_until is not None and target.old_secret_until > now:
        keys.append(_unsealed(target.id, bytes(target.old_secret)))
    return keys


@lru_cache(maxsize=2000)
def _unsealed(endpoint_id: int, sealed: bytes) -> str:
    return sealing.unseal(sealed, purpose=PURPOSE, context=context(endpoint_id)).decode()
