"""A template as its parts: text, expressions, statements, comments, each with its line."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum

from transactional.compose.template import IN_EXPRESSION


class Kind(StrEnum):
    """What a part is."""

    TEXT = "text"
    EXPRESSION = "expression"
    STATEMENT = "statement"
    COMMENT = "comment"


@dataclass(slots=True)
class Token:
    """One part: `source` as it stood there, `inner` between its delimiters, trimmed."""

    kind: Kind
    source: str
    inner: str
    line: int


STEPS = 300_000  # words and signs looked at for ends: a megabyte of template has fewer
COMMENT_LIMIT = 20_000  # characters
_OPEN = re.compile(r"\{\{\{|\{\{|\{%|\{#")
_RAW_END = re.compile(r"\{%-?\s*end(raw|verbatim)\s*-?%\}")


def split(source: str) -> list[Token]:
    """The whole source in parts; joined, their sources are the source again."""
    return _Splitter(source).parts()


class _Splitter:
    """One pass over a source; it gives up looking for ends once that has cost too much."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.breaks = [place for place, char in enumerate(source) if char == "\n"]
        self.left = STEPS

    def parts(self) -> list[Token]:
        """All parts, in order."""
        source = self.source
        found: list[Token] = []
        at = text_from = 0
        while (opening := _OPEN.search(source, at)) is not None:
            end = self._end(opening)
            if end is None:
                at = opening.end()
                continue
            if opening.start() > text_from:
                found.append(self._text(text_from, opening.start()))
            piece = source[opening.start() : end]
            found.append(_token(piece, opening[0], self._line(opening.start())))
            at = text_from = end
            if _opens_raw(found[-1]):
                close = _RAW_END.search(source, at)
                at = text_from = close.end() if close else len(source)
                inner = source[end : close.start()] if close else source[end:]
                found[-1] = Token(Kind.TEXT, source[opening.start() : at], inner, found[-1].line)
        if text_from < len(source):
            found.append(self._text(text_from, len(source)))
        return found

    def _text(self, start: int, end: int) -> Token:
        text = self.source[start:end]
        return Token(Kind.TEXT, text, text, self._line(start))

    def _line(self, at: int) -> int:
        return bisect_right(self.breaks, at - 1) + 1

    def _end(self, opening: re.Match[str]) -> int | None:
        """Where a part ends; None where what looked like its start was text (CSS, say)."""
        source = self.source
        if opening[0] == "{#":
            close = source.find("#}", opening.end(), opening.end() + COMMENT_LIMIT)
            inner = source[opening.end() : close] if close >= 0 else ""
            letter = inner[:1].isalpha() or inner[:1] == "_"
            # `@media{#outlook a{…` is a selector, no comment
            return None if close < 0 or (letter and ("{" in inner or "}" in inner)) else close + 2
        if opening[0] == "{{{":
            close = source.find("}}}", opening.end(), opening.end() + 500)
            return None if close < 0 else close + 3
        closing = "}}" if opening[0] == "{{" else "%}"
        at = opening.end()
        while at < len(source) and self.left > 0:
            if source.startswith(closing, at):
                return at + 2
            step = IN_EXPRESSION.match(source, at)
            at = step.end() if step else at + 1
            self.left -= 1
        return None


def _opens_raw(token: Token) -> bool:
    return token.kind is Kind.STATEMENT and token.inner in ("raw", "verbatim")


def _token(piece: str, opening: str, line: int) -> Token:
    kinds = {"{%": Kind.STATEMENT, "{#": Kind.COMMENT}
    inner = piece[len(opening) : -len(opening)].strip()
    if opening != "{{{":
        inner = inner.removeprefix("-").removeprefix("+").removesuffix("-").strip()
    return Token(kinds.get(opening, Kind.EXPRESSION), piece, inner, line)
