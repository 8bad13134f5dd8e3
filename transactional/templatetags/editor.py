"""The block editor's template tag: what its scripts say, as data."""

from django import template
from django.utils.html import json_script
from django.utils.safestring import SafeString

from transactional.views.editor_words import words

register = template.Library()


@register.simple_tag
def editor_words() -> SafeString:
    """What the editor's scripts say, in the page's language, as JSON."""
    return json_script(words(), "editor-words")
