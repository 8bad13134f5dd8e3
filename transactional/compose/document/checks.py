"""The checks of an email that need no network: three levels, the worst first.

Publishing refuses what is of level `block`; warnings and advice are told, and may be dismissed
with a reason. What links answered is read from what a worker asked before.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from transactional.compose import link_probes, plain
from transactional.compose.document import html_checks, schema
from transactional.compose.document.contract_checks import check_contract
from transactional.compose.document.expressions import UNSUBSCRIBE
from transactional.compose.document.image_checks import check_library
from transactional.compose.document.link_checks import (
    check_images,
    check_links,
    check_purpose,
    check_secrets,
    leads_to,
)
from transactional.compose.document.look_checks import check_colours
from transactional.compose.document.model import Document
from transactional.compose.document.problem import Level, Problem
from transactional.compose.document.sample_checks import check_leftover_words, check_samples
from transactional.compose.document.sender_checks import check_sender
from transactional.compose.document.word_checks import (
    check_amount,
    check_headings,
    check_leftovers,
    check_promotion,
    check_subject,
    words_of,
)
from transactional.models import DismissedProblem, Email, Kind, Lane

# What stops even an email written as HTML
STRICT = frozenset({"SUBJECT_EMPTY", "FROM_EMPTY", "TEMPLATE", "MISSING_UNSUBSCRIBE_LINK"})


@dataclass(frozen=True, slots=True)
class Report:
    """What is wrong with a draft, and what of it somebody let pass."""

    problems: tuple[Problem, ...]
    dismissed: tuple[tuple[Problem, DismissedProblem], ...]

    @property
    def publishable(self) -> bool:
        """Whether nothing stops it from being published."""
        return not any(one.level == "block" for one in self.problems)


def report(email: Email) -> Report:
    """Everything that is wrong with a draft, apart what was dismissed."""
    found = _lenient(email) if email.document is None else _found_in_blocks(email)
    problems = sorted(dict.fromkeys(found), key=lambda one: one.rank)
    rows = DismissedProblem.objects.of(email.account_id).filter(email=email, withdrawn_at=None)
    passed = {(row.code, row.block): row for row in rows}
    kept, dismissed = [], []
    for one in problems:
        row = passed.get((one.code, one.block or ""))
        if row is not None and one.level != "block":
            dismissed.append((one, row))
        else:
            kept.append(one)
    return Report(tuple(kept), tuple(dismissed))


def run(email: Email) -> list[Problem]:
    """What is wrong and was not dismissed."""
    return list(report(email).problems)


def stopping(email: Email) -> list[Problem]:
    """What keeps a draft from being published; of one written as HTML, `versions` asks itself."""
    return [] if email.document is None else [one for one in run(email) if one.level == "block"]


def _lenient(email: Email) -> Iterator[Problem]:
    """Of an email written as HTML: its logic may make of the parts what no look can know, so only
    that stops it which no mail may go out with.
    """
    for one in _found_in_html(email):
        yield one if one.code in STRICT else replace(one, level=_below(one.level))


def _below(level: Level) -> Level:
    return "warn" if level == "block" else level


def _found_in_html(email: Email) -> Iterator[Problem]:
    yield from check_subject(email.subject, email.preview_text)
    yield from check_sender(email)
    yield from check_samples(email)
    yield from check_contract(email)
    yield from check_leftover_words(email)
    yield from html_checks.check_html(email)
    yield from check_library(email.account_id, html_checks.images_of(email))
    yield from link_probes.check_answers(email)


def _found_in_blocks(email: Email) -> Iterator[Problem]:
    document = schema.parse(email.document)
    yield from check_subject(email.subject, email.preview_text)
    yield from check_sender(email)
    yield from check_samples(email)
    yield from check_contract(email)
    yield from _check_blocks(document)
    yield from check_amount(document)
    yield from check_leftovers(document)
    yield from check_images(document)
    yield from check_library(email.account_id, images_in(document))
    yield from check_links(document)
    yield from link_probes.check_answers(email)
    yield from check_headings(document)
    yield from check_colours(document)
    yield from _check_kind(email, document)
    yield from _check_tracking(email, document)
    for block in document.blocks():
        if block.type == "html":
            yield from html_checks.check_clients(block.props["code"], block.id)
    if plain.drifted(email):
        message = _("The email has changed since its plain text was written: read it again.")
        yield Problem("warn", "TEXT_DRIFT", message)


def images_in(document: Document) -> list[tuple[str, str]]:
    """(address, block) of each image."""
    shown = [block for block in document.blocks() if block.type in {"image", "logo"}]
    return [(block.props["src"], block.id) for block in shown]


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
    home = email.from_address.rpartition("@")[2].lower()
    if home:
        yield from check_purpose(document, home)


def _check_postal(email: Email, document: Document) -> Iterator[Problem]:
    """The address is the account's; one without needs at least a number in its footer."""
    footers = [block for block in document.blocks() if block.type == "footer"]
    words = " ".join(words_of(block) for block in footers)
    at = footers[0].id if footers else None
    if address := email.account.postal_address:
        if _letters(address) not in _letters(words):
            message = _(
                "Marketing email needs the postal address of your account settings in a footer."
            )
            yield Problem("block", "MISSING_POSTAL_ADDRESS", message, at)
    elif not any(letter.isdigit() for letter in words):
        message = _("Marketing email needs your postal address in a footer.")
        yield Problem("block", "MISSING_POSTAL_ADDRESS", message, at)


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _check_tracking(email: Email, document: Document) -> Iterator[Problem]:
    if email.lane == Lane.URGENT:
        yield from check_secrets(document)
    codes = [block.id for block in document.blocks() if block.type == "code"]
    if codes and (email.track_opens or email.track_clicks):
        message = _("Turn off counting for emails with a code, under Settings.")
        yield Problem("advice", "TRACKED_CODE", message, codes[0])
