"""`manage.py sandboxd`: the sandbox's mail sink, simulated readers and DNS, in the foreground."""

import asyncio
import logging
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from transactional import listener
from transactional.sandbox import dns
from transactional.sandbox.simulators import Simulators
from transactional.sandbox.sink import open_sink

logger = logging.getLogger(__name__)
HOST = "127.0.0.1"


class Command(BaseCommand):
    """Serves until SIGTERM or SIGINT."""

    help = "Run the sandbox: a mail sink with simulated readers, and its DNS."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to stop."""
        listener.run(_serve)


async def _serve(told: asyncio.Event) -> None:
    answering = asyncio.create_task(dns.serve(HOST, settings.SANDBOX_DNS_PORT))
    simulators = Simulators.from_settings()
    simulators.start()
    listeners = listener.Listeners()
    port = await open_sink(listeners, simulators)
    logger.info("the sandbox takes mail on %s:%d", HOST, port)
    waiting = asyncio.create_task(told.wait())
    try:
        await asyncio.wait({answering, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            answering.result()  # raises what stopped it
    finally:
        waiting.cancel()
        answering.cancel()
        await listeners.close()
        await simulators.close()
