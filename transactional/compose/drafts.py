"""The one writer of drafts: making an email, saving it against a revision, archiving it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from config.errors import PostinoError, Refusal
from tokens.models import Account
from transactional.compose import footers, plain, versions
from transactional.compose.contract import infer
from transactional.compose.document import mjml, schema
from transactional.compose.document.model import Block, Document
from transactional.compose.template import TemplateProblem, problems
from transactional.models import Campaign, Email, Kind, Lane

TEMPLATE_FIELDS = ("subject", "preview_text", "html", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftFields:
    """What a draft consists of, as typed; templates may be broken, a draft loses nothing."""

    name: str
    subject: str = ""
    preview_text: str = ""
    html: str = ""
    text: str = ""
    from_name: str = ""
    from_address: str = ""
    reply_to: str = ""
    kind: str = Kind.TRANSACTIONAL
    subscription_type_id: int | None = None
    lane: int = Lane.NORMAL
    track_opens: bool = True
    track_clicks: bool = True
    language: str = ""
    lifetime: int = 0
    folder: str = ""
    tags: Sequence[str] = ()
    sample: Mapping[str, Any]
    contract: Sequence[Mapping[str, Any]] | None = None
    document: dict[str, Any] | None = None

    @property
    def values(self) -> dict[str, Any]:
        """What is written; a contract of None leaves the stored one."""
        found = asdict(self) | {"tags": list(self.tags)}
        return {k: v for k, v in found.items() if k != "contract" or v is not None}


def create(account: Account, fields: DraftFields, *, by: str) -> Email:
    """A new draft, with the campaign its numbers will be kept under.

    Raises DocumentRefused for a document that cannot be kept.
    """
    values = fields.values
    if fields.document is not None:
        document = schema.parse(fields.document)
        values |= compiled(document, fields.subject)
    with transaction.atomic():
        campaign = Campaign.objects.create(account=account, name=fields.name)
        return Email.objects.create(account=account, campaign=campaign, updated_by=by, **values)


def declare_proposed(email: Email) -> None:
    """Give a new email the contract that its template implies: a code is secret from the start."""
    email.contract = infer.proposed(email).json
    email.save(update_fields=["contract"])


def save_draft(email: Email, fields: DraftFields, *, revision: int, by: str) -> Email:
    """Save over revision `revision`; a document stays, and its HTML is made anew.

    Raises PostinoError DRAFT_CHANGED if somebody saved since.
    """
    values = {name: value for name, value in fields.values.items() if name != "document"}
    with transaction.atomic():
        current = _locked(email, revision=revision)
        if current.document is not None:
            stored = current.document
            if fields.kind != current.kind:
                stored = footers.for_kind(stored, fields.kind)
            if fields.language:
                stored = {**stored, "settings": {**stored["settings"], "lang": fields.language}}
            values |= compiled(schema.parse(stored), fields.subject)
        return _written(current, values, by=by)


def save_document(
    email: Email,
    document: Document,
    fields: Mapping[str, Any],
    *,
    revision: int,
    by: str,
    may_html: bool,
) -> Email:
    """Save a block document, and the draft's other `fields` that are given, over `revision`.

    `may_html`: whether the member may change the HTML that developers write. Raises PostinoError
    DRAFT_CHANGED if somebody saved since, DocumentRefused for changed HTML.
    """
    with transaction.atomic():
        current = _locked(email, revision=revision)
        if not may_html:
            _check_html_blocks(document, current.document)
        title = fields.get("subject", current.subject)
        values = {**fields, **compiled(document, title)}
        if current.contract and "sample" in values:
            before = current.sample
            for name in ("subject", "preview_text", "html", "sample"):
                setattr(current, name, values.get(name, getattr(current, name)))
            values["contract"] = infer.grown(current, before=before)
        return _written(current, values, by=by)


def compiled(document: Document, title: str) -> dict[str, Any]:
    """A document with what follows from it."""
    html = mjml.to_html(document, title=title)
    return {"document": document.json, "html": html, "language": document.settings.lang}


def put(email: Email, values: Mapping[str, Any], *, revision: int, by: str) -> Email:
    """Write whole content over revision `revision`. Raises PostinoError DRAFT_CHANGED."""
    with transaction.atomic():
        return _written(_locked(email, revision=revision), values, by=by)


def overwrite(email: Email, values: Mapping[str, Any], *, by: str) -> Email:
    """Write content into the draft, whatever its revision: for what was saved before."""
    with transaction.atomic():
        current = Email.objects.of(email.account_id).select_for_update().get(pk=email.pk)
        return _written(current, values, by=by)


def stored_document(email: Email) -> Document:
    """The checked document of an email that has one."""
    return schema.parse(email.document)


def _locked(email: Email, *, revision: int) -> Email:
    current: Email = Email.objects.of(email.account_id).select_for_update().get(pk=email.pk)
    if current.revision != revision:
        message = f"{current.updated_by} has changed this email since you opened it."
        raise PostinoError(Refusal("DRAFT_CHANGED", message, http=409, pointer="revision"))
    return current


def _written(current: Email, values: Mapping[str, Any], *, by: str) -> Email:
    name = values.get("name", current.name)
    if current.name != name:
        Campaign.objects.of(current.account_id).filter(pk=current.campaign_id).update(name=name)
    if values.get("text", current.text) != current.text:
        written = values["text"].strip()
        current.text_basis = plain.basis(values.get("html", current.html)) if written else ""
    for field, value in values.items():
        setattr(current, field, value)
    current.revision += 1
    current.updated_at = timezone.now()
    current.updated_by = by
    current.save()
    return current


def _check_html_blocks(document: Document, before: dict[str, Any] | None) -> None:
    """Members who may not write HTML keep what is there, move it, or take it out."""
    known = set()
    if before is not None:
        known = {block.props["code"] for block in schema.parse(before).blocks() if _is_html(block)}
    faults = [
        schema.Fault(f"{block.pointer}/props/code", _("Only developers may write HTML."))
        for block in document.blocks()
        if _is_html(block) and block.props["code"] not in known
    ]
    if faults:
        raise schema.DocumentRefused(faults)


def _is_html(block: Block) -> bool:
    return block.type == "html"


def set_archived(email: Email, archived: bool, *, by: str) -> None:
    """Archive, or bring back. An archived email cannot be sent; its numbers stay."""
    now = timezone.now()
    email.archived_at = now if archived else None
    email.updated_at = now
    email.updated_by = by
    email.save(update_fields=["archived_at", "updated_at", "updated_by"])
    what = "email.archived" if archived else "email.brought_back"
    versions.record(email, what, by=by)


def sort_into(account: Account, ids: Sequence[int], *, folder: str, by: str) -> int:
    """Move emails of the account into a folder (empty: out of any); returns how many."""
    moved = 0
    with transaction.atomic():
        for email in Email.objects.of(account).filter(pk__in=ids).exclude(folder=folder):
            email.folder = folder
            email.save(update_fields=["folder"])
            versions.record(email, "email.moved", by=by, folder=folder or "–")
            moved += 1
    return moved


def archive_many(account: Account, ids: Sequence[int], archived: bool, *, by: str) -> int:
    """Archive emails of the account, or bring them back; returns how many."""
    found = Email.objects.of(account).filter(pk__in=ids, archived_at__isnull=archived)
    emails = list(found)
    with transaction.atomic():
        for email in emails:
            set_archived(email, archived, by=by)
    return len(emails)


def template_problems(content: object) -> list[TemplateProblem]:
    """What keeps the templates of a draft from compiling, each with its field and line."""
    return [one for field in TEMPLATE_FIELDS for one in problems(field, getattr(content, field))]
