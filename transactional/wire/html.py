"""The only place that changes links in HTML: one linear pass, every other byte untouched (WHATWG §13.2.5)."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from html import escape
from html.entities import html5
from typing import NamedTuple

# Possessive throughout: each pattern looks at a character a bounded number of times, so hostile
# input costs what friendly input of its size costs. At an unclosed tag, comment or raw text the
# pass stops: for a browser everything from there to the end is inside it.
# `|(?!)`: a loop of Python 3.11.2 needs it (tests/house/test_patterns.py).
_WS = r"[ \t\n\r\f]"
_NAME = r"(?:=[^ \t\n\r\f/>=]*+|[^ \t\n\r\f/>=]++)"
_VALUE = r"""(?:"[^"]*+"|'[^']*+'|(?!["'])[^ \t\n\r\f>]*+)"""
_FRIENDLY = r"[ ][^ \t\n\r\f/>=\"']++=\"[^\"]*+\""  # nearly all there are, matched twice as fast
_SPACES = r"[ \t\n\r\f/]++"
_ATTRIBUTES = rf"(?:{_FRIENDLY}|{_SPACES}|{_NAME}(?:{_WS}*+={_WS}*+{_VALUE}|(?!{_WS}*+=))|(?!))*+"
# Group 1 a tag's name, 2 its attributes if the tag ever ends; 3 a comment, 4 what becomes one.
_MARKUP = re.compile(rf"<(?:(/?[a-zA-Z][^ \t\n\r\f/>]*+)(?:({_ATTRIBUTES})>|)|(!--)|([!?/]))")
_IS_HREF = r"[hH][rR][eE][fF](?![^ \t\n\r\f/>=])"
# Steps over the attributes before the first href: clients ignore a second one.
_HREF = re.compile(
    rf"(?:[ ](?!{_IS_HREF}){_FRIENDLY[3:]}|{_SPACES}|(?!{_IS_HREF}){_NAME}(?:{_WS}*+={_WS}*+{_VALUE}|)|(?!))*+"
    rf"""{_IS_HREF}{_WS}*+={_WS}*+(?:"([^"]*+)"|'([^']*+)'|(?!["'])([^ \t\n\r\f>]*+))"""
)
_MAYBE_NO_TRACK = re.compile(r"-[nN][oO]-[tT]")
_ATTRIBUTE = re.compile(rf"({_NAME})(?:{_WS}*+={_WS}*+{_VALUE}|)")
_COMMENT_END = re.compile(r"--!?>")
_LINKS = frozenset({"a", "area"})
_ENDS = ("/body", "/html")
#: Elements whose content is text to a mail client, with what ends it.
_RAW = {
    tag: re.compile(rf"</{tag}(?=[ \t\n\r\f/>])", re.IGNORECASE)
    for tag in ("style", "script", "title", "textarea", "xmp", "iframe", "noembed", "noframes")
}
_RAW["plaintext"] = re.compile(r"(?!)")  # never ends
# Text and whole tags that mean nothing here, stepped over in one match: most of a document
# (letters by hand: a look at each name's first one is quick, the flag for case is not)
_STOPS = "|".join(
    "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in name)
    for name in sorted([*_LINKS, *_ENDS, *_RAW])
)
_DULL = re.compile(
    rf"(?:[^<]++|<(?!(?:{_STOPS})[ \t\n\r\f/>])/?[a-zA-Z][^ \t\n\r\f/>]*+{_ATTRIBUTES}>|<(?![a-zA-Z/!?])|(?!))*+"
)
_REFERENCE = re.compile(r"&(?:#([0-9]++);?|#[xX]([0-9a-fA-F]++);?|([a-zA-Z][a-zA-Z0-9]*+)(;?)(=?))")
_TRIM = "".join(map(chr, range(0x21)))
_BREAKS = str.maketrans("", "", "\t\r\n")
_WINDOWS_1252 = {b: bytes((b,)).decode("cp1252", "replace") for b in range(0x80, 0xA0)}

NO_TRACK = "data-no-track"
_LINE_KEPT = (
    1000  # characters: longer lines are walked each time, which bounds what is kept of them
)


class _Link(NamedTuple):
    """One http(s) link: where its value stands, in which quotes, and where it leads."""

    start: int
    end: int
    quoted: bool
    url: str


class _Walk(NamedTuple):
    """What was found in a stretch of markup; `stopped`: where what never ends in it begins, or -1."""

    links: tuple[_Link, ...]
    ends: tuple[tuple[str, int], ...]
    stopped: int


class _Scan:
    """The walk over the markup; after it, where the document's body ends.

    It goes line by line, because most lines of a mail are its template's: those were walked before.
    """

    def __init__(self, html: str) -> None:
        self._html = html
        self._ends: dict[str, int] = {}

    def links(self) -> Iterator[tuple[int, int, bool, str]]:
        """Every followable link in order, to the end of the text: the fields of a `_Link`."""
        html, at, whole = self._html, 0, len(self._html)
        find, known = html.find, _known
        while at < whole:
            after = find("\n", at) + 1 or whole
            line = html[at:after]
            found = known(line) if after - at <= _LINE_KEPT else _walk(line)
            if found is _NOTHING:  # most lines
                at = after
                continue
            links, ends, stopped = found
            for name, place in ends:
                self._ends[name] = at + place
            for start, end, quoted, url in links:
                yield at + start, at + end, quoted, url
            if stopped < 0:
                at = after
                continue
            # What begins in this line ends in another one, or never
            tag = _MARKUP.match(html, at + stopped)
            at = _beyond(html, tag) if tag else -1
            if tag is None or at < 0:
                return
            name = (tag[1] or "").lower()
            if name in _ENDS:
                self._ends[name] = tag.start()
            elif name in _LINKS and (over := _link(html, *tag.span(2))):
                yield over

    def pixel_place(self) -> int:
        """Before the last real </body>, else before </html>, else the end. Only after the walk."""
        for name in _ENDS:
            if name in self._ends:
                return self._ends[name]
        return len(self._html)


def _walk(html: str) -> _Walk:
    """Look at each piece of markup, until one does not end here."""
    links: list[_Link] = []
    ends: list[tuple[str, int]] = []
    at, dull, search = 0, _DULL.match, _MARKUP.search
    while (skipped := dull(html, at)) and (tag := search(html, skipped.end())):
        at = _beyond(html, tag)
        if at < 0:
            return _Walk(tuple(links), tuple(ends), tag.start())
        name = (tag[1] or "").lower()
        if name in _LINKS:
            link = _link(html, *tag.span(2))
            if link:
                links.append(link)
        elif name in _ENDS:
            ends.append((name, tag.start()))
    return _Walk(tuple(links), tuple(ends), -1) if links or ends else _NOTHING


_NOTHING = _Walk((), (), -1)
_known = lru_cache(maxsize=2048)(_walk)


def _beyond(html: str, tag: re.Match[str]) -> int:
    """Where markup goes on behind this tag or comment and what is text in it; -1 when it never ends."""
    at = tag.end()
    if tag[1] is not None:
        if tag[2] is None:
            return -1
        raw = _RAW.get(tag[1].lower())
        if raw is None:
            return at
        close = raw.search(html, at)
        return close.start() if close else -1
    if tag[3] is None:
        return html.find(">", at) + 1 or -1
    for short in (">", "->"):  # <!--> and <!---> are whole comments
        if html.startswith(short, at):
            return at + len(short)
    close = _COMMENT_END.search(html, at)
    return close.end() if close else -1


def _link(html: str, start: int, end: int) -> _Link | None:
    """The link of one <a> or <area> whose attributes stand between start and end."""
    found = _HREF.match(html, start, end)
    if found is None:
        return None
    group = found.lastindex or 1
    url = _url(found[group])
    if url[:7].lower() != "http://" and url[:8].lower() != "https://":
        return None
    if _MAYBE_NO_TRACK.search(html, start, end) and _is_untracked(html, start, end):
        return None
    return _Link(*found.span(group), group != 3, url)


def _is_untracked(html: str, start: int, end: int) -> bool:
    return any(found[1].lower() == NO_TRACK for found in _ATTRIBUTE.finditer(html, start, end))


def _url(value: str) -> str:
    """What a client requests for this attribute value: references decoded, breaks dropped."""
    if "&" in value:
        value = _REFERENCE.sub(_decode_reference, value)
    return value.strip(_TRIM).translate(_BREAKS)


def _decode_reference(match: re.Match[str]) -> str:
    """One character reference by the rules for attributes: `&copy=1` is not a copyright sign."""
    decimal, hexadecimal, name, semicolon, equals = match.groups()
    if name is None:
        digits, base = (decimal, 10) if decimal else (hexadecimal, 16)
        digits = digits.lstrip("0")
        code = int(digits, base) if 0 < len(digits) < 9 else 0
        if code == 0 or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            return "\ufffd"
        return _WINDOWS_1252.get(code) or chr(code)
    if semicolon:
        return html5.get(name + ";", match[0][: -1 if equals else None]) + equals
    return match[0] if equals else html5.get(name, match[0])


def links(html: str) -> list[str]:
    """The URLs `rewrite_links` would hand to its callback, in the same order."""
    return [url for *_, url in _Scan(html).links()]


def rewrite_links(
    html: str, link: Callable[[str, int], str | None] | None, *, pixel: str | None = None
) -> str:
    """Replace http(s) href values of <a> and <area>, and put the pixel's markup into the body once.

    `link(url, index)` gets the decoded URL and its place among the links of this text (from 0,
    as in `links`); None leaves that link as it is, and so does a `data-no-track` attribute.
    Comments (conditional ones too), style, script and the like are not markup. Every other
    character of the text comes back identical.
    """
    scan = _Scan(html)
    out: list[str] = []
    copied = 0
    edits: list[tuple[int, int, str]] = []
    for index, (start, end, quoted, url) in enumerate(scan.links()):
        target = link(url, index) if link else None
        if target is not None:
            value = escape(target, quote=True)
            edits.append((start, end, value if quoted else f'"{value}"'))
    if pixel:
        place = scan.pixel_place()
        follows = edits and edits[-1][0] > place  # links may follow </body>
        edits.append((place, place, pixel))
        if follows:
            edits.sort(key=lambda edit: edit[0])
    for start, end, value in edits:
        out += (html[copied:start], value)
        copied = end
    out.append(html[copied:])
    return "".join(out)
