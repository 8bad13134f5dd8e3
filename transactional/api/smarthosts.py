"""Smarthosts over HTTP: list, make, show, change, delete, test. The password is written, never read."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from config.calls import Call
from config.errors import PostinoError
from config.paging import find, page
from config.rest import CallRefused, Fault, invalid
from tokens.models import Account
from tokens.web import caller
from transactional import smarthosts
from transactional.egress import smarthost_check
from transactional.egress.smarthost_words_table import tell
from transactional.models import Smarthost
from transactional.smarthosts import Wanted

FIELDS = ("name", "host", "port", "username", "tls", "password")


class SmarthostsCall(Call):
    """A call that needs the scope `domains`."""

    scopes = frozenset({"domains"})


class Smarthosts(SmarthostsCall):
    """The account's own smarthosts."""

    def get(self, request: Request) -> Response:
        """A page of them, newest first."""
        rows, paging = page(request, _rows(request))
        return Response({"results": [view(row) for row in rows], **paging})

    def post(self, request: Request) -> Response:
        """201: the smarthost; no stream uses it yet."""
        wanted, who = _wanted(request, None), caller(request)
        account = Account.objects.get(pk=who.account_id)
        try:
            row = smarthosts.create(account, wanted, by=who.name)
        except PostinoError as err:
            raise _refused(err) from err
        return Response(view(row), status=201)


class SmarthostById(SmarthostsCall):
    """One smarthost."""

    def get(self, request: Request, smarthost_id: str) -> Response:
        """The smarthost without its password."""
        return Response(view(find(_rows(request), smarthost_id)))

    def patch(self, request: Request, smarthost_id: str) -> Response:
        """Change what is named. With another host or port the password must come along."""
        row, who = find(_rows(request), smarthost_id), caller(request)
        wanted = _wanted(request, row)
        smarthosts.change(Account.objects.get(pk=who.account_id), row, wanted, by=who.name)
        return Response(view(row))

    def delete(self, request: Request, smarthost_id: str) -> Response:
        """204; 409 while a stream uses it."""
        row, who = find(_rows(request), smarthost_id), caller(request)
        try:
            smarthosts.delete(Account.objects.get(pk=who.account_id), row, by=who.name)
        except PostinoError as err:
            raise _refused(err) from err
        return Response(status=204)


class SmarthostTest(SmarthostsCall):
    """A test of one smarthost."""

    __test__ = False  # for pytest

    def post(self, request: Request, smarthost_id: str) -> Response:
        """200 with what was found, good or bad; 429 while another test is under way."""
        row = find(_rows(request), smarthost_id)
        try:
            found = smarthost_check.check(row)
        except PostinoError as err:
            raise _refused(err) from err
        return Response(
            {
                "ok": found.ok,
                "code": found.code,
                "says": tell(found),
                "reply": found.reply,
                "address": found.address,
                "tls": found.tls,
                "dialogue": list(found.dialogue),
                "at": found.at,
            }
        )


def _rows(request: Request) -> QuerySet[Smarthost]:
    rows: QuerySet[Smarthost] = Smarthost.objects.of(caller(request).account_id)
    return rows


def _wanted(request: Request, row: Smarthost | None) -> Wanted:
    if not isinstance(request.data, dict):
        raise invalid([Fault("The body must be a JSON object.", "body", "INVALID_TYPE")])
    given = {name: request.data[name] for name in FIELDS if name in request.data}
    read = smarthosts.read(given, row)
    if isinstance(read, Wanted):
        return read
    raise invalid([Fault(one.message, one.field, one.code) for one in read])


def _refused(err: PostinoError) -> CallRefused:
    refusal = err.refusal
    category = {409: "CONFLICT", 429: "RATE_LIMITS"}.get(refusal.http, "VALIDATION_ERROR")
    fault = Fault(refusal.message, refusal.pointer, refusal.code)
    return CallRefused(refusal.http, category, refusal.message, faults=[fault])


def view(row: Smarthost) -> dict[str, Any]:
    """A smarthost as the API shows it."""
    return {
        "id": str(row.pk),
        "name": row.name,
        "host": row.host,
        "port": row.port,
        "username": row.username,
        "tls": row.tls,
        "hasPassword": bool(row.password),
    }
