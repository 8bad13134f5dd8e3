"""`manage.py domain check|keys|rotate|import NAME`: what the domain page does, on the terminal."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.errors import PostinoError
from domains.checks import check_domain
from domains.dkim import importing, rotation
from domains.models import Domain

TURNS = {
    rotation.ROTATED: "signs from now on",
    rotation.NO_NEXT: "waits: the other selector still belongs to a key that retires",
    rotation.NOT_SEEN: "waits: DNS does not have it yet",
    rotation.SETTLING: "waits: resolvers may still keep what was there before",
}


class Command(BaseCommand):
    """Does it now and writes the result down, as the page's buttons do."""

    help = "Check a sending domain's DNS, show, rotate or import its DKIM keys."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """domain ACTION NAME [--account N] [--selector S --key FILE]."""
        actions = ["check", "keys", "rotate", "import"]
        parser.add_argument("action", choices=actions, help="What to do with the domain.")
        parser.add_argument("name", help="The domain, like shop.example.")
        parser.add_argument("--account", type=int, help="Only this account's domain.")
        parser.add_argument("--selector", help="Of the key to import.")
        parser.add_argument("--key", help="File of the private key to import; - is stdin.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what came of it. Fails where a required record is not right."""
        rows = Domain.objects.filter(name=options["name"].lower().rstrip("."))
        if options["account"]:
            rows = rows.of(options["account"])
        found = list(rows.order_by("account_id"))
        if not found:
            raise CommandError(f"No account has connected {options['name']}.")
        if options["action"] == "import":
            return self._import(found, options)
        actions = {"check": self._check, "keys": self._keys, "rotate": self._rotate}
        # Each of them is done, whatever comes of the others
        passed = [actions[options["action"]](domain) for domain in found]
        if not all(passed):
            raise CommandError("Not every required record is right.")

    def _check(self, domain: Domain) -> bool:
        """One line for each record."""
        report = check_domain(domain)
        self.stdout.write(f"{domain.name}, account {domain.account_id}: {domain.state}")
        for finding in report.findings:
            self.stdout.write(f"  {finding.status:8} {finding.purpose:12} {finding.host}")
            if finding.sentence:
                self.stdout.write(f"           {finding.sentence}")
        return report.passed

    def _keys(self, domain: Domain) -> bool:
        """One line for each key, and when the next rotation is due."""
        due = rotation.due_at(domain)
        when = f"next rotation {due:%Y-%m-%d}" if due else "no rotation by schedule"
        self.stdout.write(f"{domain.name}, account {domain.account_id}: {when}")
        for key in domain.dkim_keys.order_by("-pk"):
            since = getattr(key, f"{key.state}_at", None) or key.created_at
            kind = f"{key.algorithm}-{key.bits}" if key.algorithm == "rsa" else key.algorithm
            line = f"  {key.state:8} {kind:9} {key.selector:12} since {since:%Y-%m-%d %H:%M} UTC"
            self.stdout.write(line)
        return True

    def _rotate(self, domain: Domain) -> bool:
        """Rotate now where the next key may sign; otherwise it follows by itself."""
        check_domain(domain)
        rotation.ask(domain)
        self.stdout.write(f"{domain.name}, account {domain.account_id}:")
        for turn in rotation.tend(domain):
            until = f" (until {turn.until:%Y-%m-%d %H:%M} UTC)" if turn.until else ""
            self.stdout.write(f"  {turn.algorithm:8} {turn.selector:12} {TURNS[turn.code]}{until}")
        return True

    def _import(self, found: list[Domain], options: dict[str, Any]) -> None:
        """Take in a private key, of one account's domain."""
        if not options["selector"] or not options["key"]:
            raise CommandError("Name the key: --selector mail2026 --key mail2026.private")
        if len(found) > 1:
            raise CommandError("Several accounts have this domain: choose one by --account.")
        try:
            source = options["key"]
            text = sys.stdin.read() if source == "-" else Path(source).read_text()
            key = importing.import_key(found[0], selector=options["selector"], text=text)
        except OSError as err:
            raise CommandError(f"{options['key']} cannot be read: {err.strerror}.") from err
        except UnicodeDecodeError as err:
            raise CommandError(f"{options['key']} is not text; export the key as PEM.") from err
        except PostinoError as err:
            raise CommandError(err.refusal.message) from err
        self.stdout.write(f"{key.selector}: imported, {key.get_state_display()}.")
