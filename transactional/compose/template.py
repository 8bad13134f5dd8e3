"""Templates: compiled once, run with fuel, strict about what is missing, fed plain data only.

minijinja's parser crashes the process on long operator chains, so every expression is counted
before it is compiled; fuel bounds what a template may do when it runs.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import minijinja

FUEL = 100_000  # instructions: a receipt needs some hundreds, a bomb stops in under 15 ms
OPERATORS = 512  # per expression; the parser survives some 4,500 on a server's thread
SOURCE_LIMIT = 1_000_000  # characters of one template
OUTPUT_LIMIT = 5_000_000  # characters of one rendered part
DEPTH_LIMIT = 100  # nested blocks

_DELIMITED = re.compile(r"\{([{%#])(.*?)[}%#]\}", re.S)
_TOKEN = re.compile(r"\"[^\"]*\"|'[^']*'|\*\*|//|==|!=|<=|>=|[-+*/%~|.<>()\[\]{},:=]|\b\w+\b")
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

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def guard(source: str) -> None:
    """Refuse sources that could crash the compiler. Raises TemplateRefused, naming the line."""
    if len(source) > SOURCE_LIMIT:
        raise TemplateRefused(f"The template is longer than {SOURCE_LIMIT:,} characters.")
    if "{" not in source:
        return
    if source.count("{{") + source.count("{%") and not _DELIMITED.search(source):
        _count(source, 1)  # never closed: what the compiler would read as one expression
        return
    end = 0
    for match in _DELIMITED.finditer(source):
        end = match.end()
        if match[1] != "#":
            _count(match[2], source.count("\n", 0, match.start()) + 1)
    tail = source[end:]
    if "{{" in tail or "{%" in tail:
        _count(tail, source.count("\n", 0, end) + 1)
    depth = 0
    for line, text in enumerate(source.split("\n"), 1):
        depth += len(_OPENING.findall(text)) - len(_CLOSING.findall(text))
        if depth > DEPTH_LIMIT:
            raise TemplateRefused(f"More than {DEPTH_LIMIT} nested blocks.", line)


def _count(expression: str, line: int) -> None:
    operators = 0
    for token in _TOKEN.finditer(expression):
        text = token[0]
        if text in _WORDS or not (text[0].isalnum() or text[0] in "_\"'"):
            operators += 1
            if operators > OPERATORS:
                message = f"An expression has more than {OPERATORS} operators; split it up."
                raise TemplateRefused(message, line)


def _no_debug(*_: object, **__: object) -> str:
    return ""  # the built-in one prints the whole context, secrets included


def environment() -> minijinja.Environment:
    """A fresh environment: strict, fuelled, without a loader, escaping what is HTML."""
    env = minijinja.Environment(undefined_behavior="strict", fuel=FUEL, debug=False)
    env.auto_escape_callback = _escape_html_only
    env.keep_trailing_newline = True
    env.add_global("debug", _no_debug)
    return env


def _escape_html_only(name: str) -> str | None:
    return "html" if name.endswith(".html") else None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A set of templates of one version; `paths` are the variables they name."""

    env: minijinja.Environment
    names: frozenset[str]
    paths: frozenset[str]

    def render(self, name: str, context: dict[str, Any]) -> str:
        """One part. Raises minijinja.TemplateError."""
        return self.env.render_template(name, **context)


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
