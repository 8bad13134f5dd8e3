"""Rich text of a document: the allow-list, and how what passes it becomes email HTML.

The HTML is read by a real parser and written anew: nothing of the input is copied but text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape

from django.utils.translation import gettext as _
from selectolax.lexbor import LexborHTMLParser, LexborNode

from transactional.compose.document import expressions
from transactional.compose.document.expressions import ExpressionRefused
from transactional.compose.document.links import LinkRefused, parts_of
from transactional.compose.document.voice import Voice
from transactional.wire.html import NO_TRACK

RICH_LIMIT = 50_000  # characters of one text
SHORT = 2000  # characters of a text that is worth remembering
DEPTH = 20  # nested elements that are kept; what is deeper loses its markup, not its text
_SAME = {"b": "strong", "i": "em", "ins": "u", "del": "s", "strike": "s"}
_KEPT = frozenset({"p", "br", "strong", "em", "u", "s", "a", "ul", "ol", "li", "span"})
_DROPPED = frozenset(
    [
        "script",
        "style",
        "template",
        "svg",
        "math",
        "iframe",
        "object",
        "embed",
        "noscript",
        "noembed",
        "noframes",
        "textarea",
        "title",
        "xmp",
        "plaintext",
        "select",
        "option",
        "head",
        "base",
        "link",
        "meta",
        "form",
        "input",
        "audio",
        "video",
        "canvas",
    ]
)
_BLOCKS = frozenset({"p", "ul", "ol", "li"})
_MARGIN = {"p": "0 0 12px", "ul": "0 0 12px", "ol": "0 0 12px", "li": "0 0 4px"}


class RichTextRefused(ValueError):
    """Rich text that must not be kept; its text says why."""


@dataclass(frozen=True, slots=True)
class Open:
    """An element begins: `href` of a link and whether its clicks may be counted, `last` where no
    block of the text follows.
    """

    tag: str
    href: str = ""
    last: bool = False
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Close:
    """An element ends."""

    tag: str


@dataclass(frozen=True, slots=True)
class Chip:
    """A variable, as its author sees it."""

    source: str


Event = Open | Close | Chip | str


def events(
    html: str, *, names: frozenset[str] = frozenset(), inline: bool = False
) -> Sequence[Event]:
    """What of the HTML is kept, in order; `inline` keeps no paragraphs and lists.

    Raises RichTextRefused for a link or a variable that must not be kept. Short texts are
    remembered: of a draft that is saved with every pause of typing, one text has changed.
    """
    return (_remembered if len(html) <= SHORT else _events)(html, names, inline)


def _events(html: str, names: frozenset[str], inline: bool) -> tuple[Event, ...]:
    if len(html) > RICH_LIMIT:
        raise RichTextRefused(
            _("A text is longer than %(limit)s characters.") % {"limit": RICH_LIMIT}
        )
    body = LexborHTMLParser(f"<body>{html}").body
    found: list[Event] = []
    # Without recursion: pasted text may nest as deep as it likes
    stack: list[LexborNode | Close] = _children(body) if body is not None else []
    top, depth = {id(node) for node in stack[:1]}, 0
    while stack:
        node = stack.pop()
        if isinstance(node, Close):
            found.append(node)
            depth -= 1
            continue
        if node.tag == "-text":
            found += _text(node.text_content or "", names)
            continue
        if node.tag in _DROPPED or (node.tag or "-").startswith("-"):
            continue
        opened = _opened(node, names, last=id(node) in top)
        if isinstance(opened, Chip) or opened == Open("br"):
            found.append(opened)
            continue
        if opened is not None and depth < DEPTH and not (inline and opened.tag in _BLOCKS):
            found.append(opened)
            stack.append(Close(opened.tag))
            depth += 1
        stack += _children(node)
    return tuple(found)


_remembered = lru_cache(maxsize=2048)(_events)


def _children(node: LexborNode) -> list[LexborNode | Close]:
    nodes: list[LexborNode | Close] = [*node.iter(include_text=True)]
    return nodes[::-1]


def _opened(node: LexborNode, names: frozenset[str], *, last: bool) -> Open | Chip | None:
    """What an element becomes; None if only what is in it is kept."""
    tag = _SAME.get(node.tag or "", node.tag or "")
    if tag == "span":
        source = node.attributes.get("data-var")
        return None if source is None else _chip(source, names)
    if tag not in _KEPT:
        return None
    if tag != "a":
        return Open(tag, last=last)
    href = (node.attributes.get("href") or "").strip()
    try:
        parts_of(href, names=names)
    except LinkRefused as err:
        raise RichTextRefused(str(err)) from err
    # Its presence says it, as everywhere in HTML: what stands as its value is never kept
    return Open("a", href=href, counted=NO_TRACK not in node.attributes) if href else None


def _chip(source: str, names: frozenset[str]) -> Chip:
    try:
        return Chip(expressions.parse(source, names=names).source)
    except ExpressionRefused as err:
        raise RichTextRefused(str(err)) from err


def _text(text: str, names: frozenset[str]) -> list[Event]:
    """Text; a variable that was typed out becomes a chip, other braces stay text."""
    try:
        parts = expressions.split(text, names=names)
    except ExpressionRefused:
        return [text]
    return [part if isinstance(part, str) else Chip(part.source) for part in parts]


def sanitise(html: str, *, names: frozenset[str] = frozenset(), inline: bool = False) -> str:
    """The HTML as it is kept: only what the allow-list names. Raises RichTextRefused."""
    written = []
    for event in events(html, names=names, inline=inline):
        if isinstance(event, str):
            written.append(escape(event, quote=False))
        elif isinstance(event, Chip):
            source = escape(event.source)
            written.append(f'<span data-var="{source}">{source}</span>')
        elif isinstance(event, Close):
            written.append(f"</{event.tag}>")
        else:
            href = f' href="{escape(event.href)}"' if event.tag == "a" else ""
            # As browsers write it: the editor compares its own text with what is kept
            mark = "" if event.counted else f' {NO_TRACK}=""'
            written.append(f"<{event.tag}{href}{mark}>")
    return "".join(written)


def compile_rich(
    html: str, voice: Voice, *, names: frozenset[str], inline: bool = False, link: str
) -> str:
    """Sanitised HTML as email HTML, styled where it stands; `link` is the colour of links."""
    written = []
    for event in events(html, names=names, inline=inline):
        if isinstance(event, str):
            written.append(voice.literal(event))
        elif isinstance(event, Chip):
            written.append(voice.value(expressions.parse(event.source, names=names)))
        elif isinstance(event, Close):
            written.append(f"</{event.tag}>")
        elif event.tag == "a":
            href = voice.link(parts_of(event.href, names=names))
            mark = "" if event.counted else f" {NO_TRACK}"
            style = f"color:{link};text-decoration:underline"
            written.append(f'<a{mark} href="{href}" style="{style}">')
        elif event.tag in _BLOCKS:
            margin = "0" if event.last else _MARGIN[event.tag]
            inset = ";padding:0 0 0 24px" if event.tag in {"ul", "ol"} else ""
            written.append(f'<{event.tag} style="margin:{margin}{inset}">')
        else:
            written.append(f"<{event.tag}>")
    return "".join(written)


def plain(html: str, *, names: frozenset[str]) -> str:
    """The words of sanitised HTML, variables as {{ … }}: what checks read."""
    words = []
    for event in events(html, names=names):
        if isinstance(event, str):
            words.append(event)
        elif isinstance(event, Chip):
            words.append("{{ " + event.source + " }}")
        elif isinstance(event, Open | Close) and event.tag in _BLOCKS | {"br"}:
            words.append(" ")
    return " ".join("".join(words).split())
