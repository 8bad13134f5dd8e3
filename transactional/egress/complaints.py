"""The only place where marketing mail is kept in the queue since readers reported too much as spam.

A domain's, whichever IP it would leave from; or what would leave from a pool whose IPs are all paused.
Transactional mail asks nothing here. No smarthost is a way round it.
"""

import random
from dataclasses import dataclass

from django.conf import settings

from domains.pools import TRANSACTIONAL
from transactional.complaint_holds import DOMAIN, SOURCES
from transactional.egress.cell import Closed
from transactional.egress.lookups import Lookups
from transactional.queue import Job
from transactional.requeue import SHORT

# Seconds after which it is looked at again, or up to twice as many: a hundred thousand parked at once come back
# at 55 a second. The end of a pause brings them forward; a pool may get another IP before
LOOK, LOOK_FOR_IPS = 1800.0, 300.0


@dataclass(frozen=True, slots=True)
class Waits:
    """A job that goes back to the queue untried: why, the domain or pool it waits for, and whether that
    time is added to its deadline.
    """

    job: Job
    closed: Closed
    key: str
    extends: bool


async def of_domain(lookups: Lookups, job: Job) -> Waits | None:
    """Whether a job's From domain keeps it waiting; costs nothing where it is transactional.

    A test, which counts for no campaign, leaves: it shows whoever sends it what they have mended.
    """
    if job.kind == TRANSACTIONAL or job.campaign_id is None:
        return None
    if (job.account_id, job.from_domain) not in await lookups.paused_domains():
        return None
    return _waits(job, DOMAIN, job.from_domain, LOOK)


def of_pool(job: Job, pool_id: int) -> Waits:
    """Marketing mail of a pool whose IPs are all paused."""
    return _waits(job, SOURCES, str(pool_id), LOOK_FOR_IPS)


def _waits(job: Job, code: str, key: str, look: float) -> Waits:
    """What is of use for an hour at most expires as it would; other mail loses no time by waiting here."""
    lifetime = (job.deliver_by - job.created_at).total_seconds()
    wait = max(1.0, look * settings.RETRY_SCALE) * random.uniform(1.0, 2.0)  # noqa: S311 — spreads load only
    return Waits(job, Closed(code, wait, stands=True), key, lifetime > SHORT)
