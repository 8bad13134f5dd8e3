"""Dedicated IPs over HTTP: list, connect, show with findings, check, disconnect."""

from datetime import timedelta
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from config.errors import PostinoError
from config.paging import find, page
from domains import connect, names
from domains.api.calls import DomainsCall, finding_view, refused, texts
from domains.models import EgressSource
from domains.source_checks import check_source
from tokens.models import Account
from tokens.web import caller

CHECKED = timedelta(seconds=1)  # an IP is checked no more often, however many ask


class Ips(DomainsCall):
    """The account's IPs."""

    def get(self, request: Request) -> Response:
        """A page of them, newest first, without findings."""
        rows, paging = page(request, EgressSource.objects.of(caller(request).account_id))
        return Response({"results": [summary(row) for row in rows], **paging})

    def post(self, request: Request) -> Response:
        """201: it waits for its names in DNS."""
        asked = texts(request.data, "address", "ehloName")
        account = Account.objects.get(pk=caller(request).account_id)
        try:
            ehlo_name = names.host_name(asked["ehloName"])
        except PostinoError as err:
            raise refused(err, "ehloName") from err
        try:
            address = connect.free_address(asked["address"])
            row = connect.source(account, address=address, ehlo_name=ehlo_name)
        except PostinoError as err:
            raise refused(err, "address") from err
        return Response(view(row), status=201)


class IpById(DomainsCall):
    """One IP."""

    def get(self, request: Request, ip_id: str) -> Response:
        """The IP with what the last check found."""
        return Response(view(_find(request, ip_id)))

    def delete(self, request: Request, ip_id: str) -> Response:
        """204: no mail leaves from it from now on."""
        connect.disconnect_source(_find(request, ip_id))
        return Response(status=204)


class IpCheck(DomainsCall):
    """A check of one IP, now."""

    def post(self, request: Request, ip_id: str) -> Response:
        """The IP as it is after the check."""
        row = _find(request, ip_id)
        if connect.take_turn(row, CHECKED):
            check_source(row)
        return Response(view(row))


def _find(request: Request, ip_id: str) -> EgressSource:
    row: EgressSource = find(EgressSource.objects.of(caller(request).account_id), ip_id)
    return row


def summary(row: EgressSource) -> dict[str, Any]:
    """An IP in a list."""
    return {
        "id": str(row.pk),
        "address": row.address,
        "ehloName": row.ehlo_name,
        "state": row.state,
        "createdAt": row.created_at,
        "readyAt": row.ready_at,
        "checkedAt": row.checked_at,
    }


def view(row: EgressSource) -> dict[str, Any]:
    """An IP with the findings about it."""
    listed = [{"purpose": f["purpose"], "host": f["host"], **finding_view(f)} for f in row.findings]
    return {**summary(row), "checks": listed}
