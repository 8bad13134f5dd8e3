"""`manage.py inboundd`: the SMTP server of return-paths, in the foreground."""

from typing import Any

from django.core.management.base import BaseCommand

from config import pulse
from config.database import bound_waits
from transactional import listener
from transactional.inbound import server


class Command(BaseCommand):
    """Serves until SIGTERM or SIGINT."""

    help = "Take bounces and complaints that come back, on INBOUND_PORT."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to stop."""
        bound_waits(statement_seconds=10)
        pulse.start("inbound")
        listener.run(server.serve)
