"""Where a link of a document may lead: http(s), mail and telephone; never a script or inline data."""

import re

from django.utils.translation import gettext as _

from transactional.compose.document.expressions import Expression, ExpressionRefused, split
from transactional.compose.template import LINK_SCHEMES, scheme_of

URL_LIMIT = 2000  # characters
_SAFE_START = re.compile(r"(?:https?://|mailto:|tel:|#)", re.IGNORECASE)


class LinkRefused(ValueError):
    """A link that must not be kept; its text says why."""


def parts_of(url: str, *, names: frozenset[str] = frozenset()) -> list[str | Expression]:
    """A link as literals and variables. Raises LinkRefused."""
    if len(url) > URL_LIMIT:
        raise LinkRefused(_("A link is longer than %(limit)s characters.") % {"limit": URL_LIMIT})
    try:
        parts = split(url.strip(), names=names)
    except ExpressionRefused as err:
        raise LinkRefused(str(err)) from err
    start = parts[0] if parts and isinstance(parts[0], str) else ""
    scheme = scheme_of(start)
    if scheme and scheme not in LINK_SCHEMES:
        raise LinkRefused(_("A link may not start with “%(scheme)s:”.") % {"scheme": scheme[:20]})
    return parts


def starts_safely(parts: list[str | Expression]) -> bool:
    """Whether no value of its variables can change the scheme."""
    return not parts or (isinstance(parts[0], str) and bool(_SAFE_START.match(parts[0])))
