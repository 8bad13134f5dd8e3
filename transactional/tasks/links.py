"""Asks what the links of an email lead to, apart from every page; forgets old answers."""

import logging

from celery import shared_task

from transactional.compose import link_probes
from transactional.models import Email

logger = logging.getLogger(__name__)


@shared_task(name="transactional.ask_links")
def ask_links(email_id: int) -> None:
    """Ask the links of an email that are due. Run again, it asks only what is still due."""
    email = Email.objects.filter(pk=email_id).first()
    if email is not None:
        asked = link_probes.ask(email)
        if asked:
            logger.info("%d links of email %d were asked", asked, email_id)


@shared_task(name="transactional.forget_links")
def forget_links() -> None:
    """Remove answers that nobody has asked about for long."""
    gone = link_probes.forget()
    if gone:
        logger.info("%d answers of links were removed", gone)
