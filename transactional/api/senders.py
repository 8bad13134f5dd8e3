"""From addresses of other domains over HTTP: list, ask, show, ask again, remove."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from config.calls import Call
from config.errors import PostinoError
from config.paging import find, page
from config.rest import CallRefused, Fault, invalid
from tokens.models import Account
from tokens.web import caller
from transactional.models import SenderAddress
from transactional.submission import senders

LONGEST = 254


class SendersCall(Call):
    """A call that needs the scope `domains`."""

    scopes = frozenset({"domains"})


class Senders(SendersCall):
    """The account's addresses."""

    def get(self, request: Request) -> Response:
        """A page of them, newest first."""
        rows, paging = page(request, SenderAddress.objects.of(caller(request).account_id))
        return Response({"results": [view(row) for row in rows], **paging})

    def post(self, request: Request) -> Response:
        """201: a link is on its way to the address."""
        given = request.data if isinstance(request.data, dict) else {}
        faults = [
            Fault(f"{name} must be a string of 1 to {LONGEST} characters", name, "INVALID_TYPE")
            for name in ("address", "sendsAs")
            if not isinstance(given.get(name), str) or not 0 < len(given[name]) <= LONGEST
        ]
        if faults:
            raise invalid(faults)
        who = caller(request)
        account = Account.objects.get(pk=who.account_id)
        try:
            row = senders.ask(account, given["address"], given["sendsAs"], by=who.name)
        except PostinoError as err:
            raise _refused(err) from err
        return Response(view(row), status=201)


class SenderById(SendersCall):
    """One address."""

    def get(self, request: Request, sender_id: str) -> Response:
        """The address and whether it is confirmed."""
        return Response(view(_find(request, sender_id)))

    def delete(self, request: Request, sender_id: str) -> Response:
        """204: mail from it is refused from now on."""
        senders.forget(_find(request, sender_id), by=caller(request).name)
        return Response(status=204)


class SenderResend(SendersCall):
    """The link of one address, again."""

    def post(self, request: Request, sender_id: str) -> Response:
        """The address; the link of before has ended."""
        row = _find(request, sender_id)
        try:
            senders.ask_again(row)
        except PostinoError as err:
            raise _refused(err) from err
        return Response(view(row))


def _find(request: Request, sender_id: str) -> SenderAddress:
    row: SenderAddress = find(SenderAddress.objects.of(caller(request).account_id), sender_id)
    return row


def _refused(err: PostinoError) -> CallRefused:
    refusal = err.refusal
    fault = Fault(refusal.message, refusal.pointer or "address", refusal.code)
    if refusal.http == 400:
        return invalid([fault])
    category = {409: "CONFLICT", 429: "RATE_LIMITS"}.get(refusal.http, "VALIDATION_ERROR")
    return CallRefused(refusal.http, category, refusal.message, faults=[fault])


def view(row: SenderAddress) -> dict[str, Any]:
    """An address as the API shows it."""
    return {
        "id": str(row.pk),
        "address": row.address,
        "sendsAs": row.sends_as,
        "state": row.state,
        "createdAt": row.created_at,
        "confirmedAt": row.confirmed_at,
    }
