"""`manage.py submissiond`: the SMTP submission server, in the foreground."""

from typing import Any

from django.core.management.base import BaseCommand

from config import pulse
from config.database import bound_waits
from transactional import listener
from transactional.submission import server


class Command(BaseCommand):
    """Serves until SIGTERM or SIGINT."""

    help = "Take mail over SMTP: STARTTLS on SMTP_PORT, TLS on SMTPS_PORT."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to stop."""
        bound_waits(statement_seconds=10)
        pulse.start("submission")
        listener.run(server.serve)
