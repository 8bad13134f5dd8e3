"""From a version and its data to subject, HTML and text; what is missing is named, not sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol

import minijinja

from config.errors import PostinoError, Refusal
from transactional.compose.hubl.context import variables
from transactional.compose.template import (
    OUTPUT_LIMIT,
    Compiled,
    TemplateRefused,
    compile_parts,
)
from transactional.wire.text import html_to_text

NAMES_SHOWN = 10
TEST_MARK = "[Test] "  # in front of the subject of a test send


class Content(Protocol):
    """The fields of a draft or a version that are rendered."""

    @property
    def subject(self) -> str: ...
    @property
    def preview_text(self) -> str: ...
    @property
    def html(self) -> str: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message's words. `html` is empty for a plain-text email."""

    subject: str
    html: str
    text: str


def compiled(content: Content) -> Compiled:
    """The content's templates, compiled. Raises PostinoError TEMPLATE_RENDER_EXCEPTION."""
    parts = (
        ("subject", content.subject),
        ("preview", content.preview_text),
        ("body.html", content.html),
        ("text", content.text),
    )
    try:
        return compile_parts(parts)
    except TemplateRefused as err:
        raise PostinoError(_broken(f"Line {err.line}: {err.message}")) from err


def render(content: Content, context: Mapping[str, Any], *, text: bool = True) -> Rendered:
    """Render with plain data: `contact` and `custom` mappings, the links and the company.

    `context` may name `now` (a datetime) and `seed`: the clock and the dice of filters, so that a
    message is rendered the same whenever it is.

    A contact property that is not set renders empty, as in HubSpot; a custom property that was
    not sent refuses the mail. `text=False` leaves out the text made from the HTML: a trial needs
    none. Raises PostinoError with MISSING_TEMPLATE_PROPERTIES,
    TEMPLATE_RENDER_EXCEPTION or HUBL_LIMIT_EXCEEDED.
    """
    templates = compiled(content)
    data = prepared(context, templates.paths)
    if hidden := sorted(p for p in templates.paths if _names_a_method(p) and not _has(data, p)):
        raise PostinoError(_missing(", ".join(hidden)))
    own: dict[str, Any] = {"now": context.get("now"), "seed": str(context.get("seed", ""))}
    try:
        subject = " ".join(templates.render("subject", data, **own).split())
        data["content"]["subject"] = subject
        html = templates.render("body.html", data, **own) if content.html else ""
        preview = templates.render("preview", data, **own) if content.preview_text else ""
        plain = templates.render("text", data, **own) if content.text else ""
    except minijinja.TemplateError as err:
        raise PostinoError(_refusal(err, data, templates.paths)) from err
    except TemplateRefused as err:
        if err.code == "HUBL_LIMIT_EXCEEDED":
            raise PostinoError(Refusal(err.code, err.message)) from err
        raise PostinoError(_broken(err.message)) from err
    if len(html) > OUTPUT_LIMIT or len(plain) > OUTPUT_LIMIT or len(subject) > 990:
        raise PostinoError(
            Refusal("HUBL_LIMIT_EXCEEDED", "The rendered email is too long.", smtp="552 5.3.4")
        )
    if html and preview:
        html = with_preview(html, escape(preview))
    if text and not plain:
        plain = html_to_text(html)
    return Rendered(subject, html, plain)


def subject(content: Content, context: Mapping[str, Any], *, otherwise: str) -> str:
    """The subject alone; `otherwise` where it cannot be rendered with this data."""
    try:
        templates = compiled(content)
        words = templates.render("subject", prepared(context, templates.paths))
    except (PostinoError, TemplateRefused, minijinja.TemplateError):
        return otherwise
    return " ".join(words.split())


def prepared(context: Mapping[str, Any], paths: frozenset[str]) -> dict[str, Any]:
    """The context as templates see it: unset contact properties empty, nulls empty."""
    contact = {key: _plain(value) for key, value in context.get("contact", {}).items()}
    for path in paths:
        head, _, name = path.partition(".")
        if head == "contact" and name and "." not in name:
            contact.setdefault(name, "")
    custom = _plain(context.get("custom", {}))
    return {"contact": contact, "custom": custom, **variables(context)}


def _plain(value: Any) -> Any:
    """Null becomes empty text, at any depth (JSON from the door is at most 100 deep)."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def with_preview(html: str, preview: str) -> str:
    """The inbox line, as HTML, hidden right after `<body …>`, padded so that no body text follows."""
    block = (
        '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">'
        f"{preview}{'&#8199;&#65279;' * 30}</div>"
    )
    start = html.lower().find("<body")
    end = html.find(">", start) if start >= 0 else -1
    return f"{html[: end + 1]}{block}{html[end + 1 :]}" if end >= 0 else block + html


def _refusal(
    err: minijinja.TemplateError, data: Mapping[str, Any], paths: frozenset[str]
) -> Refusal:
    if err.kind == "OutOfFuel":
        message = "The template does too much: a loop or an expression runs away."
        return Refusal("HUBL_LIMIT_EXCEEDED", message)
    if err.kind == "UndefinedError":
        missing = sorted(path for path in paths if not _has(data, path))
        named = ", ".join(missing[:NAMES_SHOWN]) or f"a value used on line {err.line}"
        return _missing(named)
    return _broken(f"Line {err.line}: {err.detail or err.message}")


def _names_a_method(path: str) -> bool:
    """`custom.items`: not sent, the engine would find Python's method of that name instead."""
    head, _, name = path.partition(".")
    return head == "custom" and hasattr(dict, name)


def _missing(named: str) -> Refusal:
    return Refusal(
        "MISSING_TEMPLATE_PROPERTIES",
        f"The template uses properties that were not sent: {named}.",
        pointer="customProperties",
    )


def _has(data: Mapping[str, Any], path: str) -> bool:
    found: Any = data
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return False
        found = found[name]
    return True


def _broken(message: str) -> Refusal:
    return Refusal("TEMPLATE_RENDER_EXCEPTION", f"The template cannot be rendered. {message}")
