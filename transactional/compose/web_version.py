"""A copy to be read in a browser: as it was sent, without the pixel and without what only the
reader's own mail may hold.

Custom properties (a code, a reset link, a total) are masked: the link to this page is part of the
mail and is forwarded with it. Contact properties and all fixed content stay.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson
from django.conf import settings

from config.errors import PostinoError
from config.ids import uuid7_floor
from domains.models import Domain
from transactional import signing
from transactional.compose import render, tracking
from transactional.compose.build import own_context
from transactional.models import Body, Message, Recipient
from transactional.wire.html import rewrite_links

MASK = "•••"
_MASKED_IN_URLS = (MASK, quote(MASK))
NONE: frozenset[str] = frozenset()  # secrets are masked before a link is looked at
_DEPTH = 100
_SLACK = timedelta(minutes=1)  # between a recipient's id and its message's


@dataclass(frozen=True, slots=True)
class WebVersion:
    """The page: its HTML; whether something was masked; the account's language."""

    html: str
    masked: bool
    language: str


class Gone(Exception):
    """There is no such page any more: it expired, or its data was erased."""


def of(recipient_id: uuid.UUID, *, now: datetime) -> WebVersion | None:
    """The copy of a recipient; None if there never was a page for it. Raises Gone."""
    row = Recipient.objects.filter(pk=recipient_id).values("message_id", "account_id").first()
    if row is None:
        return None
    message = (
        Message.objects.of(row["account_id"])
        .select_related("version", "account")
        .filter(pk=row["message_id"], pk__gte=uuid7_floor(_made(recipient_id) - _SLACK))
        .first()
    )
    if message is None or message.version is None or not message.version.html:
        return None
    if now - message.created_at > timedelta(days=settings.WEB_VERSION_DAYS):
        raise Gone
    body = Body.objects.filter(pk=message.pk).first()
    if body is None or not body.context:
        raise Gone
    return _page(message, recipient_id, orjson.loads(bytes(body.context)))


def _made(recipient_id: uuid.UUID) -> datetime:
    """When a recipient's row was made: a UUIDv7 begins with its milliseconds."""
    return datetime.fromtimestamp((recipient_id.int >> 80) / 1000, tz=UTC)


def _page(message: Message, recipient_id: uuid.UUID, context: dict[str, Any]) -> WebVersion:
    version, base = message.version, _link_base(message)
    assert version is not None  # noqa: S101 — the caller has looked
    own = own_context(recipient_id, message.pk, message.created_at, base, context)
    custom = masked(context.get("custom", {}))
    try:
        words = render.render(version, {**context, **own, "custom": custom}, text=False)
    except PostinoError as err:
        raise Gone from err  # what is left is no page: a filter wanted a number, say

    def link(url: str, index: int) -> str | None:
        if any(mask in url for mask in _MASKED_IN_URLS):
            return "#"
        if not version.track_clicks or not tracking.decide(url, base=base, secrets=NONE).yes:
            return None
        return signing.click_url(base, recipient_id, index, url)

    return WebVersion(rewrite_links(words.html, link), MASK in words.html, message.account.language)


def _link_base(message: Message) -> str:
    domain = Domain.objects.of(message.account_id).filter(name=message.from_domain).first()
    if domain is not None and domain.tracking_ready:
        return f"https://{domain.tracking_host}"
    return str(settings.PUBLIC_URL)


def masked(value: Any, depth: int = _DEPTH) -> Any:
    """The same shape without its contents: truth stays, so that conditions decide as they did."""
    if isinstance(value, dict) and depth:
        return {key: masked(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list) and depth:
        return [masked(item, depth - 1) for item in value]
    if isinstance(value, bool) or value in (None, ""):
        return value
    return MASK
