"""`manage.py domain check NAME`: what the domain page shows, on the terminal."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from domains.checks import check_domain
from domains.findings import OK
from domains.models import Domain


class Command(BaseCommand):
    """Checks now and writes the result down, as the page's button does."""

    help = "Check a sending domain's DNS now and say what to do."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """domain check NAME [--account N]."""
        parser.add_argument("action", choices=["check"], help="What to do with the domain.")
        parser.add_argument("name", help="The domain, like shop.example.")
        parser.add_argument("--account", type=int, help="Only this account's domain.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line for each record. Fails where a required record is not right."""
        rows = Domain.objects.filter(name=options["name"].lower().rstrip("."))
        if options["account"]:
            rows = rows.of(options["account"])
        found = list(rows.order_by("account_id"))
        if not found:
            raise CommandError(f"No account has connected {options['name']}.")
        passed = True
        for domain in found:
            report = check_domain(domain)
            self.stdout.write(f"{domain.name}, account {domain.account_id}: {domain.state}")
            for finding in report.findings:
                self.stdout.write(f"  {finding.status:8} {finding.purpose:12} {finding.host}")
                if finding.status != OK:
                    self.stdout.write(f"           {finding.sentence}")
            passed = passed and report.passed
        if not passed:
            raise CommandError("Not every required record is right.")
