"""Template tags that the page shell and its parts need: icons, a block kept as a value, addresses
that break between their parts, counts.
"""

import re

from django import template
from django.templatetags.static import static
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from config.grouping import grouped

register = template.Library()
register.filter("grouped", grouped)
_PART = re.compile(r"(?<=[@.+_])(?=[^@.+_])")


@register.simple_block_tag
def captured(content: str) -> str:
    """The rendered content, trimmed: `{% captured as nav %}{% block nav %}…{% endcaptured %}`."""
    return content.strip()


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of the sprite, hidden from screen readers: the word beside it says what it is."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>',
        static("img/icons.svg"),
        name,
    )


@register.filter
def parts(address: object) -> SafeString:
    """An address that breaks after its @, its dots and the like before it breaks within a word."""
    found = _PART.split(str(address))
    return mark_safe("<wbr>".join(escape(part) for part in found))  # noqa: S308 — escaped
