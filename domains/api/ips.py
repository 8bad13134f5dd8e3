"""Dedicated IPs over HTTP: list, connect, show with findings, check, disconnect."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from analytics import complaints
from config.errors import PostinoError
from config.paging import find, page
from config.rest import CallRefused, Fault, invalid
from domains import blocklists, connect, hosts, names, warmup
from domains.api.calls import DomainsCall, complaints_view, finding_view, refused, texts
from domains.findings import sentence_of
from domains.models import EgressSource, Listing, SourceChange, SourceEvent
from domains.source_checks import check_source
from domains.source_states import Why, move
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
        options = _options(request.data)
        account = Account.objects.get(pk=caller(request).account_id)
        try:
            ehlo_name = names.host_name(asked["ehloName"])
        except PostinoError as err:
            raise refused(err, "ehloName") from err
        try:
            address = connect.free_address(asked["address"])
            by = f"api:{caller(request).name}"
            row = connect.source(account, address=address, ehlo_name=ehlo_name, by=by, **options)
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


class IpHistory(DomainsCall):
    """What happened to one IP."""

    def get(self, request: Request, ip_id: str) -> Response:
        """A page of its changes, newest first, each with why."""
        row = _find(request, ip_id)
        rows, paging = page(request, SourceChange.objects.filter(source=row))
        return Response({"results": [change_view(change) for change in rows], **paging})


class IpMove(DomainsCall):
    """Something done to one IP: paused, resumed, warmed up or not."""

    act = ""  # the last part of the address

    def post(self, request: Request, ip_id: str) -> Response:
        """The IP as it is now. 409 where its state does not allow it."""
        row = _find(request, ip_id)
        why = Why(by=f"api:{caller(request).name}")
        if not _ACTS[self.act](row.pk, why):
            words = f"An IP that is {row.state} cannot be asked to {self.act.replace('-', ' ')}."
            if "warm" in self.act:
                words = f"The warm-up is {'on' if row.warm_up else 'off'} already."
            raise CallRefused(409, "CONFLICT", words, faults=[Fault(words, "state", "NOT_NOW")])
        row.refresh_from_db()
        if self.act == "resume":
            check_source(row)
        return Response(view(row))


_ACTS: dict[str, Callable[[int, Why], bool]] = {
    "pause": lambda pk, why: move(pk, SourceEvent.PAUSED, why),
    "resume": lambda pk, why: move(pk, SourceEvent.RESUMED, why),
    "warm-up": warmup.start,
    "skip-warm-up": lambda pk, why: move(pk, SourceEvent.WARM_UP_SKIPPED, why),
}


def _options(body: Any) -> dict[str, Any]:
    """The optional `host` and `warmUp` of a new IP. Raises CallRefused."""
    given = body if isinstance(body, dict) else {}
    host, warm_up = given.get("host"), given.get("warmUp")
    faults = []
    if host is not None and (not isinstance(host, str) or len(host) > 253):
        faults.append(Fault("host must be a string", "host", "INVALID_TYPE"))
    elif host and host not in hosts.reports():
        words = "No worker host of this name delivers here."
        faults.append(Fault(words, "host", "UNKNOWN_HOST"))
    if warm_up is not None and not isinstance(warm_up, bool):
        faults.append(Fault("warmUp must be true or false", "warmUp", "INVALID_TYPE"))
    if faults:
        raise invalid(faults)
    return {"host": host or "", "warm_up": bool(warm_up)}


def _find(request: Request, ip_id: str) -> EgressSource:
    row: EgressSource = find(EgressSource.objects.of(caller(request).account_id), ip_id)
    return row


def summary(row: EgressSource) -> dict[str, Any]:
    """An IP in a list."""
    return {
        "id": str(row.pk),
        "address": row.address,
        "ehloName": row.ehlo_name,
        "host": row.host or None,
        "state": row.state,
        "warmUp": row.warm_up,
        "createdAt": row.created_at,
        "readyAt": row.ready_at,
        "checkedAt": row.checked_at,
    }


def view(row: EgressSource) -> dict[str, Any]:
    """An IP with the findings about it."""
    listed = [{"purpose": f["purpose"], "host": f["host"], **finding_view(f)} for f in row.findings]
    return {
        **summary(row),
        "usable": row.usable,
        "checks": listed,
        "blocklists": _lists(row),
        "warmUpDays": _warm_up(row) if row.warm_up else [],
        "complaintRates": complaints_view(complaints.of_source(row.pk)),
    }


def change_view(change: SourceChange) -> dict[str, Any]:
    """A line of an IP's history."""
    return {
        "id": str(change.pk),
        "at": change.at,
        "event": change.event,
        "was": change.was,
        "state": change.state,
        "code": change.why,
        "message": sentence_of({"code": change.why, "params": change.data, **change.data}),
        "by": change.by or None,
    }


def _lists(row: EgressSource) -> list[dict[str, Any]]:
    """What the blocklists said of the IP, as far as they were asked."""
    known = {one.code: one for one in Listing.objects.filter(subject=row.address)}
    return [
        {
            "list": asked.list.code,
            "name": asked.list.name,
            "stops": asked.stops,
            "status": known[asked.list.code].state,
            "code": known[asked.list.code].why,
            "message": known[asked.list.code].words,
            "since": known[asked.list.code].since,
            "checkedAt": known[asked.list.code].checked_at,
        }
        for asked in blocklists.lists_for(blocklists.kind_of(row.address))
        if asked.list.code in known
    ]


def _warm_up(row: EgressSource) -> list[dict[str, Any]]:
    """Each provider's budget of today, its use, and when it is expected to be warm."""
    found = []
    for one in warmup.calendar(row):
        today = one.current
        found.append(
            {
                "provider": one.provider,
                "warm": one.warm,
                "warmExpectedOn": one.ends.isoformat() if one.ends else None,
                "budget": today.cap if today else None,
                "used": today.taken if today else 0,
                "sent": today.sent if today else 0,
                "deferred": today.deferred if today else 0,
                "refused": today.blocked if today else 0,
                "complaints": today.complaints if today else 0,
                "code": today.code if today else "",
            }
        )
    return found
