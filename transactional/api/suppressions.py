"""The suppression list over HTTP: list, add, take off, import, export, undo by window or rule."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.request import Request
from rest_framework.response import Response

from config.calls import Call
from config.paging import find, page
from config.rest import Fault, invalid
from tokens.models import Scope
from tokens.web import caller
from transactional import (
    suppression_exports,
    suppression_files,
    suppression_list,
    suppression_undo,
    suppressions,
)
from transactional.models import Suppression, SuppressionReason
from transactional.wire.address import AddressError, parse_address

WHY_MAX = 500
_RULES: Mapping[str, tuple[str, str]] = {
    "empty": ("since", "name a window (since), a domain or words of the evidence (said)"),
    "window": ("until", "until must be later than since"),
    "reason": ("reasons", f"reasons must be among {', '.join(SuppressionReason.values)}"),
    "domain": ("domain", "domain must be a domain name"),
}
_FILES: Mapping[str, str] = {
    "size": "the file is larger than 4 MB",
    "text": "the file is not UTF-8 text",
    "header": "the first line names no columns that are known",
    "rows": "the file has more than 10,000 rows",
    "csv": "the file is not a CSV file: a quote is not closed",
}


class SuppressionsCall(Call):
    """A call that needs the scope `transactional-email`."""

    scopes = frozenset({"transactional-email"})


class Suppressions(SuppressionsCall):
    """The account's suppressed addresses."""

    def get(self, request: Request) -> Response:
        """A page of them, newest first; `address` and `reason` narrow it."""
        rows = Suppression.objects.of(caller(request).account_id)
        if address := request.query_params.get("address", "").replace("\0", ""):
            rows = rows.filter(address=suppressions.keyed(address))
        if reason := request.query_params.get("reason", ""):
            if reason not in SuppressionReason.values:
                raise invalid([Fault(_RULES["reason"][1], "reason", "INVALID_VALUE")])
            rows = rows.filter(reason=reason)
        found, paging = page(request, rows)
        return Response({"results": [view(row) for row in found], **paging})

    def post(self, request: Request) -> Response:
        """201: the address is not mailed any more; 200 where it had been added before."""
        read = _Read(_object(request))
        address, why = read.text("address", 254), read.text("why", WHY_MAX)
        scope = read.text("scope", 10, default=Scope.ALL)
        if scope not in Scope.values:
            read.fault("scope", "scope must be all or marketing")
        read.check()
        try:
            spec = suppressions.keyed(parse_address(address).spec)
        except AddressError as err:
            raise invalid([Fault(str(err), "address", "INVALID_EMAIL")]) from err
        who = caller(request)
        new = suppression_list.add(who.account_id, spec, scope=Scope(scope), why=why, by=who.name)
        row = Suppression.objects.of(who.account_id).get(
            address=spec, reason=SuppressionReason.MANUAL
        )
        return Response(view(row), status=201 if new else 200)


class SuppressionById(SuppressionsCall):
    """One suppressed address."""

    def get(self, request: Request, suppression_id: str) -> Response:
        """Why it is not mailed."""
        return Response(view(_find(request, suppression_id)))

    def delete(self, request: Request, suppression_id: str) -> Response:
        """204: it may be mailed again. `why` is kept."""
        row = _find(request, suppression_id)
        why = request.query_params.get("why", "").replace("\0", "") or "Through the API"
        suppression_list.remove(row.account_id, row.pk, why=why, by=caller(request).name)
        return Response(status=204)


class SuppressionUndo(SuppressionsCall):
    """Undo by time window or rule."""

    def post(self, request: Request) -> Response:
        """What fits the rule is counted; with `"confirm": true` it is taken off the list."""
        read = _Read(_object(request))
        reasons = read.given.get("reasons", [])
        if not isinstance(reasons, list) or not all(isinstance(one, str) for one in reasons):
            read.fault("reasons", "reasons must be a list of strings")
        confirm = read.given.get("confirm", False)
        if not isinstance(confirm, bool):
            read.fault("confirm", "confirm must be true or false")
        since, until = read.moment("since"), read.moment("until")
        domain, said = read.text("domain", 253, default=""), read.text("said", 200, default="")
        why = read.text("why", WHY_MAX, default=None if confirm is True else "")
        read.check()
        try:
            asked = suppression_undo.rule(
                since=since, until=until, reasons=reasons, domain=domain, said=said
            )
        except suppression_undo.RuleError as err:
            field, words = _RULES[str(err)]
            raise invalid([Fault(words, field, "INVALID_VALUE")]) from err
        who = caller(request)
        seen = suppression_undo.preview(who.account_id, asked)
        lifted = 0
        if confirm:
            lifted = suppression_undo.undo(who.account_id, asked, why=why, by=who.name)
        return Response(
            {
                "matched": seen.count,
                "reasons": dict(seen.reasons),
                "sample": [view(row) for row in seen.sample],
                "lifted": lifted,
            }
        )


class SuppressionImport(SuppressionsCall):
    """A list brought along from elsewhere."""

    def post(self, request: Request) -> Response:
        """What was new and known, and which lines were left out."""
        read = _Read(_object(request))
        text, name = read.given.get("csv"), read.text("name", 200, default="API")
        if not isinstance(text, str):
            read.fault("csv", "csv must be a string: the file's text")
        read.check()
        try:
            found = suppression_files.read(str(text).encode("utf-8", "replace"))
        except suppression_files.FileError as err:
            raise invalid([Fault(_FILES[str(err)], "csv", "INVALID_VALUE")]) from err
        who = caller(request)
        done = suppression_list.import_read(who.account_id, found, name=name, by=who.name)
        return Response(
            {
                "form": found.form,
                "new": done.new,
                "known": done.known,
                "leftOut": found.skipped,
                "problems": [{"line": one.line, "code": one.code} for one in found.problems],
            }
        )


class SuppressionExport(SuppressionsCall):
    """The whole list as a file."""

    def get(self, request: Request) -> HttpResponseBase:
        """CSV, ours or in the `form` of another service."""
        form = request.query_params.get("form", "")
        if form and form not in suppression_exports.FORMS:
            words = f"form must be one of {', '.join(suppression_exports.FORMS)}, or left out"
            raise invalid([Fault(words, "form", "INVALID_VALUE")])
        rows = suppression_list.exported(caller(request).account_id)
        pieces = suppression_exports.write(rows, form) if form else suppression_files.write(rows)
        answer = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="suppressions.csv"'
        return answer


def view(row: Suppression) -> dict[str, Any]:
    """A suppression as the API shows it."""
    return {
        "id": str(row.pk),
        "address": row.address,
        "reason": row.reason,
        "scope": row.scope,
        "evidence": row.evidence,
        "createdAt": row.created_at,
        "trialAt": row.trial_at,
    }


def _find(request: Request, suppression_id: str) -> Suppression:
    row: Suppression = find(Suppression.objects.of(caller(request).account_id), suppression_id)
    return row


def _object(request: Request) -> dict[str, Any]:
    return request.data if isinstance(request.data, dict) else {}


class _Read:
    """A body's fields, with all that is wrong with them told at once."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self._faults: list[Fault] = []

    def fault(self, field: str, words: str) -> None:
        self._faults.append(Fault(words, field, "INVALID_TYPE"))

    def text(self, field: str, most: int, *, default: str | None = None) -> str:
        value = self.given.get(field, default)
        least = 1 if default is None else 0
        if not isinstance(value, str) or not least <= len(value) <= most or "\0" in value:
            self.fault(field, f"{field} must be a string of {least} to {most} characters")
            return ""
        return value

    def moment(self, field: str) -> datetime | None:
        value = self.given.get(field)
        if value is None:
            return None
        try:
            found = parse_datetime(value) if isinstance(value, str) else None
        except ValueError:
            found = None
        if found is None:
            self.fault(field, f"{field} must be a moment like 2026-11-25T18:00:00Z")
            return None
        return found if timezone.is_aware(found) else timezone.make_aware(found)

    def check(self) -> None:
        if self._faults:
            raise invalid(self._faults)
