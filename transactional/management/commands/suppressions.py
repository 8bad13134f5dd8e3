"""`manage.py suppressions …`: an account's list of suppressed addresses as CSV, in and out."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tokens.models import Account
from transactional import suppression_files, suppression_list

STDIN = "-"
WRONG = {
    "size": "The file is larger than 4 MB: split it.",
    "text": "The file is not UTF-8 text.",
    "header": "The first line names no columns that are known.",
    "rows": f"The file has more than {suppression_files.ROWS_MAX} rows: split it.",
    "csv": "The file is not a CSV file: a quote is not closed.",
}
PROBLEMS = {
    "address": "not one email address",
    "reason": "the reason is not known",
    "scope": "the scope is neither all nor marketing",
    "cells": "columns are missing",
    "block": "the receiver refused the sender, not this address",
}


class Command(BaseCommand):
    """suppressions import | export."""

    help = "Import an account's suppressed addresses from CSV, or export them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command each."""
        actions = parser.add_subparsers(dest="action", required=True)
        take = actions.add_parser(
            "import",
            help="Add the addresses of a CSV file; ours, SES, SendGrid, Mailgun, Postmark.",
        )
        give = actions.add_parser("export", help="Write the whole list as CSV to standard output.")
        for one in (take, give):
            one.add_argument("account", type=int, help="The account's number.")
        take.add_argument("file", help="The CSV file; - reads standard input.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError with what to correct."""
        account = Account.objects.filter(pk=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account {options['account']}.")
        if options["action"] == "import":
            self._import(account, options["file"])
        else:
            self._export(account)

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

    def _export(self, account: Account) -> None:
        for piece in suppression_files.write(suppression_list.exported(account.pk)):
            self.stdout.write(piece.decode(), ending="")
