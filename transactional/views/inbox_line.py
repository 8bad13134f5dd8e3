"""How an email looks in a list of mail before it is opened: sender, subject, preview text."""

from dataclasses import dataclass

from config.errors import PostinoError
from transactional.compose import render
from transactional.compose.sample import sample_context
from transactional.models import Email
from transactional.views.refusal_words import told
from transactional.wire.text import html_to_text

SHOWN = 220  # characters of the preview: no inbox shows more


@dataclass(frozen=True, slots=True)
class Line:
    """The words with the sample data in; `problem` where they cannot be rendered."""

    sender: str
    subject: str
    preview: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Words:
    subject: str
    preview_text: str
    html: str = ""
    text: str = ""


def of(email: Email) -> Line:
    """The draft's line. Without preview text, inboxes show the first words of the body."""
    sender = email.from_name or email.from_address or "–"
    data = sample_context(email)
    try:
        # The preview is drawn as a subject, so that no HTML comes around it
        subject = render.render(_Words(email.subject, ""), data, text=False).subject
        preview = render.render(_Words(email.preview_text, ""), data, text=False).subject
        if not preview:
            body = render.render(_Words("", "", email.html, email.text), data).text
            preview = " ".join((body or html_to_text(email.html)).split())
    except PostinoError as err:
        return Line(sender, email.subject, email.preview_text[:SHOWN], told(err.refusal.message))
    return Line(sender, subject, preview[:SHOWN])
