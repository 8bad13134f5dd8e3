"""Each type of block as MJML. What authors wrote goes in as tokens: the compiler sees none of it."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

from transactional.compose.document import expressions
from transactional.compose.document.colours import ink_on, mixed
from transactional.compose.document.fields import ITEM
from transactional.compose.document.links import parts_of
from transactional.compose.document.model import Block, Settings
from transactional.compose.document.richtext import compile_rich
from transactional.compose.document.voice import Voice
from transactional.wire.html import NO_TRACK

NETWORK_NAMES = {
    "facebook": "Facebook", "instagram": "Instagram", "linkedin": "LinkedIn", "x": "X",
    "youtube": "YouTube", "tiktok": "TikTok", "whatsapp": "WhatsApp", "telegram": "Telegram",
    "pinterest": "Pinterest", "github": "GitHub", "mastodon": "Mastodon", "threads": "Threads",
    "bluesky": "Bluesky", "web": "Web",
}  # fmt: skip
_SIZES = {1: ("26px", "1.25"), 2: ("20px", "1.3")}
_CELL = "padding:8px 0;vertical-align:top"


class Tokens:
    """Stand-ins for what the MJML compiler must not see, and their way back."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._kept: list[str] = []

    def put(self, html: str) -> str:
        """The token that stands for a piece of finished HTML."""
        self._kept.append(html)
        return f"{self._prefix}{len(self._kept) - 1:06d}"

    def restore(self, compiled: str) -> str:
        """The compiled HTML with every token replaced by what it stands for."""
        first, *rest = compiled.split(self._prefix)
        pieces = [first]
        for part in rest:
            pieces += (self._kept[int(part[:6])], part[6:])
        return "".join(pieces)


@dataclass(frozen=True, slots=True)
class Pen:
    """What writing a block needs: the email's settings, its surface, the voice, the tokens."""

    settings: Settings
    surface: str
    voice: Voice
    tokens: Tokens

    @property
    def muted(self) -> str:
        """Ink for what matters less."""
        return mixed(self.settings.text, self.surface, 0.72)

    def rich(self, html: str, block: Block, *, inline: bool = False) -> str:
        """Rich text as finished HTML."""
        names = block.names
        accent = self.settings.accent
        written = compile_rich(html, self.voice, names=names, inline=inline, link=accent)
        # Every link of it is written by us, and begins like this unless it has its own mark; what
        # authors wrote is escaped
        return (
            written
            if block.props["counted"]
            else written.replace("<a href=", f"<a {NO_TRACK} href=")
        )

    def line(self, text: str, names: frozenset[str]) -> str:
        """A line of plain text as finished HTML."""
        return self.voice.text(expressions.split(text, names=names))

    def attribute(self, text: str, names: frozenset[str]) -> str:
        """A line of plain text as a token for an attribute."""
        return self.tokens.put(self.voice.attribute(expressions.split(text, names=names)))

    def link(self, url: str, names: frozenset[str]) -> str:
        """A link as a token for an attribute."""
        return self.tokens.put(self.voice.link(parts_of(url, names=names)))

    def href(self, block: Block) -> str:
        """Where a block leads, as a token for its `href`; one that is not counted brings its mark
        along, which the compiler would drop.
        """
        url = self.voice.link(parts_of(block.props["url"], names=block.names))
        return self.tokens.put(url if block.props["counted"] else f'{url}" {NO_TRACK}="')


def write(block: Block, pen: Pen) -> str:
    """A block with its loop and its condition around it."""
    before, after = "", ""
    logic = pen.voice.logic
    if block.repeat:
        before = logic(f"for {block.repeat.name} in {block.repeat.path}")
        after = logic("endfor")
    if block.show_if:
        test = logic(
            f"if {expressions.condition(block.show_if.path, block.show_if.op, block.show_if.value)}"
        )
        # A test of an entry stands within the loop, any other before the list is needed
        if block.repeat and block.show_if.path.split(".")[0] == block.repeat.name:
            before, after = before + test, logic("endif") + after
        else:
            before, after = test + before, after + logic("endif")
    inner = _WRITERS[block.type](block, pen)
    return raw(before, pen) + inner + raw(after, pen)


def raw(html: str, pen: Pen) -> str:
    """Finished HTML between elements."""
    return f"<mj-raw>{pen.tokens.put(html)}</mj-raw>" if html else ""


def _text(block: Block, pen: Pen, html: str, *, align: str = "left", **style: str) -> str:
    values = {"font-size": "16px", "line-height": "1.5", "color": pen.settings.text, **style}
    listed = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in values.items())
    return (
        f'<mj-text css-class="b-{block.id} ink" align="{align}"{listed}>'
        f"{pen.tokens.put(html)}</mj-text>"
    )


def _heading(block: Block, pen: Pen) -> str:
    props = block.props
    size, height = _SIZES[props["level"]]
    tag = f"h{props['level']}"
    inner = pen.rich(props["html"], block, inline=True)
    style = f"margin:0;font-size:{size};line-height:{height};font-weight:700"
    html = f'<{tag} style="{style}">{inner}</{tag}>'
    return _text(block, pen, html, align=props["align"])


def _rich_text(block: Block, pen: Pen) -> str:
    html = pen.rich(block.props["html"], block)
    return _text(block, pen, html, align=block.props["align"])


def _button(block: Block, pen: Pen) -> str:
    props = block.props
    full = ' width="100%"' if props["full"] else ""
    label = pen.tokens.put(pen.line(props["label"], block.names))
    return (
        f'<mj-button css-class="b-{block.id}" href="{pen.href(block)}"'
        f' align="{props["align"]}"{full}>{label}</mj-button>'
    )


def brand(settings: Settings) -> str:
    """What all blocks of a kind share, as the compiler's defaults."""
    accent = settings.accent
    # 20 px of line and 12 px above and below: a target of 44 px
    return (
        f'<mj-all font-family="{settings.font}"/>'
        f'<mj-button background-color="{accent}" color="{ink_on(accent)}" font-size="16px"'
        ' font-weight="700" line-height="20px" inner-padding="12px 24px"'
        f' border-radius="{settings.radius}px"/>'
    )


def _picture(block: Block, pen: Pen, *, align: str, alt: str) -> str:
    props = block.props
    if not props["src"] and pen.voice.canvas:
        frame = "border:1px dashed #8a93a3;padding:24px;text-align:center;color:#535c6b"
        return _text(block, pen, f'<div style="{frame}">{escape("▧")}</div>', align="center")
    href = f' href="{pen.href(block)}"' if props["url"] else ""
    width = min(props["width"], pen.settings.width)
    return (
        f'<mj-image css-class="b-{block.id}" src="{pen.link(props["src"], block.names)}"'
        f' alt="{pen.attribute(alt, block.names)}" width="{width}px" align="{align}"{href}/>'
    )


def _image(block: Block, pen: Pen) -> str:
    alt = "" if block.props["decorative"] else block.props["alt"]
    return _picture(block, pen, align="center", alt=alt)


def _logo(block: Block, pen: Pen) -> str:
    return _picture(block, pen, align="left", alt=block.props["alt"])


def _divider(block: Block, pen: Pen) -> str:
    colour = block.props["color"]
    return f'<mj-divider css-class="b-{block.id}" border-width="1px" border-color="{colour}"/>'


def _spacer(block: Block, pen: Pen) -> str:
    return f'<mj-spacer css-class="b-{block.id}" height="{block.props["height"]}px"/>'


def _table(block: Block, pen: Pen, rows: str) -> str:
    return (
        f'<mj-table css-class="b-{block.id} ink" font-size="15px" line-height="22px"'
        f' color="{pen.settings.text}">{pen.tokens.put(rows)}</mj-table>'
    )


def _items(block: Block, pen: Pen) -> str:
    props = block.props
    columns: list[dict[str, Any]] = props["columns"]
    names = block.names | {ITEM}
    rule = mixed(pen.settings.text, pen.surface, 0.18)
    head, row = [], []
    for at, column in enumerate(columns):
        gap = ";padding-left:12px" if at else ""
        style = f"{_CELL}{gap};text-align:{column['align']};border-bottom:1px solid {rule}"
        label = pen.line(column["label"], block.names)
        head.append(f'<th scope="col" style="{style};font-weight:700">{label}</th>')
        row.append(f'<td style="{style}">{pen.line(column["value"], names)}</td>')
    header = f"<tr>{''.join(head)}</tr>" if any(column["label"] for column in columns) else ""
    body = f"<tr>{''.join(row)}</tr>" if row else ""
    if props["path"]:
        start = pen.voice.logic(f"for {ITEM} in {props['path']}")
        body = f"{start}{body}{pen.voice.logic('endfor')}"
    elif not pen.voice.canvas:
        body = ""
    return _table(block, pen, header + body)


def _summary(block: Block, pen: Pen) -> str:
    written = [
        f'<tr><th scope="row" style="{_CELL};text-align:left;font-weight:400;color:{pen.muted}">'
        f"{pen.line(row['label'], block.names)}</th>"
        f'<td style="{_CELL};padding-left:12px;text-align:right;font-weight:700">'
        f"{pen.line(row['value'], block.names)}</td></tr>"
        for row in block.props["rows"]
    ]
    return _table(block, pen, "".join(written))


def _code(block: Block, pen: Pen) -> str:
    tint = mixed(pen.settings.text, pen.surface, 0.07)
    style = (
        f"display:inline-block;padding:12px 20px;border-radius:6px;background:{tint};"
        f"color:{pen.settings.text};font-family:Consolas,Menlo,monospace;font-size:28px;"
        "line-height:36px;letter-spacing:4px;font-weight:700"
    )
    value = pen.line(block.props["value"], block.names)
    return _text(block, pen, f'<span class="code" style="{style}">{value}</span>', align="center")


def _footer(block: Block, pen: Pen) -> str:
    html = pen.rich(block.props["html"], block)
    style = {"font_size": "14px", "line_height": "1.5", "color": pen.muted}
    values = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in style.items())
    return (
        f'<mj-text css-class="b-{block.id} ink" align="center"{values}>'
        f"{pen.tokens.put(html)}</mj-text>"
    )


def _social(block: Block, pen: Pen) -> str:
    style = f"color:{pen.settings.accent};text-decoration:underline"
    mark = "" if block.props["counted"] else f" {NO_TRACK}"
    listed = [
        f'<a{mark} href="{pen.voice.link(parts_of(one["url"], names=block.names))}" style="{style}">'
        f"{NETWORK_NAMES[one['network']]}</a>"
        for one in block.props["links"]
    ]
    return _text(block, pen, " &nbsp; ".join(listed), align="center")


def _html(block: Block, pen: Pen) -> str:
    return _text(block, pen, block.props["code"])


_WRITERS: dict[str, Callable[[Block, Pen], str]] = {
    "heading": _heading,
    "text": _rich_text,
    "button": _button,
    "image": _image,
    "divider": _divider,
    "spacer": _spacer,
    "items": _items,
    "summary": _summary,
    "code": _code,
    "logo": _logo,
    "footer": _footer,
    "social": _social,
    "html": _html,
}
