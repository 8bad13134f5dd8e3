"""`manage.py beat`: Celery's clock of periodic work as `up` starts it; one per installation."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from config.celery import app


class Command(BaseCommand):
    """Sends each periodic task when it is due, until it is told to stop."""

    help = "Start periodic work when it is due; exactly one per installation."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`-s` names the file that remembers when each task was sent last."""
        parser.add_argument("-s", "--schedule", default="celerybeat-schedule", help="its file")

    def handle(self, *args: Any, schedule: str, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        app.Beat(schedule=schedule, loglevel="WARNING", quiet=True).run()
