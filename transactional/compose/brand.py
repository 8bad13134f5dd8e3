"""The one writer of brand kits, and of what they make of drafts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from tokens.models import Account
from transactional.compose import drafts
from transactional.compose.document import mjml, schema
from transactional.compose.document.look import Look, dressed, footer_html
from transactional.library import images
from transactional.models import BrandKit, Email

COLOURS = ("accent", "text", "surface", "background")
SETTINGS = (*COLOURS, "font", "radius")
FIELDS = (*SETTINGS, "logo", "logo_width", "links")
FORMER = 10  # footers remembered, the one now in use among them


@dataclass(frozen=True, slots=True)
class Change:
    """A draft that the brand would change, with what it would become."""

    email: Email
    document: dict[str, Any]


def sender(account: Account) -> str:
    """Who an account writes as and where that is, in one line; what is not known is left out."""
    return ", ".join([account.company, *account.address_lines])


def footer(account: Account) -> str:
    """Who an account writes as and where that is, as a footer's paragraph."""
    return footer_html(account.company, "\n".join(account.address_lines))


def of(account: Account) -> BrandKit:
    """The account's brand; one that was never saved has our looks."""
    rows = BrandKit.objects.of(account).select_related("logo", "account")
    found: BrandKit | None = rows.first()
    return found if found is not None else BrandKit(account=account)


def look_of(kit: BrandKit) -> Look:
    """What a brand says about documents."""
    logo = None
    if kit.logo is not None:
        logo = {"src": images.url(kit.logo), "alt": kit.logo.alt, "width": kit.logo_width}
    # What starting templates wrote before there was a brand
    never = [footer_html(sender(kit.account), ""), footer_html(kit.account.name, "")]
    former = [*kit.former, *never]
    return Look(
        settings={name: getattr(kit, name) for name in SETTINGS},
        logo=logo,
        footer=footer(kit.account),
        former=tuple(former),
        links=list(kit.links),
    )


def starting_look(account: Account) -> Look | None:
    """What new emails start with; None where no brand was ever saved."""
    kit = of(account)
    if kit._state.adding:
        return None
    _remember(kit)
    return look_of(kit)


def _remember(kit: BrandKit) -> None:
    """Keep the footer that a draft gets, so that it is found again when the company has moved."""
    given = footer(kit.account)
    if kit._state.adding or kit.former[:1] == [given]:
        return
    kit.former = [given, *(one for one in kit.former if one != given)][:FORMER]
    kit.save(update_fields=["former"])


def save(account: Account, fields: Mapping[str, Any], *, by: str) -> BrandKit:
    """Save the brand. Drafts stay as they are until it is applied to them."""
    kit = of(account)
    for name in FIELDS:
        if name in fields:
            setattr(kit, name, fields[name])
    kit.updated_at, kit.updated_by = timezone.now(), by
    kit.save()
    return kit


def changes(account: Account, *, before: int | None, limit: int) -> tuple[list[Change], int | None]:
    """Drafts of blocks that the brand would change, newest first, and where to go on.

    Looks at `limit` drafts, so a page may be shorter than that.
    """
    look = look_of(of(account))
    rows = Email.objects.of(account).filter(document__isnull=False, archived_at=None)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    seen = list(rows.defer("html", "text", "sample").order_by("-pk")[: limit + 1])
    found = []
    for email in seen[:limit]:
        stored = drafts.stored_document(email).json
        new = dressed(stored, look)
        if new != stored:
            found.append(Change(email, new))
    return found, seen[limit - 1].pk if len(seen) > limit else None


def shown(email: Email, *, after: bool) -> str:
    """The draft as HTML for a frame: as it is, or as the brand would have it."""
    document = drafts.stored_document(email).json
    if after:
        document = dressed(document, look_of(of(email.account)))
    return mjml.to_html(schema.parse(document), title=email.subject, canvas=True)


def apply(email: Email, *, by: str) -> Email:
    """Put the brand on a draft. Raises PostinoError DRAFT_CHANGED if somebody saved meanwhile."""
    stored = drafts.stored_document(email).json
    kit = of(email.account)
    _remember(kit)
    document = schema.parse(dressed(stored, look_of(kit)))
    return drafts.save_document(email, document, {}, revision=email.revision, by=by, may_html=True)
