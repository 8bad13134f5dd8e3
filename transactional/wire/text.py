"""The only place that makes the plain text of an email composed as HTML."""

import re
from collections.abc import Mapping
from functools import lru_cache
from html import unescape
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

#: Markup beyond this is not read: the plain text of a mail this large helps nobody.
HTML_MAX = 1_000_000

#: What a reader does not see. Each selector costs a walk, so one is only asked of HTML that has its word.
_HIDDEN: Mapping[str, str] = {
    **{name: name for name in ("head", "style", "script", "title", "template", "noscript", "svg")},
    "hidden": "[hidden]",
    "display": "[style*='display:none' i],[style*='display: none' i]",
    "mso-hide": "[style*='mso-hide:all' i]",
}
_IMAGES: Mapping[str, str] = {"img": "img[alt]", "image": "img[alt]"}  # as the parser reads both
_LINKS: Mapping[str, str] = {"a": "a[href]"}
_ITEMS: Mapping[str, str] = {"li": "li"}
# Private-use characters stand for layout while white space is being folded. All marks begin with
# the same one, so that looking for them is looking for one character.
_LINE = "\ue000"  # a block ends; many of them are still one line end
_BR = "\ue000\ue001"  # a line end that was asked for; two make a paragraph
_GAP = "\ue000\ue002"  # a paragraph ends
# Marks before these tags go into the source: much cheaper than nodes put into the tree. Where the
# parser moves text out of a table, only tags that cannot stand there either are marked so.
_MARKED = re.compile(r"<(br|/?p|/?h[1-6]|/div|li|/li|/td|/th)(?=[ \t\r\n\f/>])", re.IGNORECASE)
_MARK_OF = {"br": _BR, "/td": " ", "/th": " ", "/div": _LINE, "li": _LINE, "/li": _LINE}
_LINES: Mapping[str, str] = {
    name: name
    for name in (
        *("tr", "dt", "dd", "address", "section", "article", "header", "footer", "center"),
        *("caption", "figure"),
    )
} | {"td": "tr", "th": "tr"}  # the parser puts a row around them
_PARAGRAPHS: Mapping[str, str] = {
    name: name for name in ("ul", "ol", "blockquote", "pre", "table", "hr")
}
# Names of tags, and the words above that are none; `&#`: a word may be written in numbers
_WORD = re.compile(r"<([a-z][a-z0-9]*+)|(hidden|display|mso-hide|&#)", re.IGNORECASE)
_LINE_KEPT = 1_000  # characters: longer lines are read each time, which bounds what is kept of them
_INVISIBLE = "\u034f\u00ad\u200b\u200c\u2060\ufeff"
# A joiner holds an emoji together; beside a space it is filling.
_LOOSE_JOINER = re.compile(r"(?<=[\s\ue000-\ue002])\u200d+|\u200d+(?=[\s\ue000]|$)")
_LAYOUT = re.compile(r"\ue000[ \ue000-\ue002]*+")
_ANY_TAG = re.compile(r"<(?:!--(?:.*?-->|.*+)|[!/?a-zA-Z][^>]*+>?)", re.DOTALL)
_OPENED = re.compile(
    r"<(/?)(?!(?:br|img|hr|meta|link|input|col|area|base|wbr)\b)[a-zA-Z]", re.IGNORECASE
)
#: The HTML parser's time grows with the square of the depth; no mail is a thousand deep.
_DEPTH_MAX = 1_000


def html_to_text(html: str) -> str:
    """The text a reader of the HTML would see, in paragraphs; links as `label (url)`.

    Hidden preheaders, styles and comments are dropped, a table row becomes a line, an image its
    alternative text. Lines are not wrapped: mail clients do that. Ends with one newline unless
    there is no text at all.
    """
    html = html[:HTML_MAX]
    if html.count("<") > _DEPTH_MAX and _is_too_deep(html):
        return _tidy(unescape(_ANY_TAG.sub(" ", html)))
    lines = [
        _known(line) if len(line) <= _LINE_KEPT else _read(line)
        for line in html.splitlines(keepends=True)
    ]
    body = LexborHTMLParser("".join([line.marked for line in lines])).body
    if body is None:
        return ""
    words = frozenset().union(*[line.words for line in lines])
    # Descendants first: removing a node frees what is inside it.
    for node in reversed(_find(body, _HIDDEN, words)):
        node.decompose()
    for image in _find(body, _IMAGES, words):
        image.insert_before(image.attributes.get("alt") or "")
    for link in _find(body, _LINKS, words):
        _spell_out(link)
    for item in _find(body, _ITEMS, words):
        item.insert_before("- ")
    for node in _find(body, _LINES, words):
        node.insert_after(_LINE)
    for node in _find(body, _PARAGRAPHS, words):
        node.insert_before(_GAP)
        node.insert_after(_GAP)
    return _tidy(body.text())


class _Line(NamedTuple):
    """A line with its layout marked, and the words in it that selectors go by."""

    marked: str
    words: frozenset[str]


def _read(line: str) -> _Line:
    words = {(found[1] or found[2]).lower() for found in _WORD.finditer(line)}
    if "&#" in words:
        words |= {"display", "mso-hide"}
    return _Line(_MARKED.sub(_mark, line), frozenset(words))


#: Most lines of a mail are its template's: they were read for the copy before.
_known = lru_cache(maxsize=2048)(_read)


def _find(
    body: LexborNode, selectors: Mapping[str, str], words: frozenset[str]
) -> list[LexborNode]:
    """The nodes that any of these selectors finds, in the order of the document."""
    chosen = ",".join(dict.fromkeys([selectors[word] for word in selectors if word in words]))
    return body.css(chosen) if chosen else []


def _mark(tag: re.Match[str]) -> str:
    return _MARK_OF.get(tag[1].lower(), _GAP) + tag[0]


def _spell_out(link: LexborNode) -> None:
    """Put the address behind the label, unless the label is the address already."""
    url = (link.attributes.get("href") or "").strip()
    scheme, _, rest = url.partition(":")
    if scheme.lower() not in ("http", "https", "mailto", "tel"):
        return
    label = link.text().strip()
    if label.rstrip("/") in (url.rstrip("/"), rest.strip("/")):
        return
    link.insert_after(f" ({url})" if label else f" {url}")


def _tidy(text: str) -> str:
    """Fold white space as a browser does, then turn the layout marks into line ends."""
    for character in _INVISIBLE:
        text = text.replace(character, "")
    if "\u200d" in text:
        text = _LOOSE_JOINER.sub("", text)
    text = " ".join(text.split()).replace(f" {_LINE}", _LINE)
    text = _LAYOUT.sub(_line_end, text).strip()
    return text + "\n" if text else ""


def _is_too_deep(html: str) -> bool:
    depth = 0
    for tag in _OPENED.finditer(html):
        depth += -1 if tag[1] else 1
        if depth > _DEPTH_MAX:
            return True
    return False


def _line_end(layout: re.Match[str]) -> str:
    marks = layout[0]
    return "\n\n" if _GAP in marks or marks.count(_BR) > 1 else "\n"
