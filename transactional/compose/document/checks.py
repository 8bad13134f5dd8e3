"""The checks of a block email that need no network: three levels, the worst first.

Publishing refuses what is of level `block`; warnings and advice are only told.
"""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from config.errors import PostinoError
from domains.models import Domain
from transactional.compose import render, template
from transactional.compose.document import schema
from transactional.compose.document.colours import contrast
from transactional.compose.document.expressions import CONTACT, UNSUBSCRIBE
from transactional.compose.document.link_checks import check_images, check_links, leads_to
from transactional.compose.document.model import Document
from transactional.compose.document.problem import Problem
from transactional.compose.document.word_checks import (
    check_amount,
    check_headings,
    check_leftovers,
    check_promotion,
    check_subject,
    words_of,
)
from transactional.compose.sample import sample_context
from transactional.models import BrandKit, Email, Kind, SenderAddress, SenderState

CONTRAST = 4.5  # WCAG 2.2, 1.4.3
SIZE_WARN, SIZE_CUT = 80_000, 102_000  # bytes of HTML; Gmail cuts off after some 102 kB
# What click tracking makes of a link, roughly: a signed address of ours around it
TRACKED_LINK = 120


def run(email: Email) -> list[Problem]:
    """Everything that is wrong with a draft; nothing for one written as HTML."""
    if email.document is None:
        return []
    document = schema.parse(email.document)
    found = [
        *check_subject(email.subject, email.preview_text),
        *_check_sender(email),
        *_check_templates(email),
        *_check_blocks(document),
        *check_amount(document),
        *check_leftovers(document),
        *check_images(document),
        *check_links(document),
        *check_headings(document),
        *_check_contrast(document),
        *_check_kind(email, document),
        *_check_tracking(email, document),
    ]
    return sorted(dict.fromkeys(found), key=lambda one: one.rank)


def stopping(email: Email) -> list[Problem]:
    """What keeps a draft from being published."""
    return [one for one in run(email) if one.level == "block"]


def _check_sender(email: Email) -> Iterator[Problem]:
    if not email.from_address:
        message = _("Choose the address this email comes from, under Settings.")
        yield Problem("block", "FROM_EMPTY", message)
        return
    name = email.from_address.rpartition("@")[2].lower()
    verified = Domain.objects.of(email.account_id).filter(name=name, verified_at__isnull=False)
    single = SenderAddress.objects.of(email.account_id).filter(
        address=email.from_address.lower(), state=SenderState.CONFIRMED
    )
    if not verified.exists() and not single.exists():
        message = _("The domain “%(domain)s” is not verified.") % {"domain": name[:80]}
        yield Problem("block", "FROM_UNVERIFIED", message)
    replies = (email.reply_to or email.from_address).rpartition("@")[0].lower()
    if replies.replace("-", "").replace("_", "").startswith(("noreply", "donotreply")):
        message = _("Replies go to an address that says nobody reads it.")
        yield Problem("advice", "REPLY_NOBODY", message)


def _check_templates(email: Email) -> Iterator[Problem]:
    for field in ("subject", "preview_text", "html"):
        for one in template.problems(field, getattr(email, field)):
            yield Problem("block", "TEMPLATE", one.message)
    try:
        paths = render.compiled(email).paths
        words = render.render(email, sample_context(email), text=False)
    except PostinoError as err:
        message = _("It cannot be rendered with the sample data: %(reason)s")
        values = {"reason": err.refusal.message}
        yield Problem("block", err.refusal.code, message % values)
        return
    size = len(words.html.encode())
    if email.track_clicks:
        size += TRACKED_LINK * words.html.count("<a ")
    if size > SIZE_CUT:
        message = _("The email has %(size)s kB: Gmail cuts it off after 102 kB.")
        yield Problem("warn", "SIZE_CUT", message % {"size": size // 1000})
    elif size > SIZE_WARN:
        message = _("The email has %(size)s kB, close to the 102 kB at which Gmail cuts it off.")
        yield Problem("warn", "SIZE_NEAR", message % {"size": size // 1000})
    contact = email.sample.get(CONTACT, {})
    for path in sorted(path for path in paths if path.startswith(f"{CONTACT}.")):
        if path.split(".")[1] not in contact:
            message = _("“%(name)s” has no sample value.") % {"name": path}
            yield Problem("advice", "NO_SAMPLE", message)


def _check_blocks(document: Document) -> Iterator[Problem]:
    """Blocks that are not finished."""
    for block in document.blocks():
        props = block.props
        if block.type == "items" and not (props["path"] and props["columns"]):
            message = _("A table needs a list and a column.")
            yield Problem("block", "TABLE_EMPTY", message, block.id)
        elif block.type == "button" and not props["label"].strip():
            message = _("A button has no words on it.")
            yield Problem("block", "BUTTON_EMPTY", message, block.id)
        elif block.type in {"heading", "text", "footer", "code"} and not words_of(block).strip():
            yield Problem("warn", "BLOCK_EMPTY", _("A block has no text yet."), block.id)


def _check_contrast(document: Document) -> Iterator[Problem]:
    settings = document.settings
    seen = {section.background or settings.surface for section in document.sections}
    for surface in sorted(seen):
        ratio = contrast(settings.text, surface)
        if ratio < CONTRAST:
            message = _("The text is hard to read on %(colour)s: contrast %(ratio)s, not 4.5.")
            values = {"colour": surface, "ratio": f"{ratio:.1f}"}
            yield Problem("warn", "CONTRAST_TEXT", message % values)
        ratio = contrast(settings.accent, surface)
        if ratio < CONTRAST:
            message = _("Links are hard to read on %(colour)s: contrast %(ratio)s, not 4.5.")
            values = {"colour": surface, "ratio": f"{ratio:.1f}"}
            yield Problem("warn", "CONTRAST_LINKS", message % values)


def _check_kind(email: Email, document: Document) -> Iterator[Problem]:
    way_out = leads_to(document, UNSUBSCRIBE)
    if email.kind == Kind.MARKETING:
        if not way_out:
            message = _("Marketing email needs a link to {{ unsubscribe_link }}.")
            yield Problem("block", "MISSING_UNSUBSCRIBE_LINK", message)
        yield from _check_postal(email, document)
        return
    if way_out:
        message = _("Looks like marketing because it has an unsubscribe link.")
        yield Problem("warn", "PROMOTIONAL", message)
    yield from check_promotion(document, email.subject)


def _check_postal(email: Email, document: Document) -> Iterator[Problem]:
    """The address is the brand's; an account without one needs at least a number in its footer."""
    footers = [block for block in document.blocks() if block.type == "footer"]
    words = " ".join(words_of(block) for block in footers)
    kit = BrandKit.objects.of(email.account_id).only("address").first()
    at = footers[0].id if footers else None
    if kit is not None and kit.address.strip():
        if _letters(kit.address) not in _letters(words):
            message = _("Marketing email needs the postal address of your brand in a footer.")
            yield Problem("block", "MISSING_POSTAL_ADDRESS", message, at)
    elif not any(letter.isdigit() for letter in words):
        message = _("Marketing email needs your postal address in a footer.")
        yield Problem("block", "MISSING_POSTAL_ADDRESS", message, at)


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _check_tracking(email: Email, document: Document) -> Iterator[Problem]:
    codes = [block.id for block in document.blocks() if block.type == "code"]
    if codes and (email.track_opens or email.track_clicks):
        message = _("Turn off counting for emails with a code, under Settings.")
        yield Problem("advice", "TRACKED_CODE", message, codes[0])
