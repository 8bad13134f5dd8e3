"""`manage.py templates pull|push|test`: emails as files in git."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.errors import PostinoError
from tokens.models import Account
from transactional.compose import render, template_files
from transactional.compose.contract import check, schema
from transactional.compose.document import mjml
from transactional.compose.document import schema as documents
from transactional.compose.template_files import FilesRefused, Kept
from transactional.management.template_store import Here, Store, Stored, There

# What each copy gets of its own
OWN = {
    "unsubscribe_link": "#",
    "unsubscribe_link_all": "#",
    "view_as_page_url": "#",
    "content": {"from_name": "", "reply_to": ""},
}
FAILED = 1  # exit code: something is wrong
MOVED_ON = 3  # exit code: somebody changed what a push would overwrite


class Command(BaseCommand):
    """Emails between an account and a folder."""

    help = "Keep emails in git: pull them into a folder, push them back, test them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do, where, with whose emails."""
        parser.add_argument("action", choices=["pull", "push", "test"])
        parser.add_argument("folder", type=Path, help="The folder, or one email's own.")
        parser.add_argument("--account", type=int, help="An account of this installation.")
        parser.add_argument("--url", help="Another installation, such as https://mail.example.com.")
        parser.add_argument("--key-file", type=Path, help="A file with an API key (scope content).")
        parser.add_argument("--publish", action="store_true", help="push: make live what changed.")
        parser.add_argument("--note", default="", help="push --publish: what has changed.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError: exit code 1, or 3 where a push would overwrite somebody's work."""
        store = self._store(options)
        folder: Path = options["folder"]
        try:
            if options["action"] == "pull":
                self._pull(store, folder)
                return
            found = [template_files.read(one) for one in template_files.folders(folder)]
        except FilesRefused as err:
            raise CommandError(str(err)) from err
        except PostinoError as err:
            raise CommandError(_said(err)) from err
        if not found:
            raise CommandError(f"There is no email in {folder}.")
        if options["action"] == "test":
            self._test(store, found)
        else:
            self._push(store, found, publish=options["publish"], note=options["note"])

    def _store(self, options: dict[str, Any]) -> Store:
        if options["url"]:
            if not options["key_file"]:
                raise CommandError("Name the file with the API key: --key-file.")
            try:
                key = options["key_file"].read_text().strip()
            except OSError as err:
                raise CommandError(f"{options['key_file']}: {err.strerror}.") from err
            return There(options["url"], key)
        if options["account"] is None:
            raise CommandError("Name an account (--account), or another installation (--url).")
        account = Account.objects.filter(pk=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account {options['account']}.")
        return Here(account)

    def _pull(self, store: Store, root: Path) -> None:
        for one in store.all():
            folder, changed = template_files.write(
                root, email_id=one.id, revision=one.revision, draft=one.draft
            )
            self.stdout.write(f"{'pulled   ' if changed else 'unchanged'} {folder}")

    def _push(self, store: Store, found: list[Kept], *, publish: bool, note: str) -> None:
        failed = moved_on = 0
        for one in found:
            try:
                said = self._push_one(store, one, publish=publish, note=note)
            except PostinoError as err:
                moved = err.refusal.code == "DRAFT_CHANGED"
                moved_on, failed = moved_on + moved, failed + (not moved)
                hint = " Pull, merge and push again." if moved else ""
                said = f"refused   {one.folder}: {_said(err)}{hint}"
            self.stdout.write(said)
        if failed:
            raise CommandError(f"{failed} of {len(found)} could not be pushed.", returncode=FAILED)
        if moved_on:
            message = f"{moved_on} of {len(found)} have changed there since they were pulled."
            raise CommandError(message, returncode=MOVED_ON)

    def _push_one(self, store: Store, one: Kept, *, publish: bool, note: str) -> str:
        there: Stored | None = store.get(one.id) if one.id else None
        if there is not None and there.draft == one.draft:
            if there.revision != one.revision:
                self._keep(one, there)
            return f"unchanged {one.folder}"
        if there is None:
            saved = store.create(one.draft)
        else:
            saved = store.put(one.id, one.draft, revision=one.revision)
        self._keep(one, saved)
        if not publish:
            return f"pushed    {one.folder}"
        return f"published {one.folder} as v{store.publish(saved.id, note=note)}"

    def _keep(self, one: Kept, saved: Stored) -> None:
        template_files.write_into(
            one.folder, email_id=saved.id, revision=saved.revision, draft=saved.draft
        )

    def _test(self, store: Store, found: list[Kept]) -> None:
        failed = 0
        for one in found:
            problems = _broken(one.draft)
            try:
                said = store.problems(one.id, one.draft)
            except PostinoError as err:
                said = [("block", _said(err))]
            problems += [message for level, message in said if level == "block"]
            failed += bool(problems)
            self.stdout.write(f"{'FAILED' if problems else 'ok    '} {one.folder}")
            for message in dict.fromkeys(problems):
                self.stdout.write(f"         {message}")
            for level, message in said:
                if level == "warn":
                    self.stdout.write(f"         warning: {message}")
        if failed:
            raise CommandError(f"{failed} of {len(found)} failed.", returncode=FAILED)


class _Words:
    """A draft's templates, apart from any database."""

    def __init__(self, draft: dict[str, Any]) -> None:
        self.subject = str(draft.get("subject", ""))
        self.preview_text = str(draft.get("previewText", ""))
        self.text = str(draft.get("text", ""))
        if "document" in draft:
            self.html = mjml.to_html(documents.parse(draft["document"]), title=self.subject)
        else:
            self.html = str(draft.get("html", ""))


def _broken(draft: dict[str, Any]) -> list[str]:
    """Which samples do not render, or do not keep the contract."""
    try:
        contract = schema.parse(draft.get("contract", []))
        words = _Words(draft)
    except (schema.ContractRefused, documents.DocumentRefused) as err:
        return [f"{one.pointer}: {one.message}" for one in err.faults]
    found = []
    for name, sample in draft["samples"].items():
        custom = sample.get("custom", {}) if isinstance(sample, dict) else None
        if not isinstance(custom, dict):
            found.append(f"sample “{name}”: this must be an object with objects in it.")
            continue
        refusal = check.refusal(contract, custom)
        if refusal is not None:
            found.append(f"sample “{name}”: {refusal.message}")
            continue
        data = {**sample, "custom": check.filled(contract, custom)}
        try:
            render.render(words, {**data, **OWN, "site": Account().letterhead})
        except PostinoError as err:
            found.append(f"sample “{name}”: {err.refusal.message}")
    return found


def _said(err: PostinoError) -> str:
    """A refusal with its places, in one line."""
    places = "; ".join(f"{one.pointer}: {one.message}" for one in err.refusal.details[:5])
    return f"{err.refusal.message} {places}".strip()
