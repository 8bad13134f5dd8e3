"""From a template of another engine to one that ours compiles; what cannot be carried is named."""

import re
from dataclasses import dataclass

from transactional.compose import template
from transactional.compose.importing import statements
from transactional.compose.importing.expressions import Scope, Unknown, convert
from transactional.compose.importing.notes import Level, Notes
from transactional.compose.importing.tokens import Kind, Token, split

TRIES = 60  # parts that are given up one by one before all that is left is
_HANDLEBARS = re.compile(r"\{\{[#/>^!]|\{\{\{|\{\{else\}\}")
_COMMENTED = re.compile(r"\{%-?\s*comment\b.*?%\}.*?\{%-?\s*endcomment\s*-?%\}", re.S)
_FRONT = re.compile(r"\A\s*<!--\s*(templateType:.*?)-->\s*\n?", re.S)
# Merge tags of Mailchimp
MERGE_TAGS = {
    "*|FNAME|*": "{{ contact.firstname }}", "*|LNAME|*": "{{ contact.lastname }}",
    "*|EMAIL|*": "{{ contact.email }}", "*|UNSUB|*": "{{ unsubscribe_link }}",
    "*|ARCHIVE|*": "{{ view_as_page_url }}", "*|LIST:COMPANY|*": "{{ site_settings.company_name }}",
    "*|MC:SUBJECT|*": "{{ content.subject }}",
}  # fmt: skip
_MERGE = re.compile(r"\*\|[A-Z][A-Z0-9:_]*\|\*")
_CODE = re.compile(r"<%.*?%>|<\?(?:php|=).*?\?>", re.S)


@dataclass(slots=True)
class Piece:
    """A part of the converted template: its text, and the token it was made of."""

    text: str
    token: Token | None = None


def to_ours(source: str, notes: Notes, *, field: str = "html") -> str:
    """The source as a template of ours. Text that is no template stays, byte for byte."""
    source = _prepared(source, notes)
    flavour = bool(_HANDLEBARS.search(source))
    scope = Scope()
    pieces = [_piece(token, scope, notes, handlebars=flavour) for token in split(source)]
    return _compiling(pieces, field, notes)


def _prepared(source: str, notes: Notes) -> str:
    """Without HubSpot's header of a template, and with merge tags as variables."""
    front = _FRONT.match(source)
    if front:
        notes.add(1, Level.DROPPED, "FRONT_MATTER", front[1])
        # Its lines stay, so that every note names the line of the file
        source = "\n" * front[0].count("\n") + source[front.end() :]
    source = _COMMENTED.sub(lambda found: "\n" * found[0].count("\n"), source)

    def merged(found: re.Match[str]) -> str:
        line = source.count("\n", 0, found.start()) + 1
        known = MERGE_TAGS.get(found[0], "")
        level = Level.REPLACED if known else Level.CHECK
        notes.add(line, level, "MERGE_TAG", found[0], known)
        return known or found[0]

    made = _MERGE.sub(merged, source)
    for found in _CODE.finditer(made):
        notes.add(made.count("\n", 0, found.start()) + 1, Level.CHECK, "CODE", found[0])
    return made


def _piece(token: Token, scope: Scope, notes: Notes, *, handlebars: bool) -> Piece:
    if token.kind is Kind.TEXT:
        return Piece(_literal(token))
    if token.kind is Kind.COMMENT:
        return Piece("", token)
    try:
        return Piece(_converted(token, scope, notes, handlebars=handlebars), token)
    except Unknown as err:
        notes.add(token.line, Level.DROPPED, "EXPRESSION", token.inner or str(err))
        return Piece("", token)


def _literal(token: Token) -> str:
    """Text that must come out as it went in: what our engine would read as a tag is quoted."""
    if not re.search(r"\{[{%#]", token.source):
        return token.source
    inner = token.inner
    return re.sub(r"\{(?=[{%#])", "{{ '{' }}", inner)


def _converted(token: Token, scope: Scope, notes: Notes, *, handlebars: bool) -> str:
    inner = token.inner
    if token.kind is Kind.STATEMENT:
        return statements.statement(inner, token.line, scope, notes)
    if not inner:
        return ""
    if handlebars:
        inner = inner.strip("~").strip()
        block = statements.handlebars(inner, token.line, scope, notes) if inner else ""
        if block is not None:
            return block
        made = statements.handlebars_expression(inner, token.line, scope, notes)
        if token.source.startswith("{{{") or inner.startswith("&"):
            notes.add(token.line, Level.CHECK, "UNESCAPED", inner, made)
            made = f"{made}|safe"
        return f"{{{{ {made} }}}}"
    made = convert(inner, token.line, scope, notes)
    if made == inner:
        return token.source
    return f"{{{{ {made} }}}}"


def _compiling(pieces: list[Piece], field: str, notes: Notes) -> str:
    """The pieces joined, those left out that keep the whole from compiling."""
    _check_alone(pieces, notes)
    for _try in range(TRIES):
        made = _joined(pieces)
        problems = template.problems(field, made)
        if not problems:
            return made
        culprit = _culprit(pieces, problems[0].line)
        if culprit is None:
            break
        assert culprit.token is not None  # noqa: S101 — only tags are culprits
        notes.add(culprit.token.line, Level.DROPPED, "BROKEN", culprit.token.inner)
        culprit.text = ""
    for piece in pieces:
        if piece.token is not None and piece.text:
            notes.add(piece.token.line, Level.DROPPED, "BROKEN", piece.token.inner)
            piece.text = ""
    return _joined(pieces)


def _joined(pieces: list[Piece]) -> str:
    """The pieces in a row; a brace at the end of one never becomes a tag with the next."""
    made: list[str] = []
    for piece in pieces:
        if piece.text and made and made[-1].endswith("{") and piece.text[0] in "{%#":
            made[-1] = made[-1][:-1] + "{{ '{' }}"
        if piece.text:
            made.append(piece.text)
    return "".join(made)


def _check_alone(pieces: list[Piece], notes: Notes) -> None:
    """Leave out each expression that does not compile by itself."""
    for piece in pieces:
        token = piece.token
        if token is None or not piece.text.startswith("{{"):
            continue
        if template.problems("text", piece.text):
            notes.add(token.line, Level.DROPPED, "EXPRESSION", token.inner)
            piece.text = ""


def _culprit(pieces: list[Piece], line: int) -> Piece | None:
    """The last tag at or before a line of what was made."""
    at = 1
    found: Piece | None = None
    for piece in pieces:
        if at > line:
            break
        if piece.token is not None and piece.text:
            found = piece
        at += piece.text.count("\n")
    return found
