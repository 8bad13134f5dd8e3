"""What differs between two versions, in words."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from transactional.compose.compare import Change, Setting
from transactional.compose.contract.schema import TYPES
from transactional.models import Kind, Lane
from transactional.views.settings_fields import LIFETIMES

SETTINGS = {
    "subject": gettext_lazy("Subject"),
    "preview_text": gettext_lazy("Preview text"),
    "from_name": gettext_lazy("From name"),
    "from_address": gettext_lazy("From address"),
    "reply_to": gettext_lazy("Reply-to address"),
    "kind": gettext_lazy("Type"),
    "lane": gettext_lazy("Priority"),
    "track_opens": gettext_lazy("Count opens"),
    "track_clicks": gettext_lazy("Count clicks"),
    "language": gettext_lazy("Language"),
    "lifetime": gettext_lazy("Given up after"),
}
BLOCKS = {
    "heading": gettext_lazy("Heading"),
    "text": gettext_lazy("Text"),
    "button": gettext_lazy("Button"),
    "image": gettext_lazy("Image"),
    "divider": gettext_lazy("Divider"),
    "spacer": gettext_lazy("Spacer"),
    "items": gettext_lazy("Item table"),
    "summary": gettext_lazy("Summary"),
    "code": gettext_lazy("Code"),
    "logo": gettext_lazy("Logo"),
    "footer": gettext_lazy("Footer"),
    "social": gettext_lazy("Social links"),
    "html": gettext_lazy("HTML"),
    "section": gettext_lazy("Section"),
    "look": gettext_lazy("Look of the email"),
}
KINDS = {
    "added": (gettext_lazy("Added"), "ok"),
    "removed": (gettext_lazy("Removed"), "bad"),
    "moved": (gettext_lazy("Moved"), "accent"),
    "changed": (gettext_lazy("Changed"), "warn"),
}
PROPERTIES = {
    "html": gettext_lazy("words"),
    "label": gettext_lazy("words"),
    "value": gettext_lazy("value"),
    "url": gettext_lazy("link"),
    "src": gettext_lazy("image"),
    "alt": gettext_lazy("description"),
    "align": gettext_lazy("alignment"),
    "width": gettext_lazy("width"),
    "height": gettext_lazy("height"),
    "color": gettext_lazy("colour"),
    "level": gettext_lazy("level"),
    "path": gettext_lazy("list"),
    "columns": gettext_lazy("columns"),
    "rows": gettext_lazy("rows"),
    "links": gettext_lazy("links"),
    "code": gettext_lazy("source"),
    "showIf": gettext_lazy("when it is shown"),
    "repeat": gettext_lazy("what it is repeated for"),
    "type": gettext_lazy("type"),
    "required": gettext_lazy("required"),
    "secret": gettext_lazy("secret"),
    "fields": gettext_lazy("fields"),
}


def setting(one: Setting) -> dict[str, Any]:
    """A setting with both its values as people read them."""
    name = SETTINGS.get(one.name, one.name)
    return {"name": name, "before": _value(one.name, one.before), "after": _value(one.name, one.after)}  # fmt: skip


def _value(name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    tables: dict[str, Any] = {
        "kind": dict(Kind.choices), "lane": dict(Lane.choices), "lifetime": dict(LIFETIMES),
    }  # fmt: skip
    return tables.get(name, {}).get(value, value) or "–"


def block(one: Change) -> dict[str, Any]:
    """A block that differs."""
    return _change(one, BLOCKS.get(one.type, one.type))


def variable(one: Change) -> dict[str, Any]:
    """A variable that differs."""
    return _change(one, TYPES.get(one.type, one.type))


def _change(one: Change, kind: Any) -> dict[str, Any]:
    word, tone = KINDS[one.kind]
    listed = dict.fromkeys(str(PROPERTIES.get(name, name)) for name in one.properties)
    return {
        "what": word,
        "tone": tone,
        "type": kind,
        "words": one.words,
        "before": one.before,
        "properties": ", ".join(listed),
    }
