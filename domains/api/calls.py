"""What the calls of domains and IPs share: their scope, numbers, pages, refusals, a row's findings."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.http import Http404
from rest_framework.request import Request

from config.calls import Call
from config.errors import PostinoError
from config.rest import CallRefused, Fault, invalid
from domains.findings import sentence_of

PAGE, LONGEST_PAGE = 100, 500  # rows of an answer, unless asked for fewer or more
MAX_ID = 2**63 - 1
Row = TypeVar("Row", bound=Model)


class DomainsCall(Call):
    """A call that needs the scope `domains`."""

    scopes = frozenset({"domains"})


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


def texts(body: Any, *names: str) -> dict[str, str]:
    """The required texts of a body. Raises CallRefused with every fault."""
    if not isinstance(body, dict):
        raise invalid([Fault("The body must be a JSON object.", "body", "INVALID_TYPE")])
    faults = []
    for name in names:
        if body.get(name) is None:
            faults.append(Fault(f"{name} is required", name, "REQUIRED_FIELD"))
        elif not isinstance(body[name], str) or len(body[name]) > 300:
            words = f"{name} must be a string of at most 300 characters"
            faults.append(Fault(words, name, "INVALID_TYPE"))
    if faults:
        raise invalid(faults)
    return {name: body[name] for name in names}


def refused(err: PostinoError, pointer: str) -> CallRefused:
    """What may not be connected: 409 for what is already, 400 for the rest."""
    fault = Fault(err.refusal.message, pointer, err.refusal.code)
    if err.refusal.http == 409:
        return CallRefused(409, "CONFLICT", err.refusal.message, faults=[fault])
    return invalid([fault])


def finding_view(finding: Mapping[str, Any]) -> dict[str, Any]:
    """What the last check found of a record or property."""
    return {
        "status": finding.get("status", "unchecked"),
        "code": finding.get("code", ""),
        "message": sentence_of(finding),
        "found": list(finding.get("found", ())),
    }
