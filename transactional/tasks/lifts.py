"""The rest of the mail that waits for a lifted rule: more than one statement brings forward, and what
was parked in the moment before the last worker had heard of it."""

import logging

from celery import shared_task

from transactional.egress import lifts
from transactional.queue import parking

logger = logging.getLogger(__name__)
AFTER = 3.0  # seconds behind a lift: by then nobody parks for it any more


@shared_task(name="transactional.bring_back")
def bring_back(rule: str, site: str, spacing: float, whys: list[str], behind: int) -> None:
    """Bring forward what waits still, batch by batch, behind so many that were before."""
    lifted = lifts.Lifted(rule, site, spacing, tuple(whys))
    found = lifts.bring_back(lifted, behind=behind)
    if found:
        logger.info("%s: %d more messages come, since %s was lifted", site, found, rule)
    if found >= parking.FORWARD:
        bring_back.delay(rule, site, spacing, whys, behind + found)
