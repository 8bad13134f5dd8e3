"""Checks of colours: what is read on what. Exact: we know them all.

In the dark a section has colours of ours, which are legible, or keeps its own with their ink.
"""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from transactional.compose.document.colours import contrast, mixed
from transactional.compose.document.model import Document, Section
from transactional.compose.document.problem import Problem

CONTRAST = 4.5  # WCAG 2.2, 1.4.3
MUTED = 0.72  # share of the text's colour in what matters less, as in blocks.py


def check_colours(document: Document) -> Iterator[Problem]:
    """Text, links and small print on each surface."""
    settings = document.settings
    told: set[tuple[str, str]] = set()
    for section in document.sections:
        surface = section.background or settings.surface
        # What the email's own colours do is put right there; a section's, at the section
        first = _first(section) if section.background else None
        muted = mixed(settings.text, surface, MUTED)
        kinds = {block.type for column in section.columns for block in column}
        inks = [("CONTRAST_TEXT", settings.text), ("CONTRAST_LINKS", settings.accent)]
        if kinds & {"footer", "summary"}:
            inks.append(("CONTRAST_SMALL", muted))
        for code, ink in inks:
            ratio = contrast(ink, surface)
            if ratio < CONTRAST and (code, surface) not in told:
                told.add((code, surface))
                values = {"colour": surface, "ratio": f"{ratio:.1f}"}
                yield Problem("warn", code, _sentence(code) % values, first)


def _first(section: Section) -> str | None:
    return next((block.id for column in section.columns for block in column), None)


def _sentence(code: str) -> str:
    return {
        "CONTRAST_TEXT": _("The text is hard to read on %(colour)s: contrast %(ratio)s, not 4.5."),
        "CONTRAST_LINKS": _("Links are hard to read on %(colour)s: contrast %(ratio)s, not 4.5."),
        "CONTRAST_SMALL": _(
            "The small print is hard to read on %(colour)s: contrast %(ratio)s, not 4.5."
        ),
    }[code]
