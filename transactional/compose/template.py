"""Templates: compiled once, run with fuel, strict about what is missing, fed plain data only.

minijinja's parser crashes the process on long operator chains, so every expression is counted
before it is compiled; fuel bounds what a template may do when it runs.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import minijinja

from transactional.compose.hubl.install import install
from transactional.compose.hubl.run import TooMuch, running

FUEL = 100_000  # instructions: a receipt needs some hundreds, a bomb stops in under 15 ms
OPERATORS = 512  # per expression; the parser survives some 4,500 on a server's thread
SOURCE_LIMIT = 1_000_000  # characters of one template
OUTPUT_LIMIT = 5_000_000  # characters of one rendered part
DEPTH_LIMIT = 100  # nested blocks
LINK_SCHEMES = frozenset({"http", "https", "mailto", "tel"})

_OPEN = re.compile(r"\{[{%#]")
# What stands between delimiters: strings whole, words whole, anything else character by character
IN_EXPRESSION = re.compile(
    r"\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'|\w++|\s++|\*\*|//|[=!<>]=|.", re.S
)
_ENDS = {"{{": re.compile(r"[-+]?\}\}"), "{%": re.compile(r"[-+]?%\}")}
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*+):")
# What browsers drop from a URL before they read its scheme (WHATWG URL §4.4)
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")
_WORDS = frozenset({"not", "and", "or", "in", "is", "if", "else"})
_OPENING = re.compile(r"\{%-?\s*(for|if|macro|call|filter|set|with|block|autoescape|raw)\b")
_CLOSING = re.compile(r"\{%-?\s*end(for|if|macro|call|filter|set|with|block|autoescape|raw)\b")


@dataclass(frozen=True, slots=True)
class TemplateProblem:
    """What is wrong with a template: in which field, on which line, in words."""

    field: str
    line: int
    message: str
    code: str = "TEMPLATE_SYNTAX"


class TemplateRefused(Exception):
    """A template that must not reach the compiler, or that it refuses."""

    def __init__(
        self, message: str, line: int = 1, *, code: str = "TEMPLATE_RENDER_EXCEPTION"
    ) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.code = code


def guard(source: str) -> None:
    """Refuse sources that could crash the compiler. Raises TemplateRefused, naming the line."""
    if len(source) > SOURCE_LIMIT:
        raise TemplateRefused(f"The template is longer than {SOURCE_LIMIT:,} characters.")
    at, depth = 0, 0
    line, counted = 1, 0
    while (opening := _OPEN.search(source, at)) is not None:
        line += source.count("\n", counted, opening.start())
        counted = opening.start()
        if opening[0] == "{#":
            at = source.find("#}", opening.end())
            if at < 0:
                return  # the compiler says so, with its line
            continue
        at = _expression(source, opening, line)
        if opening[0] == "{%":
            statement = source[opening.start() : at]
            depth += bool(_OPENING.match(statement)) - bool(_CLOSING.match(statement))
            if depth > DEPTH_LIMIT:
                raise TemplateRefused(f"More than {DEPTH_LIMIT} nested blocks.", line)


def _expression(source: str, opening: re.Match[str], line: int) -> int:
    """Count one expression's operators up to its end; returns where the text after it begins.

    As in the compiler's lexer, an end inside a string or within open brackets is none.
    """
    ends = _ENDS[opening[0]]
    at, operators, balance = opening.end(), 0, 0
    while at < len(source):
        if balance == 0 and (end := ends.match(source, at)):
            return end.end()
        token = IN_EXPRESSION.match(source, at)
        assert token is not None  # noqa: S101 — the last alternative matches any character
        text, at = token[0], token.end()
        first = text[0]
        if text in _WORDS or not (first.isalnum() or first in "_\"'" or first.isspace()):
            operators += 1
            if operators > OPERATORS:
                message = f"An expression has more than {OPERATORS} operators; split it up."
                raise TemplateRefused(message, line)
        balance = max(balance + (text in "([{") - (text in ")]}"), 0)
    return at


def _no_debug(*_: object, **__: object) -> str:
    return ""  # the built-in one prints the whole context, secrets included


def _only_data(value: object) -> object:
    """Refuse to print a function: the data's own methods are no part of it."""
    if callable(value):
        raise TemplateRefused("A function is used where a value is expected.")
    return NotImplemented  # as the engine would


def scheme_of(url: str) -> str:
    """The scheme a browser would read, in lower case; empty if there is none."""
    found = _SCHEME.match(_UNSEEN.sub("", url))
    return found[1].lower() if found else ""


def _link(value: object) -> str:
    """A value as a whole link: one that would run something, or holds its content, leads nowhere."""
    url = str(value).strip()
    return url if scheme_of(url) in LINK_SCHEMES | {""} else "#"


def _number(value: object) -> float | int | str:
    """A value to compare as a number: itself, or empty text where it is none."""
    if isinstance(value, int | float):
        return value
    try:
        found = float(str(value))
    except ValueError:
        return ""
    return found if math.isfinite(found) else ""


def environment() -> minijinja.Environment:
    """A fresh environment: strict, fuelled, without a loader, escaping what is HTML."""
    env = minijinja.Environment(undefined_behavior="strict", fuel=FUEL, debug=False)
    env.auto_escape_callback = _escape_html_only
    env.finalizer = _only_data
    env.keep_trailing_newline = True
    env.add_global("debug", _no_debug)
    env.add_filter("link", _link)
    env.add_filter("number", _number)
    install(env)
    return env


def _escape_html_only(name: str) -> str | None:
    return "html" if name.endswith(".html") else None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A set of templates of one version; `paths` are the variables they name."""

    env: minijinja.Environment
    names: frozenset[str]
    paths: frozenset[str]

    def render(
        self, name: str, context: dict[str, Any], *, now: datetime | None = None, seed: str = ""
    ) -> str:
        """One part. Raises minijinja.TemplateError, or TemplateRefused for a call that fails.

        `now` and `seed` are the clock and the dice of its filters: the message's own.
        """
        try:
            with running(now or datetime.now(UTC), f"{seed}:{name}"):
                return self.env.render_template(name, **context)
        except TooMuch as err:
            message = "The template does too much: its filters read or write too much text."
            raise TemplateRefused(message, code="HUBL_LIMIT_EXCEEDED") from err
        except (AttributeError, LookupError, TypeError, ValueError) as err:
            # a method of the data was called that it does not have, or with the wrong arguments
            raise TemplateRefused(f"A call in {name} failed: {err}.") from err


@lru_cache(maxsize=512)
def compile_parts(parts: tuple[tuple[str, str], ...]) -> Compiled:
    """Compile (name, source) pairs together. Raises TemplateRefused.

    Cached by content: a version's templates are compiled once per process.
    """
    env = environment()
    paths: set[str] = set()
    for name, source in parts:
        guard(source)
        try:
            env.add_template(name, source)
            paths |= env.undeclared_variables_in_str(source, nested=True)
        except minijinja.TemplateError as err:
            raise TemplateRefused(_sentence(err), err.line or 1) from err
    return Compiled(env, frozenset(name for name, _ in parts), frozenset(paths))


def _sentence(err: minijinja.TemplateError) -> str:
    """The compiler's complaint as a sentence, without its location."""
    text = (err.detail or err.message or "The template cannot be read").strip()
    return text[:1].upper() + text[1:].rstrip(".") + "."


def problems(field: str, source: str) -> list[TemplateProblem]:
    """What keeps one field's template from compiling: none, or one problem with its line."""
    try:
        compile_parts(((f"{field}.html" if field == "html" else field, source),))
    except TemplateRefused as err:
        return [TemplateProblem(field, err.line, err.message)]
    return []
