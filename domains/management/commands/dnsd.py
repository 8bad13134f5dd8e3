"""`manage.py dnsd`: authoritative DNS for the operator's zone, in the foreground."""

import asyncio
import logging
import signal
from typing import Any

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import pulse
from domains import hosted
from domains.zone.rows import Rows
from domains.zone.server import Listening, open_server

logger = logging.getLogger(__name__)
TOLD = 60.0  # seconds between two lines of counts


class Command(BaseCommand):
    """Serves until SIGTERM or SIGINT."""

    help = "Answer DNS for DNSD_ZONE: keys, return paths and tracking hosts by CNAME or NS."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to stop. Raises CommandError where there is no zone, or no port."""
        if not hosted.zone():
            raise CommandError("DNSD_ZONE is not set: name the zone, like dns.example.")
        try:
            pulse.start("dns")
            uvloop.run(serve())
        except OSError as err:
            raise CommandError(
                f"{settings.DNSD_BIND} port {settings.DNSD_PORT}: {err.strerror or err}. "
                "Set DNSD_BIND and DNSD_PORT; port 53 needs root or CAP_NET_BIND_SERVICE."
            ) from err


async def serve() -> None:
    """Answer from the database until a signal comes. Raises OSError where the port is taken."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    rows = Rows()
    await rows.look()
    following = asyncio.create_task(rows.follow())
    listening = await open_server(
        settings.DNSD_BIND, settings.DNSD_PORT, rows, rate=settings.DNSD_RATE
    )
    place = f"{settings.DNSD_BIND} port {listening.port}"
    logger.info("dnsd answers for %s on %s", hosted.zone(), place)
    counting = asyncio.create_task(_tell(listening, rows))
    try:
        await told.wait()
    finally:
        following.cancel()
        counting.cancel()
        listening.close()


async def _tell(listening: Listening, rows: Rows) -> None:
    """A line of counts each minute in which something was asked."""
    before = 0
    while True:
        await asyncio.sleep(TOLD)
        counts = listening.counts
        if counts.total() != before:
            before = counts.total()
            told = " ".join(f"{name}={count}" for name, count in sorted(counts.items()))
            names = len(rows.zone.names) if rows.zone else 0
            logger.info("dnsd names=%d %s", names, told)
