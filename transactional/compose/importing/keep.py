"""Imported templates as drafts of the account, with the report that can be read again."""

from collections.abc import Sequence
from dataclasses import asdict

from django.db import transaction

from config.errors import PostinoError
from tokens.models import Account
from transactional.compose import drafts
from transactional.compose.drafts import DraftFields
from transactional.compose.importing import importer
from transactional.compose.importing.archive import Upload
from transactional.models import TemplateImport

EMAILS_LIMIT = 50  # emails that one upload becomes
Entry = dict[str, object]


def keep(
    account: Account,
    upload: Upload,
    *,
    name: str,
    title: str,
    kind: str,
    from_address: str,
    by: str,
) -> TemplateImport:
    """Make a draft of each template; `title` names it where there is only one."""
    paths = importer.mains(upload.templates)
    entries: list[Entry] = []
    with transaction.atomic():
        for path in paths[:EMAILS_LIMIT]:
            try:
                found = importer.convert(path, upload.templates)
            except PostinoError as err:
                entries.append(_failed(path, err.refusal.code, err.refusal.message))
                continue
            named = title if title and len(paths) == 1 else found.name
            fields = DraftFields(
                name=named[:200],
                subject=found.subject,
                html=found.html,
                kind=kind,
                from_address=from_address,
                sample={"contact": {"firstname": "Anna"}, **found.sample},
            )
            email = drafts.create(account, fields, by=by)
            notes = [asdict(note) for note in found.notes]
            entries.append({"path": path, "email": email.pk, "name": named, "notes": notes})
        left = paths[EMAILS_LIMIT:]
        entries += [_failed(path, "IMPORT_TOO_MANY", "") for path in left]
        return _report(account, entries, upload.others, name=name, by=by)


def _failed(path: str, code: str, message: str) -> Entry:
    return {"path": path, "email": None, "problem": code, "message": message, "notes": []}


def _report(
    account: Account, entries: Sequence[Entry], others: Sequence[str], *, name: str, by: str
) -> TemplateImport:
    made: TemplateImport = TemplateImport.objects.create(
        account=account, name=name[:200], by=by, report=list(entries), others=list(others)[:200]
    )
    return made
