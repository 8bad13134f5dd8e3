"""`manage.py suppressions …`: an account's suppressed addresses as CSV, in and out, and undone."""

import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tokens.models import Account
from transactional import suppression_exports, suppression_files, suppression_list, suppression_undo
from transactional.models import SuppressionReason

STDIN = "-"
WRONG = {
    "size": "The file is larger than 4 MB: split it.",
    "text": "The file is not UTF-8 text.",
    "header": "The first line names no columns that are known.",
    "rows": f"The file has more than {suppression_files.ROWS_MAX} rows: split it.",
    "csv": "The file is not a CSV file: a quote is not closed.",
}
RULES = {
    "empty": "Name --since, --domain or --said: this would be the whole list.",
    "window": "--until must be later than --since.",
    "reason": f"--reason must be among {', '.join(SuppressionReason.values)}.",
    "domain": "--domain must be a domain name.",
}
PROBLEMS = {
    "address": "not one email address",
    "reason": "the reason is not known",
    "scope": "the scope is neither all nor marketing",
    "cells": "columns are missing",
    "block": "the receiver refused the sender, not this address",
}


class Command(BaseCommand):
    """suppressions import | export | undo."""

    help = "Import an account's suppressed addresses from CSV, export them, or take many off."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command each."""
        actions = parser.add_subparsers(dest="action", required=True)
        take = actions.add_parser(
            "import",
            help="Add the addresses of a CSV file; ours, SES, SendGrid, Mailgun, Postmark.",
        )
        give = actions.add_parser("export", help="Write the whole list as CSV to standard output.")
        undo = actions.add_parser(
            "undo",
            help="Count the suppressions that fit a window or a rule; take them off with --yes.",
        )
        for one in (take, give, undo):
            one.add_argument("account", type=int, help="The account's number.")
        give.add_argument(
            "--form", choices=sorted(suppression_exports.FORMS), help="As another service takes it."
        )
        undo.add_argument("--since", default="", help="On the list since then: 2026-11-25T18:00Z.")
        undo.add_argument("--until", default="", help="And before then.")
        undo.add_argument("--reason", action="append", default=[], help="Any bounce if not given.")
        undo.add_argument("--domain", default="", help="Addresses at this domain.")
        undo.add_argument("--said", default="", help="Words of the evidence.")
        undo.add_argument("--why", default="", help="Kept in the log; needed with --yes.")
        undo.add_argument("--yes", action="store_true", help="Do it.")
        take.add_argument("file", help="The CSV file; - reads standard input.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError with what to correct."""
        account = Account.objects.filter(pk=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account {options['account']}.")
        if options["action"] == "import":
            self._import(account, options["file"])
        elif options["action"] == "undo":
            self._undo(account, options)
        else:
            self._export(account, options["form"])

    def _import(self, account: Account, file: str) -> None:
        try:
            with sys.stdin.buffer if file == STDIN else Path(file).open("rb") as source:
                read = suppression_files.read(source.read(suppression_files.SIZE_MAX + 1))
        except OSError as err:
            raise CommandError(f"{file}: {err.strerror}") from err
        except suppression_files.FileError as err:
            raise CommandError(WRONG[str(err)]) from err
        name = "standard input" if file == STDIN else Path(file).name
        done = suppression_list.import_read(account.pk, read, name=name, by="manage.py")
        for one in read.problems:
            self.stderr.write(f"line {one.line}: {PROBLEMS[one.code]}")
        self.stdout.write(
            f"Read as {read.form}: {done.new} new, {done.known} known, {read.skipped} left out."
        )

    def _export(self, account: Account, form: str | None) -> None:
        rows = suppression_list.exported(account.pk)
        for piece in (
            suppression_exports.write(rows, form) if form else suppression_files.write(rows)
        ):
            self.stdout.write(piece.decode(), ending="")

    def _undo(self, account: Account, given: dict[str, Any]) -> None:
        try:
            rule = suppression_undo.rule(
                since=_moment(given["since"]),
                until=_moment(given["until"]),
                reasons=given["reason"],
                domain=given["domain"],
                said=given["said"],
            )
        except suppression_undo.RuleError as err:
            raise CommandError(RULES[str(err)]) from err
        if given["yes"] and not given["why"].strip():
            raise CommandError("Say --why: it is kept in the log.")
        seen = suppression_undo.preview(account.pk, rule)
        for reason, count in sorted(seen.reasons.items()):
            self.stdout.write(f"{reason}: {count}")
        if not given["yes"]:
            self.stdout.write(f"{seen.count} fit; --yes takes them off.")
            return
        lifted = suppression_undo.undo(account.pk, rule, why=given["why"], by="manage.py")
        self.stdout.write(f"{lifted} taken off.")


def _moment(text: str) -> datetime | None:
    """The moment, UTC if it names no zone. Raises CommandError."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as err:
        raise CommandError(f"{text!r} is not a moment like 2026-11-25T18:00Z.") from err
    return found if found.tzinfo else found.replace(tzinfo=UTC)
