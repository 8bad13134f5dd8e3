"""The expressions a block document may hold, and what they compile to; nothing else is code.

Grammar: `path(.path)*`, then `|default("…")`, `|upper`, `|lower`, `|title`, `|round(n)`.
"""

import re
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext as _

EXPRESSION_LIMIT = 300  # characters
SEGMENTS = 8
FILTERS = 4
CONTACT, CUSTOM, UNSUBSCRIBE = "contact", "custom", "unsubscribe_link"
ROOTS = frozenset({CONTACT, CUSTOM, UNSUBSCRIBE})
RESERVED = frozenset(
    [
        "and",
        "as",
        "block",
        "do",
        "else",
        "elif",
        "endfor",
        "endif",
        "false",
        "False",
        "for",
        "from",
        "if",
        "import",
        "in",
        "include",
        "is",
        "loop",
        "macro",
        "none",
        "None",
        "not",
        "or",
        "raw",
        "recursive",
        "self",
        "set",
        "true",
        "True",
        "with",
    ]
)

_NAME = r"[A-Za-z][A-Za-z0-9_]{0,63}"
_IS_NAME = re.compile(_NAME)
_IS_PATH = re.compile(rf"{_NAME}(?:\.{_NAME})*+")
_STRING = r"\"(?:[^\"\\\x00-\x1f]|\\[\\\"'])*+\"|'(?:[^'\\\x00-\x1f]|\\[\\\"'])*+'"
_FILTER = re.compile(
    rf"\s*+\|\s*+(?:(upper|lower|title)|default\(\s*+({_STRING})\s*+\)|round\(\s*+([0-6]?)\s*+\))\s*+"
)
_OPEN = re.compile(r"\{[{%#]")
_END = re.compile(rf"(?:{_STRING}|[^}}\"']|\}}(?!\}})|(?!))*+\}}\}}")
_ESCAPED = re.compile(r"[\x00-\x1f\"'\\<>&{}%#\x7f\u2028\u2029]")

Op = Literal["set", "unset", "eq", "ne", "gt", "lt"]
OPS: frozenset[str] = frozenset({"set", "unset", "eq", "ne", "gt", "lt"})


class ExpressionRefused(ValueError):
    """Text that is not in the grammar; its text says why, in words for the author."""


def _not_one(text: str) -> str:
    return _("“%(text)s” is not a variable.") % {"text": text[:60]}


@dataclass(frozen=True, slots=True)
class Expression:
    """A path with what is done to its value before it is printed."""

    source: str
    path: str
    default: str | None = None
    filters: tuple[str, ...] = ()

    def compiled(self) -> str:
        """The inside of a minijinja `{{ }}`: no quote, brace or angle bracket but its own."""
        value = self.path
        if self.default is not None:
            there = f"{defined(self.path)} and {self.path} != ''"
            value = f"({self.path} if {there} else {literal(self.default)})"
        return "|".join((value, *self.filters))


def parse(text: str, *, names: frozenset[str] = frozenset()) -> Expression:
    """An expression; `names` are those a loop gives. Raises ExpressionRefused."""
    if len(text) > EXPRESSION_LIMIT:
        raise ExpressionRefused(
            _("A variable is longer than %(limit)s characters.") % {"limit": EXPRESSION_LIMIT}
        )
    text = text.strip()
    found = _IS_PATH.match(text)
    if found is None:
        raise ExpressionRefused(_not_one(text))
    path = parse_path(found[0], names=names)
    default: str | None = None
    filters: list[str] = []
    at = found.end()
    while at < len(text):
        match = _FILTER.match(text, at)
        if match is None or len(filters) == FILTERS:
            raise ExpressionRefused(
                _("“%(text)s” cannot follow a variable.") % {"text": text[at : at + 60].strip()}
            )
        at = match.end()
        if match[2] is not None:
            if default is not None or filters:
                raise ExpressionRefused(_("The default of a variable comes first, and once."))
            default = re.sub(r"\\(.)", r"\1", match[2][1:-1])
        else:
            filters.append(match[1] or f"round({match[3] or 0})")
    return Expression(text, path, default, tuple(filters))


def parse_path(text: str, *, names: frozenset[str] = frozenset()) -> str:
    """A dotted path to data. Raises ExpressionRefused."""
    parts = text.split(".")
    if len(text) > EXPRESSION_LIMIT or len(parts) > SEGMENTS or not _IS_PATH.fullmatch(text):
        raise ExpressionRefused(_not_one(text))
    if bad := RESERVED.intersection(parts):
        raise ExpressionRefused(
            _("“%(text)s” cannot be the name of a variable.") % {"text": min(bad)}
        )
    head, count = parts[0], len(parts)
    if head in names:
        return text
    right = {CONTACT: count == 2, CUSTOM: count >= 2, UNSUBSCRIBE: count == 1}
    if not right.get(head, False):
        known = "contact.…, custom.…" + "".join(f", {name}.…" for name in sorted(names))
        raise ExpressionRefused(
            _("“%(text)s” is not a known variable: use %(known)s.")
            % {"text": text[:60], "known": known}
        )
    return text


def parse_name(text: str) -> str:
    """The name a loop gives its entries. Raises ExpressionRefused."""
    if not _IS_NAME.fullmatch(text) or text in ROOTS or text in RESERVED:
        raise ExpressionRefused(
            _("“%(text)s” cannot name the entries of a list.") % {"text": text[:60]}
        )
    return text


def split(text: str, *, names: frozenset[str] = frozenset()) -> list[str | Expression]:
    """Plain text as literals and the `{{ }}` in it. Raises ExpressionRefused."""
    parts: list[str | Expression] = []
    at = 0
    while (opening := _OPEN.search(text, at)) is not None:
        end = _END.match(text, opening.end()) if opening[0] == "{{" else None
        if end is None:
            raise ExpressionRefused(_not_one(text[opening.start() :][:20]))
        if opening.start() > at:
            parts.append(text[at : opening.start()])
        parts.append(parse(text[opening.end() : end.end() - 2], names=names))
        at = end.end()
    if at < len(text):
        parts.append(text[at:])
    return parts


def defined(path: str) -> str:
    """A test that the path leads somewhere, sound under strict undefined at every step."""
    parts = path.split(".")
    steps = [".".join(parts[:count]) for count in range(min(2, len(parts)), len(parts) + 1)]
    return " and ".join(f"{step} is defined" for step in steps)


def condition(path: str, op: str, value: str | int | float | bool | None) -> str:
    """The test of a showIf, for `{% if %}`: false, never an error, where the path leads nowhere."""
    there = defined(path)
    if op == "set":
        return f"{there} and {path}"
    if op == "unset":
        return f"not ({there} and {path})"
    if op in {"eq", "ne"}:
        said = f"{path}|string" + ("|lower" if isinstance(value, bool) else "")
        same = f"{there} and {said} == {literal(_text(value))}"
        return same if op == "eq" else f"not ({same})"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExpressionRefused("“Greater” and “less” compare with a number.")
    sign = ">" if op == "gt" else "<"
    return f"{there} and {path}|number is number and {path}|number {sign} {value!r}"


def _text(value: str | float | bool | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def literal(text: str) -> str:
    """A string literal of minijinja; whatever could end a string, a tag or a block is escaped."""
    return '"' + _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + '"'
