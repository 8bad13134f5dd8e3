"""The plain text of an email: made from its HTML, or written by hand and watched for drift."""

import hashlib

from transactional.models import Email
from transactional.wire.text import html_to_text


def automatic(email: Email) -> str:
    """What the text part is if nobody writes one: the HTML's words, variables as they stand."""
    return html_to_text(email.html)


def basis(html: str) -> str:
    """A fingerprint of the words that a hand-written text was written beside."""
    return hashlib.sha256(html_to_text(html).encode()).hexdigest()


def drifted(email: Email) -> bool:
    """Whether the HTML says something else now than when the text was written by hand."""
    return bool(email.text.strip() and email.text_basis) and email.text_basis != basis(email.html)
