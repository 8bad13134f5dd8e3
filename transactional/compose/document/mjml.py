"""Document → MJML → HTML: the one caller of the MJML compiler. Per recipient only minijinja runs."""

import orjson
from mjml import mjml2html

from transactional.compose.document import expressions
from transactional.compose.document.blocks import Pen, Tokens, brand, raw, write
from transactional.compose.document.model import Document, Section, Settings
from transactional.compose.document.voice import Voice

_DARK = (
    ":root{color-scheme:light dark}"
    "@media (prefers-color-scheme:dark){"
    "body,body>div{background:#14161c!important;background-color:#14161c!important}"
    ".ground,.ground>table{background:#14161c!important;background-color:#14161c!important}"
    ".surface,.surface>table{background:#1c1f26!important;background-color:#1c1f26!important}"
    ".themed .ink,.themed .ink div,.themed .ink h1,.themed .ink h2,.themed .ink p,"
    ".themed .ink li,.themed .ink td,.themed .ink th{color:#e8eaf0!important}"
    ".themed .ink a{color:#9db6ff!important}"
    ".themed .ink .code{background:#2a2f3a!important;color:#e8eaf0!important}}"
)
# Shown on the canvas only: variables as what they are, empty columns as places to drop into
_CANVAS = (
    ".chip{background:#e8eefc;color:#2449b3;border-radius:4px;padding:0 4px;"
    "font-size:.92em;white-space:nowrap}"
)


def to_html(document: Document, *, title: str = "", canvas: bool = False) -> str:
    """The HTML of a document: a minijinja template, or what the editor's canvas shows.

    `title` is the subject; one that holds more than variables is left out.
    """
    tokens = Tokens(_prefix(document, title))
    mjml = _mjml(document, title, Voice(canvas=canvas), tokens)
    compiled = mjml2html(mjml, fonts={}, social_icon_origin="")
    return tokens.restore(compiled)


def _prefix(document: Document, title: str) -> str:
    """A word that nobody wrote, so that a token is never mistaken; the same for the same input."""
    written = orjson.dumps([document.json, title])
    turn = 0
    while (word := f"Qz{turn}Token") and word.encode() in written:
        turn += 1
    return word


def _mjml(document: Document, title: str, voice: Voice, tokens: Tokens) -> str:
    settings = document.settings
    body = "".join(_section(section, settings, voice, tokens) for section in document.sections)
    style = _DARK + (_CANVAS if voice.canvas else "")
    return (
        f'<mjml lang="{settings.lang}"><mj-head>{_title(title, voice, tokens)}'
        f"<mj-attributes>{brand(settings)}</mj-attributes>"
        '<mj-raw><meta name="color-scheme" content="light dark"/>'
        '<meta name="supported-color-schemes" content="light dark"/></mj-raw>'
        f"<mj-style>{style}</mj-style></mj-head>"
        f'<mj-body background-color="{settings.background}" width="{settings.width}px">{body}'
        "</mj-body></mjml>"
    )


def _title(title: str, voice: Voice, tokens: Tokens) -> str:
    try:
        parts = expressions.split(title)
    except expressions.ExpressionRefused:
        return ""
    return f"<mj-title>{tokens.put(voice.attribute(parts))}</mj-title>" if parts else ""


def _section(section: Section, settings: Settings, voice: Voice, tokens: Tokens) -> str:
    surface = section.background or settings.surface
    pen = Pen(settings, surface, voice, tokens)
    total = sum(section.widths)
    columns = "".join(
        f'<mj-column width="{width * 100 / total:.2f}%">'
        f"{''.join(write(block, pen) for block in blocks)}</mj-column>"
        for width, blocks in zip(section.widths, section.columns, strict=True)
    )
    before = after = ""
    if section.show_if:
        test = section.show_if
        before = voice.logic(f"if {expressions.condition(test.path, test.op, test.value)}")
        after = voice.logic("endif")
    css = f"s-{section.id}{_theme(section, settings)}"
    return (
        f"{raw(before, pen)}"
        f'<mj-section css-class="{css}" background-color="{surface}" padding="12px 0">{columns}'
        f"</mj-section>{raw(after, pen)}"
    )


def _theme(section: Section, settings: Settings) -> str:
    """What becomes of a section in the dark: a colour of its own stays, with its ink."""
    if section.background is None:
        return " surface themed"
    return " ground themed" if section.background == settings.background else ""
