"""Checks of HTML that somebody wrote: whole emails, and the HTML blocks of others.

A whole email is looked at as it is rendered with its sample data.
"""

from collections.abc import Iterator
from dataclasses import replace

from django.utils.translation import gettext as _
from selectolax.lexbor import LexborHTMLParser

from config.errors import PostinoError
from transactional.compose import plain, render
from transactional.compose.document.client_table import FEATURES
from transactional.compose.document.link_checks import FILE_NAME, Link, check_link
from transactional.compose.document.problem import Problem
from transactional.compose.document.word_checks import promotional
from transactional.compose.sample import UNSUBSCRIBE, sample_context
from transactional.models import Email, Kind

LINKS = 200  # looked at
FEW = 20  # words


def check_html(email: Email) -> Iterator[Problem]:
    """A whole email written as HTML, as it is rendered with its sample data."""
    try:
        words = render.render(email, sample_context(email))
    except PostinoError:
        return  # told by the checks that render
    if not words.html:
        return
    tree = LexborHTMLParser(words.html)
    yield from _check_page(tree)
    yield from _check_images(tree, len(words.text.split()))
    for link in links_of(tree):
        for one in check_link(link):
            yield replace(one, block=None)
    yield from check_clients(words.html, None)
    yield from _check_kind(email, words.html, words.text)
    if plain.drifted(email):
        message = _("The HTML has changed since the plain text was written: read it again.")
        yield Problem("warn", "TEXT_DRIFT", message)


def _check_page(tree: LexborHTMLParser) -> Iterator[Problem]:
    root = tree.root
    if root is not None and not (root.attributes.get("lang") or "").strip():
        message = _("The HTML does not say its language: write <html lang=…>.")
        yield Problem("warn", "HTML_LANG", message)
    title = tree.css_first("title")
    if title is None or not title.text(strip=True):
        yield Problem("advice", "HTML_TITLE", _("The HTML has no title."))
    levels = [int((node.tag or "h1")[1]) for node in tree.css("h1, h2, h3, h4, h5, h6")]
    if levels and levels[0] != 1:
        yield Problem("advice", "HEADING_ORDER", _("The first heading should be the main one."))


def _check_images(tree: LexborHTMLParser, words: int) -> Iterator[Problem]:
    shown = [node for node in tree.css("img") if node.attributes.get("width") != "1"]
    for node in shown:
        attributes = node.attributes
        source, alt = (attributes.get("src") or "").strip(), attributes.get("alt")
        if alt is None:
            message = _("The image “%(url)s” has no alt attribute; empty is for decoration.")
            yield Problem("warn", "IMAGE_ALT", message % {"url": source[-60:]})
        elif FILE_NAME.fullmatch(alt.strip()):
            message = _("An image is described by the name of its file.")
            yield Problem("warn", "IMAGE_ALT_FILE", message)
        if not (attributes.get("width") or "width" in (attributes.get("style") or "")):
            message = _("The image “%(url)s” has no width: Outlook shows it at its full size.")
            yield Problem("advice", "IMAGE_WIDTH", message % {"url": source[-60:]})
        if source.startswith("http:"):
            yield Problem("warn", "IMAGE_HTTP", _("An image is not encrypted: use https://."))
    if shown and words < FEW:
        message = _("There are fewer than %(count)s words: with images off little is left.")
        yield Problem("warn", "IMAGE_ONLY", message % {"count": FEW})


def links_of(tree: LexborHTMLParser) -> Iterator[Link]:
    """What a reader can follow; our own links to unsubscribe lead where they say."""
    for node in tree.css("a[href]")[:LINKS]:
        href = (node.attributes.get("href") or "").strip()
        if not href.startswith(("#unsubscribe", "#web-version")):
            yield Link("", href, node.text(strip=True))


def check_clients(html: str, block: str | None) -> Iterator[Problem]:
    """What some mail programs do not show."""
    for code, mark, what, who in FEATURES:
        if mark.search(html):
            message = _("%(who)s: no %(what)s.") % {"who": ", ".join(who), "what": what}
            yield Problem("advice", f"CLIENT_{code}", message, block)


def _check_kind(email: Email, html: str, text: str) -> Iterator[Problem]:
    if email.kind == Kind.MARKETING:
        if UNSUBSCRIBE not in html:
            message = _("Marketing email needs a link to {{ unsubscribe_link }}.")
            yield Problem("block", "MISSING_UNSUBSCRIBE_LINK", message)
        return
    if UNSUBSCRIBE in html:
        message = _("Looks like marketing because it has an unsubscribe link.")
        yield Problem("warn", "PROMOTIONAL", message)
    found = promotional(text)
    if found:
        message = _("Looks like marketing because it says “%(words)s”.") % {"words": found}
        yield Problem("warn", "PROMOTIONAL", message)


def images_of(email: Email) -> list[tuple[str, str]]:
    """(address, no block) of each image as the draft is rendered."""
    try:
        html = render.render(email, sample_context(email), text=False).html
    except PostinoError:
        return []
    return [
        ((node.attributes.get("src") or "").strip(), "")
        for node in LexborHTMLParser(html).css("img")
    ]
