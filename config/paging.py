"""How calls of the API name rows and page through them: numbers as text, `limit` and `after`."""

from typing import Any, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.http import Http404
from rest_framework.request import Request

from config.rest import Fault, invalid

PAGE, LONGEST_PAGE = 100, 500  # rows of an answer, unless asked for fewer or more
MAX_ID = 2**63 - 1
Row = TypeVar("Row", bound=Model)


def number(text: str, *, most: int = MAX_ID) -> int | None:
    """A positive whole number as text; None where it is none, or too large."""
    plain = text.isascii() and text.isdigit() and len(text) < 20
    return int(text) if plain and 0 < int(text) <= most else None


def find(rows: "QuerySet[Row]", text: str) -> Row:
    """The account's row of this number. Raises Http404."""
    wanted = number(text)
    row = None if wanted is None else rows.filter(pk=wanted).first()
    if row is None:
        raise Http404
    return row


def page(request: Request, rows: "QuerySet[Row]") -> tuple[list[Row], dict[str, Any]]:
    """A page of rows, newest first, and the answer's `paging`. Raises CallRefused."""
    asked = request.query_params
    faults, given = [], {}
    for name, most in (("limit", LONGEST_PAGE), ("after", MAX_ID)):
        text = asked.get(name, "")
        given[name] = number(text, most=most)
        if text and given[name] is None:
            words = f"{name} must be a whole number of 1 to {most}"
            faults.append(Fault(words, name, "INVALID_VALUE"))
    if faults:
        raise invalid(faults)
    limit = given["limit"] or PAGE
    if given["after"] is not None:
        rows = rows.filter(pk__lt=given["after"])
    found = list(rows.order_by("-pk")[: limit + 1])
    if len(found) <= limit:
        return found, {}
    after = str(found[limit - 1].pk)
    link = (
        f"{request.build_absolute_uri(request.path)}?{urlencode({**asked.dict(), 'after': after})}"
    )
    return found[:limit], {"paging": {"next": {"after": after, "link": link}}}
