"""The one writer of drafts: making an email, saving it against a revision, archiving it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from config.errors import PostinoError, Refusal
from tokens.models import Account
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
    lane: int = Lane.NORMAL
    track_opens: bool = True
    track_clicks: bool = True
    sample: Mapping[str, Any]


def create(account: Account, fields: DraftFields, *, by: str) -> Email:
    """A new draft, with the campaign its numbers will be kept under."""
    with transaction.atomic():
        campaign = Campaign.objects.create(account=account, name=fields.name)
        return Email.objects.create(
            account=account, campaign=campaign, updated_by=by, **asdict(fields)
        )


def save_draft(email: Email, fields: DraftFields, *, revision: int, by: str) -> Email:
    """Save over revision `revision`. Raises PostinoError DRAFT_CHANGED if somebody saved since."""
    with transaction.atomic():
        current: Email = Email.objects.of(email.account_id).select_for_update().get(pk=email.pk)
        if current.revision != revision:
            message = f"{current.updated_by} has changed this email since you opened it."
            raise PostinoError(Refusal("DRAFT_CHANGED", message, http=409, pointer="revision"))
        if current.name != fields.name:
            Campaign.objects.of(email.account_id).filter(pk=current.campaign_id).update(
                name=fields.name
            )
        for name, value in asdict(fields).items():
            setattr(current, name, value)
        current.revision += 1
        current.updated_at = timezone.now()
        current.updated_by = by
        current.save()
    return current


def set_archived(email: Email, archived: bool, *, by: str) -> None:
    """Archive, or bring back. An archived email cannot be sent; its numbers stay."""
    now = timezone.now()
    email.archived_at = now if archived else None
    email.updated_at = now
    email.updated_by = by
    email.save(update_fields=["archived_at", "updated_at", "updated_by"])


def template_problems(content: object) -> list[TemplateProblem]:
    """What keeps the templates of a draft from compiling, each with its field and line."""
    return [one for field in TEMPLATE_FIELDS for one in problems(field, getattr(content, field))]
