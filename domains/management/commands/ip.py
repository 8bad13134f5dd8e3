"""`manage.py ip check ADDRESS`: what the IP page shows, on the terminal."""

import ipaddress
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from domains import blocklists, why
from domains.findings import OK
from domains.models import EgressSource, Listing
from domains.source_checks import check_source


class Command(BaseCommand):
    """Checks now and writes the result down, as the page's button does."""

    help = "Check a sending IP's DNS and this host's use of it now, and say what to do."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """ip check ADDRESS."""
        parser.add_argument("action", choices=["check"], help="What to do with the IP.")
        parser.add_argument("address", help="The IP, like 203.0.113.7.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line for each property. Fails where one is not right."""
        try:
            address = str(ipaddress.ip_address(options["address"]))
        except ValueError as err:
            raise CommandError(f"{options['address']} is not an IP address.") from err
        source = EgressSource.objects.filter(address=address).first()
        if source is None:
            raise CommandError(f"{address} is not among the sending IPs.")
        report = check_source(source)
        self.stdout.write(f"{source.address} ({source.ehlo_name}): {source.state}")
        for finding in report.findings:
            self.stdout.write(f"  {finding.status:8} {finding.purpose:8} {finding.host}")
            if finding.status != OK:
                self.stdout.write(f"           {finding.sentence}")
        for asked in (
            blocklists.lists_for(blocklists.kind_of(address)) if blocklists.active() else ()
        ):
            said = Listing.objects.filter(subject=address, code=asked.list.code).first()
            state = said.state if said else "not asked"
            words = (said.words or said.why) if said else ""
            self.stdout.write(f"  {state:8} {asked.list.name:24} {words}".rstrip())
        if not source.usable and report.passed:
            raise CommandError(f"Mail does not leave from it: {why.of_source(source)}.")
        if not report.passed:
            raise CommandError("The IP is not ready.")
