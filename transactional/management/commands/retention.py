"""`manage.py retention`: what of the log is past its time, and its removal at once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from transactional import retention
from transactional.models import LogState, partitions


class Command(BaseCommand):
    """retention [--dry-run]."""

    help = "Remove mail that is past its time, as the hourly task does; --dry-run only tells."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Only to tell, or to do."""
        parser.add_argument("--dry-run", action="store_true", help="Tell what would go.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell the state of the log, then what goes or went."""
        now = timezone.now()
        self._state()
        if options["dry_run"]:
            found = retention.old(now)
            for one in found:
                why = f"stays, {one.waits_for} needs it" if one.waits_for else "would go"
                self.stdout.write(f"{one.partition.name}: {why}")
            if not found:
                self.stdout.write("No partition is past its time.")
            return
        done = retention.run(now)
        for name in done.partitions:
            self.stdout.write(f"{name}: gone")
        self.stdout.write(
            f"{len(done.partitions)} partitions, {done.strays} rows outside of partitions, "
            f"{done.messages} messages and {done.bodies} contents of accounts that keep less, "
            f"{done.sends} rows of finished sends, {done.sessions} sessions, {done.send_ids} sendIds are gone."
        )

    def _state(self) -> None:
        kept = retention.days()
        self.stdout.write(
            f"Days kept (0: for ever): content {kept.bodies}, messages {kept.messages}, "
            f"events {kept.events}."
        )
        told = {one.table: one for one in LogState.objects.all()}
        for table in partitions.TABLES:
            own = [one for one in partitions.listing() if one.table == table]
            oldest = f"{own[0].low:%Y-%m-%d}" if own else "none"
            newest = f"{own[-1].high:%Y-%m-%d}" if own else "none"
            seen = told.get(table)
            looked = f"{seen.looked_at:%Y-%m-%d %H:%M}" if seen and seen.looked_at else "never"
            self.stdout.write(
                f"{table}: {len(own)} partitions, from {oldest} until {newest}; "
                f"last looked at: {looked}"
            )
