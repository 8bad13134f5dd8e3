"""`manage.py rollup`: fold new events now, or count everything anew from the event log."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from analytics import rollup


class Command(BaseCommand):
    help = "Fold new events into the numbers, or rebuild every number from the event log."

    def add_arguments(self, parser: CommandParser) -> None:
        """One word says which."""
        parser.add_argument(
            "action",
            choices=["fold", "rebuild"],
            help="fold: count new events; rebuild: count all of them anew.",
        )

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        """Count, and say how many events were read."""
        if action == "rebuild":
            read = rollup.rebuild()
        else:
            read = 0
            while batch := rollup.fold():
                read += batch
        self.stdout.write(f"{read} events counted.")
