"""Sending domains over HTTP: list, connect, show with records and findings, check, disconnect."""

from datetime import timedelta
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from config.errors import PostinoError
from config.paging import find, page
from domains import connect, records
from domains.api.calls import DomainsCall, finding_view, refused, texts
from domains.checks import check_domain
from domains.models import Domain
from tokens.models import Account
from tokens.web import caller

CHECKED = timedelta(seconds=1)  # a domain is checked no more often, however many ask


class Domains(DomainsCall):
    """The account's domains."""

    def get(self, request: Request) -> Response:
        """A page of them, newest first, without their records."""
        rows, paging = page(request, Domain.objects.of(caller(request).account_id))
        return Response({"results": [summary(row) for row in rows], **paging})

    def post(self, request: Request) -> Response:
        """201 with the records to publish."""
        asked = texts(request.data, "name")
        account = Account.objects.get(pk=caller(request).account_id)
        try:
            row = connect.domain(account, connect.free_domain_name(account, asked["name"]))
        except PostinoError as err:
            raise refused(err, "name") from err
        return Response(view(row), status=201)


class DomainById(DomainsCall):
    """One domain."""

    def get(self, request: Request, domain_id: str) -> Response:
        """The domain with its records, and what the last check found."""
        return Response(view(_find(request, domain_id)))

    def delete(self, request: Request, domain_id: str) -> Response:
        """204: mail from it is refused from now on, and its keys are gone."""
        _find(request, domain_id).delete()
        return Response(status=204)


class DomainCheck(DomainsCall):
    """A check of one domain, now."""

    def post(self, request: Request, domain_id: str) -> Response:
        """The domain as it is after the check."""
        row = _find(request, domain_id)
        if connect.take_turn(row, CHECKED):
            check_domain(row)
        return Response(view(row))


def _find(request: Request, domain_id: str) -> Domain:
    row: Domain = find(Domain.objects.of(caller(request).account_id), domain_id)
    return row


def summary(row: Domain) -> dict[str, Any]:
    """A domain in a list."""
    return {
        "id": str(row.pk),
        "name": row.name,
        "state": row.state,
        "trackingReady": row.tracking_ready,
        "createdAt": row.created_at,
        "verifiedAt": row.verified_at,
        "checkedAt": row.checked_at,
    }


def view(row: Domain) -> dict[str, Any]:
    """A domain with the records it needs now and the findings about them."""
    known = {(f["purpose"], f["host"]): f for f in row.findings}
    listed = [
        {
            "purpose": record.purpose,
            "type": record.type,
            "host": record.host,
            "shortHost": record.short_host,
            "value": record.value,
            "required": record.required,
            **finding_view(known.get((record.purpose, record.host), {})),
        }
        for record in records.required(row)
    ]
    return {**summary(row), "records": listed}
