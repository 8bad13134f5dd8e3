"""An expression of HubL, Jinja, Django, Liquid or Handlebars as one of ours."""

import re
from dataclasses import dataclass, field

from transactional.compose.hubl.context import CONTENT, LINKS, SITE
from transactional.compose.hubl.filters_table import FILTERS, Support
from transactional.compose.importing.notes import Level, Notes
from transactional.compose.template import IN_EXPRESSION

FUNCTIONS = frozenset(
    {"range", "dict", "personalization_token", "today", "unixtimestamp", "datetimeformat", "super"}
)
KNOWN = frozenset(
    {
        "contact", "custom", CONTENT, SITE, "subscription_name", "unsubscribe_section", "loop",
        "unsubscribe_anchor", "true", "false", "none", "True", "False", "None", "not", "and", "or",
        "in", "is", "if", "else", *LINKS, *FUNCTIONS,
    }
)  # fmt: skip
TESTS = frozenset({"is"})
FILTER_NAMES = frozenset(one.name for one in FILTERS if one.support is not Support.NONE) | {
    "link", "number", "items", "min", "max", "zip", "lines",
}  # fmt: skip
# Other engines' names of filters we have
RENAMED = {
    "upcase": "upper", "downcase": "lower", "size": "length", "strip": "trim", "date": "datetimeformat",
    "linebreaksbr": "", "linebreaks": "", "striptags_safe": "striptags", "force_escape": "forceescape",
    "escape_once": "escape", "plus": "add", "times": "multiply", "divided_by": "divide",
    "unescape": "", "safeseq": "safe", "nl2br": "", "localize": "", "money": "format_currency",
}  # fmt: skip
# Objects of HubSpot's CRM that an email of ours does not know: their properties are sent along
CRM = frozenset({"company", "deal", "ticket", "owner", "quote", "order", "user", "line_item"})


class Unknown(Exception):
    """The expression calls what we do not have."""


@dataclass(slots=True)
class Scope:
    """Names that the template itself makes, and the lists of Handlebars we are inside of."""

    local: set[str] = field(default_factory=set)
    loops: list[str] = field(default_factory=list)


def convert(inner: str, line: int, scope: Scope, notes: Notes) -> str:
    """The expression in our words. Raises Unknown, with what is not known."""
    tokens = _words(_ternary(inner))
    made: list[str] = []
    at = 0
    while at < len(tokens):
        word = tokens[at]
        before = _near(made)
        after = next((t for t in tokens[at + 1 :] if not t.isspace()), "")
        if before == "|" and _is_name(word):
            at = _filter(tokens, at, line, made, notes)
            continue
        if _is_name(word) and before != ".":
            made.append(_name(word, before, after, line, scope, notes))
        elif word in ("&&", "||"):
            made.append(" and " if word == "&&" else " or ")
        elif word == "!" and after != "=":
            made.append("not ")
        elif word == "?" or (word == ":" and before != "" and _in_dict(made) is False):
            raise Unknown(inner)
        else:
            made.append(word)
        at += 1
    return re.sub(r"(?<=\S)  +(?=\S)", " ", "".join(made)).strip()


def _words(inner: str) -> list[str]:
    found: list[str] = []
    for match in IN_EXPRESSION.finditer(inner):
        word = match[0]
        if found and found[-1] + word in ("&&", "||"):
            found[-1] += word
        else:
            found.append(word)
    return found


_TERNARY = re.compile(r"^\s*(?:\()?([^?:|{}\[\]]+?)\?([^?:]+):([^?:]+?)\)?\s*$")


def _ternary(inner: str) -> str:
    found = _TERNARY.match(inner)
    return f"{found[2].strip()} if {found[1].strip()} else {found[3].strip()}" if found else inner


def _near(made: list[str]) -> str:
    return next((word for word in reversed(made) if not word.isspace()), "")


def _is_name(word: str) -> bool:
    return (word[0].isalpha() or word[0] == "_") and word.isascii()


def _in_dict(made: list[str]) -> bool:
    text = "".join(made)
    return text.count("{") > text.count("}") or text.count("[") > text.count("]")


def _name(word: str, before: str, after: str, line: int, scope: Scope, notes: Notes) -> str:
    if word == "null" or word == "nil":
        return "none"
    if after == "=" or before == "is" or word in scope.local:
        return word
    if after == "(" and word not in FUNCTIONS:
        raise Unknown(f"{word}()")
    if word in KNOWN:
        return word
    if scope.loops:
        return f"{scope.loops[-1]}.{word}"
    code = "CRM_VARIABLE" if word in CRM else "VARIABLE"
    notes.add(line, Level.REPLACED, code, word, f"custom.{word}")
    return f"custom.{word}"


def _filter(tokens: list[str], at: int, line: int, made: list[str], notes: Notes) -> int:
    """One filter after its bar; returns where the rest begins."""
    name = tokens[at]
    arguments, at = _arguments(tokens, at + 1)
    wanted = RENAMED.get(name, name)
    if wanted not in FILTER_NAMES:
        while made and made[-1] != "|":
            made.pop()
        made.pop()
        notes.add(line, Level.DROPPED, "FILTER", name)
        return at
    if wanted != name:
        notes.add(line, Level.REPLACED, "FILTER_NAME", name, wanted)
    plain = re.fullmatch(r"\(\s*(['\"])(\w+)\1\s*\)", arguments)
    if name == "map" and plain and plain[2] not in FILTER_NAMES:
        arguments = f"(attribute='{plain[2]}')"
    if name == "sum" and (by := re.search(r"attribute\s*=\s*(['\"])([\w.]+)\1", arguments)):
        made.append(f"map(attribute='{by[2]}')|sum")
        notes.add(line, Level.REPLACED, "FILTER_NAME", f"sum{arguments}", "map|sum")
        return at
    if name == "date":
        arguments = _django_date(arguments)
    made.append(wanted + arguments)
    return at


def _arguments(tokens: list[str], at: int) -> tuple[str, int]:
    """`(…)`, or `:argument` as Django and Liquid write it."""
    if at < len(tokens) and tokens[at] == "(":
        depth, start = 0, at
        while at < len(tokens):
            depth += (tokens[at] in "([{") - (tokens[at] in ")]}")
            at += 1
            if depth == 0:
                break
        return "".join(tokens[start:at]), at
    if at < len(tokens) and tokens[at] == ":":
        at += 1
        start = at
        while at < len(tokens) and tokens[at] != "|":
            at += 1
        return f"({''.join(tokens[start:at]).strip()})", at
    return "", at


_PHP = {
    "d": "%d", "j": "%-d", "D": "%a", "l": "%A", "N": "%w", "F": "%B", "M": "%b", "m": "%m",
    "n": "%-m", "Y": "%Y", "y": "%y", "H": "%H", "G": "%-H", "g": "%-I", "h": "%I", "i": "%M",
    "s": "%S", "A": "%p", "a": "%p", "e": "%Z", "T": "%Z", "O": "%z", "P": "%-I:%M %p",
}  # fmt: skip


def _django_date(arguments: str) -> str:
    """Django's letters as strftime; a pattern with % is one already."""
    found = re.fullmatch(r"\((['\"])([^'\"%]*)\1\)", arguments)
    if not found:
        return arguments
    return "('" + "".join(_PHP.get(char, char) for char in found[2]) + "')"
