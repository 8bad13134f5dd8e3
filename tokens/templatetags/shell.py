"""Template tags that only the page shell and its parts need: icons, and a block kept as a value."""

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


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
