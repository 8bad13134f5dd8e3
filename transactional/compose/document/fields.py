"""The properties of each type of block: what each may hold, and what it is if left out."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from transactional.compose import template
from transactional.compose.document import expressions, links, richtext

TEXT_LIMIT = 500  # characters of a one-line property
CODE_LIMIT = 200_000  # characters of a developer's HTML
ROWS = 20  # columns of a table, rows of a summary, networks of a social block
ITEM = "item"  # what the table calls an entry of its list
NETWORKS = (
    "facebook", "instagram", "linkedin", "x", "youtube", "tiktok", "whatsapp", "telegram",
    "pinterest", "github", "mastodon", "threads", "bluesky", "web",
)  # fmt: skip
ALIGN = ("left", "center", "right")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class Refused(ValueError):
    """A value that cannot be kept; `at` leads to it below the field, in words why."""

    def __init__(self, message: str, at: str = "") -> None:
        super().__init__(message)
        self.at = at


Check = Callable[[Any, frozenset[str]], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A property: its check, which returns the value to keep, and its default."""

    check: Check
    default: Any


def clean(value: Any, limit: int) -> str:
    """Text that a database and a mail can hold."""
    if not isinstance(value, str):
        raise Refused(_("This must be text."))
    if len(value) > limit:
        raise Refused(_("This is longer than %(limit)s characters.") % {"limit": limit})
    if _FORBIDDEN.search(value):
        raise Refused(_("This holds a character that cannot be kept."))
    return value


def line(value: Any, names: frozenset[str]) -> str:
    """One line of plain text; may hold {{ variables }}."""
    text = " ".join(clean(value, TEXT_LIMIT).splitlines())
    try:
        expressions.split(text, names=names)
    except expressions.ExpressionRefused as err:
        raise Refused(str(err)) from err
    return text


def link(value: Any, names: frozenset[str]) -> str:
    """A link; empty or unfinished is kept, and the checks say so."""
    url = clean(value, links.URL_LIMIT).strip()
    try:
        links.parts_of(url, names=names)
    except links.LinkRefused as err:
        raise Refused(str(err)) from err
    return url


def source(value: Any, names: frozenset[str]) -> str:
    """Where an image is: on the web, or from a variable."""
    url = link(value, names)
    if template.scheme_of(url.split("{{")[0]) in {"mailto", "tel"}:
        raise Refused(_("An image has an http or https address."))
    return url


def rich(value: Any, names: frozenset[str]) -> str:
    """Rich text, sanitised."""
    return _rich(value, names, inline=False)


def rich_line(value: Any, names: frozenset[str]) -> str:
    """Rich text without paragraphs and lists."""
    return _rich(value, names, inline=True)


def _rich(value: Any, names: frozenset[str], *, inline: bool) -> str:
    text = clean(value, richtext.RICH_LIMIT)
    try:
        return richtext.sanitise(text, names=names, inline=inline)
    except richtext.RichTextRefused as err:
        raise Refused(str(err)) from err


def path(value: Any, names: frozenset[str]) -> str:
    """The list a table shows; empty until it is chosen."""
    text = clean(value, expressions.EXPRESSION_LIMIT).strip()
    try:
        return expressions.parse_path(text, names=names) if text else ""
    except expressions.ExpressionRefused as err:
        raise Refused(str(err)) from err


def code(value: Any, names: frozenset[str]) -> str:
    """A developer's HTML: any template that compiles by itself."""
    text = clean(value, CODE_LIMIT)
    found = template.problems("html", text)
    if found:
        raise Refused(
            _("Line %(line)s: %(message)s") % {"line": found[0].line, "message": found[0].message}
        )
    return text


def flag(value: Any, names: frozenset[str]) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise Refused(_("This must be true or false."))
    return value


def colour(value: Any, names: frozenset[str] = frozenset()) -> str:
    """A colour as #rrggbb."""
    if not isinstance(value, str) or not _COLOUR.fullmatch(value):
        raise Refused(_("This must be a colour such as #2f5bd8."))
    return value.lower()


def number(low: int, high: int) -> Check:
    """A whole number within bounds."""

    def check(value: Any, names: frozenset[str]) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Refused(
                _("This must be a whole number from %(low)s to %(high)s.")
                % {"low": low, "high": high}
            )
        return value

    return check


def one_of(*choices: object) -> Check:
    """One of a few values."""

    def check(value: Any, names: frozenset[str]) -> Any:
        for choice in choices:
            if type(value) is type(choice) and value == choice:
                return value
        raise Refused(
            _("This must be one of: %(choices)s.") % {"choices": ", ".join(map(str, choices))}
        )

    return check


def rows(fields: Mapping[str, Field], *, also: frozenset[str] = frozenset()) -> Check:
    """A list of small objects; `also` are names their texts may use."""

    def check(value: Any, names: frozenset[str]) -> list[dict[str, Any]]:
        if not isinstance(value, list) or len(value) > ROWS:
            raise Refused(_("This must be a list of at most %(limit)s.") % {"limit": ROWS})
        return [_row(one, f"/{index}", fields, names | also) for index, one in enumerate(value)]

    return check


def _row(value: Any, at: str, fields: Mapping[str, Field], names: frozenset[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(_("This must be an object."), at)
    if unknown := [key for key in value if key not in fields]:
        raise Refused(_("This property is not known."), f"{at}/{escaped(unknown[0])}")
    row = {}
    for key, one in fields.items():
        try:
            row[key] = one.check(value[key], names) if key in value else one.default
        except Refused as err:
            raise Refused(str(err), f"{at}/{key}{err.at}") from err
    return row


def escaped(key: object) -> str:
    """A key as part of a JSON pointer (RFC 6901 §3), shortened."""
    return str(key)[:60].replace("~", "~0").replace("/", "~1")


_ALIGN = Field(one_of(*ALIGN), "left")
_CENTER = Field(one_of(*ALIGN), "center")
_IMAGE_WIDTH = number(16, 900)
_COUNTED = Field(flag, True)  # whether clicks on the block's links are counted

PROPS: dict[str, dict[str, Field]] = {
    "heading": {"counted": _COUNTED,
        "html": Field(rich_line, ""), "level": Field(one_of(1, 2), 1), "align": _ALIGN,
    },
    "text": {"counted": _COUNTED,"html": Field(rich, ""), "align": _ALIGN},
    "button": {"counted": _COUNTED,
        "label": Field(line, ""), "url": Field(link, ""), "align": _CENTER,
        "full": Field(flag, False),
    },
    "image": {"counted": _COUNTED,
        "src": Field(source, ""), "alt": Field(line, ""), "decorative": Field(flag, False),
        "width": Field(_IMAGE_WIDTH, 600), "url": Field(link, ""),
    },
    "divider": {"color": Field(colour, "#e1e5eb")},
    "spacer": {"height": Field(number(4, 200), 24)},
    "items": {
        "path": Field(path, ""),
        "columns": Field(
            rows(
                {"label": Field(line, ""), "value": Field(line, ""), "align": _ALIGN},
                also=frozenset({ITEM}),
            ),
            [],
        ),
    },
    "summary": {"rows": Field(rows({"label": Field(line, ""), "value": Field(line, "")}), [])},
    "code": {"value": Field(line, "")},
    "logo": {"counted": _COUNTED,
        "src": Field(source, ""), "alt": Field(line, ""), "width": Field(_IMAGE_WIDTH, 140),
        "url": Field(link, ""),
    },
    "footer": {"counted": _COUNTED,"html": Field(rich, "")},
    "social": {"counted": _COUNTED,
        "links": Field(
            rows({"network": Field(one_of(*NETWORKS), "web"), "url": Field(link, "")}), []
        ),
    },
    "html": {"code": Field(code, "")},
}  # fmt: skip
