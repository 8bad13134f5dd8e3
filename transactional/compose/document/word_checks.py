"""Checks of the words: subject, preview, leftovers, and what makes a notice look like marketing."""

import re
from collections.abc import Iterator

from django.utils.translation import gettext as _

from transactional.compose.document import richtext
from transactional.compose.document.model import Block, Document
from transactional.compose.document.problem import Problem

SUBJECT_LONG, PREVIEW_SHORT, PREVIEW_LONG = 70, 40, 130
WORDS_FEW = 20
_LEFT = (
    re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL),
    re.compile(r"\[[A-Z][A-Z _-]{2,30}\]"),
    re.compile(r"lorem ipsum", re.IGNORECASE),
    re.compile(r"\bexample\.(?:com|net|org)\b", re.IGNORECASE),
)
_SALES = re.compile(
    r"\b(?:\d{1,2} ?% (?:off|di sconto)|discount|coupon|promo(?:tion|zione)?|special offer|"
    r"limited time|buy now|shop now|on sale|black friday|free gift|sconto|saldi|"
    r"offerta speciale|offerte|acquista ora|compra ora|regalo|in omaggio|solo per oggi|"
    r"today only)\b",
    re.IGNORECASE,
)


def words_of(block: Block) -> str:
    """What a reader of a block reads."""
    props = block.props
    if "html" in props:
        return richtext.plain(props["html"], names=block.names)
    if block.type == "items":
        return " ".join(f"{one['label']} {one['value']}" for one in props["columns"])
    if block.type == "summary":
        return " ".join(f"{one['label']} {one['value']}" for one in props["rows"])
    return str(props.get("label") or props.get("value") or props.get("alt") or "")


def check_subject(subject: str, preview: str) -> Iterator[Problem]:
    """The two lines of the inbox."""
    subject, preview = subject.strip(), preview.strip()
    if not subject:
        yield Problem("block", "SUBJECT_EMPTY", _("The email has no subject."))
    if len(subject) > SUBJECT_LONG:
        message = _("The subject is longer than %(limit)s characters: phones cut it off.")
        yield Problem("warn", "SUBJECT_LONG", message % {"limit": SUBJECT_LONG})
    letters = [letter for letter in subject if letter.isalpha()]
    if len(letters) > 5 and all(letter.isupper() for letter in letters):
        yield Problem("warn", "SUBJECT_CAPITALS", _("The subject is all capitals."))
    if "!!" in subject:
        yield Problem("warn", "SUBJECT_SHOUTS", _("The subject has several exclamation marks."))
    if not preview:
        message = _("There is no preview text: inboxes show the beginning of the email instead.")
        yield Problem("advice", "PREVIEW_EMPTY", message)
    elif preview == subject:
        yield Problem("warn", "PREVIEW_SAME", _("The preview text repeats the subject."))
    elif not PREVIEW_SHORT <= len(preview) <= PREVIEW_LONG:
        message = _("A preview text of %(low)s to %(high)s characters fills the line.")
        values = {"low": PREVIEW_SHORT, "high": PREVIEW_LONG}
        yield Problem("advice", "PREVIEW_LENGTH", message % values)


def check_leftovers(document: Document) -> Iterator[Problem]:
    """Placeholders that nobody replaced; the document's own variables are none."""
    for block in document.blocks():
        if block.type == "html":
            continue
        found = _leftover(block)
        if found:
            message = _("“%(text)s” looks like a placeholder that was left over.")
            yield Problem("block", "LEFTOVER", message % {"text": found[:60]}, block.id)


def _leftover(block: Block) -> str:
    text = _spoken(block)
    for pattern in _LEFT:
        found = pattern.search(text)
        if found:
            return found[0]
    urls = " ".join(str(block.props.get(name, "")) for name in ("url", "src"))
    found = _LEFT[-1].search(urls)
    return found[0] if found else ""


def _spoken(block: Block) -> str:
    """A block's literal words, without its variables."""
    if "html" not in block.props:
        return re.sub(r"\{\{.*?\}\}", " ", words_of(block))
    events = richtext.events(block.props["html"], names=block.names)
    return "".join(event if isinstance(event, str) else " " for event in events)


def promotional(text: str) -> str:
    """The first words of sales in a text; empty where there are none."""
    found = _SALES.search(text)
    return found[0] if found else ""


def check_promotion(document: Document, subject: str) -> Iterator[Problem]:
    """What would make a filter, or a regulator, call a transactional email marketing."""
    for block in document.blocks():
        found = _SALES.search(words_of(block))
        if found:
            message = _("Looks like marketing because it says “%(words)s”.") % {"words": found[0]}
            yield Problem("warn", "PROMOTIONAL", message, block.id)
    found = _SALES.search(subject)
    if found:
        message = _("The subject looks like marketing: “%(words)s”.") % {"words": found[0]}
        yield Problem("warn", "PROMOTIONAL", message)


def check_amount(document: Document) -> Iterator[Problem]:
    """An email of images alone says nothing where images are off."""
    words = sum(len(words_of(block).split()) for block in document.blocks())
    images = [block for block in document.blocks() if block.type in {"image", "logo"}]
    own = any(block.type == "html" for block in document.blocks())
    if not any(True for _block in document.blocks()):
        yield Problem("block", "EMPTY", _("The email has no content yet."))
    elif images and words < WORDS_FEW and not own:
        message = _("There are fewer than %(count)s words: with images off little is left.")
        yield Problem("warn", "IMAGE_ONLY", message % {"count": WORDS_FEW})


def check_headings(document: Document) -> Iterator[Problem]:
    """One main heading, and it comes first."""
    levels = [
        (block.props["level"], block.id) for block in document.blocks() if block.type == "heading"
    ]
    mains = [name for level, name in levels if level == 1]
    for name in mains[1:]:
        message = _("There is more than one main heading: make this one smaller.")
        yield Problem("advice", "HEADING_TWICE", message, name)
    if levels and levels[0][0] != 1:
        message = _("The first heading should be the main one.")
        yield Problem("advice", "HEADING_ORDER", message, levels[0][1])
