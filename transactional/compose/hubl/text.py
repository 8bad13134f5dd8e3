"""HubL's filters of text, as jinjava has them, each bounded in what it makes."""

import hashlib
import ipaddress
import json
import re
import textwrap
from collections.abc import Mapping
from html import escape
from html.parser import HTMLParser
from typing import Any

from minijinja import Markup, safe

from transactional.compose.hubl import regex

WIDTH = 1_000  # characters a text may be padded to
_URL = re.compile(r"https?://[-a-zA-Z0-9+&@#/%?=~_|!:,.;]*[-a-zA-Z0-9+&@#/%=~_|]", re.I | re.ASCII)
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    ]
)
_JS = {
    '"': '\\"', "'": "\\'", "\\": "\\\\", "\b": "\\b", "\n": "\\n", "\t": "\\t", "\f": "\\f",
    "\r": "\\r", "/": "\\/", "<": "\\u003C", ">": "\\u003E", "&": "\\u0026",
    "\u2028": "\\u2028", "\u2029": "\\u2029",
}  # fmt: skip
_JINJAVA = {"{": "&lbrace;", "}": "&rbrace;"}


def string(value: object) -> str:
    """A value as text; nothing is empty text."""
    return "" if value is None else str(value)


def width_of(value: object, *, limit: int, name: str) -> int:
    """A whole number from 0 to `limit`. Raises ValueError that names the filter's argument."""
    try:
        number = int(str(value))
    except ValueError as err:
        raise ValueError(f"{name} must be a whole number") from err
    if not 0 <= number <= limit:
        raise ValueError(f"{name} must be from 0 to {limit:,}")
    return number


def center(value: object, width: object = 80) -> str:
    """The text in the middle of a field."""
    return string(value).center(width_of(width, limit=WIDTH, name="the width of center"))


def cut(value: object, to_remove: object) -> str:
    """The text without every occurrence of another."""
    return string(value).replace(string(to_remove), "") if string(to_remove) else string(value)


def truncate(
    value: object, length: object = 255, killwords: object = False, end: object = "..."
) -> object:
    """Text cut to a length, before its last word unless `killwords`, and an ending after it."""
    if not isinstance(value, str):
        return value
    limit = width_of(length, limit=1_000_000, name="the length of truncate")
    text = str(value)
    if len(text) <= limit:
        return value
    if killwords is not True and killwords != "true":
        while limit > 0:
            limit -= 1
            if text[limit].isspace():
                break
        limit += 1
    return text[:limit] + string(end)


def wordwrap(value: object, width: object = 79, break_long_words: object = True) -> str:
    """Lines of at most so many characters."""
    wanted = width_of(width, limit=WIDTH, name="the width of wordwrap")
    breaking = break_long_words is not False
    lines = str(string(value)).splitlines() or [""]
    return "\n".join(
        textwrap.fill(line, max(wanted, 1), break_long_words=breaking, break_on_hyphens=False)
        for line in lines
    )


def wordcount(value: object) -> int:
    """How many words."""
    return len(string(value).split())


def md5(value: object) -> str:
    """The MD5 sum in hexadecimal: for gravatars, not for secrets."""
    return hashlib.md5(string(value).encode(), usedforsecurity=False).hexdigest()


def escapejs(value: object) -> str:
    """Escaped for a string in JavaScript."""
    return "".join(_JS.get(char, char) for char in string(value))


def escapejson(value: object) -> str:
    """Escaped for a string in JSON."""
    return json.dumps(string(value), ensure_ascii=False)[1:-1]


def escape_jinjava(value: object) -> str:
    """Braces as entities, so that no second rendering reads them."""
    return "".join(_JINJAVA.get(char, char) for char in string(value))


def forceescape(value: object) -> str:
    """Escaped as HTML, even if it was safe already."""
    return safe(escape(str(string(value))))


def regex_replace(value: object, pattern: object, new: object) -> str:
    """Every match replaced; `$1` is what the first group matched. Linear in time, as RE2."""
    return regex.replace(str(string(value)), string(pattern), string(new))


def ipaddr(value: object, part: object = "") -> object:
    """Whether it is an IP address; or its prefix, netmask, network, address, broadcast."""
    if isinstance(value, list):
        return [one for one in value if isinstance(one, str) and ipaddr(one, part)]
    if not isinstance(value, str):
        return False
    try:
        if not part:
            ipaddress.ip_address(value.strip())
            return True
        if "/" not in value:
            return ""
        found = ipaddress.ip_interface(value.strip())
    except ValueError:
        return "" if part else False
    answers: dict[str, object] = {
        "prefix": found.network.prefixlen,
        "netmask": str(found.netmask),
        "network": str(found.network.network_address),
        "address": str(found.ip),
        "broadcast": str(found.network.broadcast_address),
    }
    if part not in answers:
        raise ValueError(f"ipaddr knows {', '.join(answers)}")
    return answers[str(part)]


def urlize(
    value: object, trim_url_limit: object = 2000, nofollow: object = False, target: object = ""
) -> str:
    """Web addresses in a text as links; all else is escaped, unless it was safe already."""
    limit = width_of(trim_url_limit, limit=10_000, name="the limit of urlize")
    text = string(value)
    keep = isinstance(value, Markup)
    made: list[str] = []
    at = 0
    rel = ' rel="nofollow"' if nofollow is True or nofollow == "true" else ""
    where = f' target="{escape(string(target))}"' if string(target).strip() else ""
    for found in _URL.finditer(text):
        between, url = text[at : found.start()], found[0]
        made.append(between if keep else escape(between))
        short = url if len(url) <= limit else f"{url[: max(limit - 3, 0)]}..."
        made.append(f'<a href="{escape(url)}"{rel}{where}>{escape(short)}</a>')
        at = found.end()
    made.append(text[at:] if keep else escape(text[at:]))
    return safe("".join(made))


def xmlattr(value: object, autospace: object = True) -> str:
    """A dictionary as attributes, escaped; names that are none, and handlers, are left out."""
    if not isinstance(value, Mapping):
        raise ValueError("xmlattr needs a dictionary")
    pairs = [
        f'{name}="{escape(string(item))}"'
        for name, item in value.items()
        if item is not None
        and re.fullmatch(r"[A-Za-z_:][\w:.-]*", string(name), re.ASCII)
        and not string(name).lower().startswith("on")
    ]
    text = " ".join(pairs)
    return safe(f" {text}" if text and autospace is not False else text)


class _Cutter(HTMLParser):
    """Copies HTML until enough text has passed, then closes what is open."""

    def __init__(self, length: int, end: str, *, killwords: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.left = length
        self.end = end
        self.killwords = killwords
        self.made: list[str] = []
        self.open: list[str] = []
        self.full = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Copied, unless the text is full."""
        if self.full:
            return
        self.made.append(self.get_starttag_text() or "")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Copied, unless the text is full."""
        if not self.full:
            self.made.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        """Closes up to its own start, if there is one."""
        if self.full or tag not in self.open:
            return
        while self.open:
            last = self.open.pop()
            self.made.append(f"</{last}>")
            if last == tag:
                break

    def handle_data(self, data: str) -> None:
        """Copied as far as it fits."""
        if self.full:
            return
        if len(data) <= self.left:
            self.left -= len(data)
            self.made.append(escape(data, quote=False))
            return
        kept = data[: self.left]
        if not self.killwords and not data[self.left].isspace():
            kept = kept[: kept.rfind(" ")].rstrip() if " " in kept else ""
        self.made.append(escape(kept, quote=False) + escape(self.end, quote=False))
        self.full = True

    def finished(self) -> str:
        """What was copied, with everything closed."""
        self.made += [f"</{tag}>" for tag in reversed(self.open)]
        return "".join(self.made)


def truncatehtml(
    value: object, length: object = 255, end: object = "...", breakword: object = False
) -> Any:
    """HTML cut after `length` characters of text, every element closed."""
    if not isinstance(value, str):
        return value
    limit = width_of(length, limit=1_000_000, name="the length of truncatehtml")
    killwords = breakword is True or breakword == "true"
    parser = _Cutter(limit, string(end), killwords=killwords)
    parser.feed(str(value))
    parser.close()
    made = parser.finished()
    # What was no HTML before is none now: the output stays as trusted as the input was
    return safe(made) if isinstance(value, Markup) else made
