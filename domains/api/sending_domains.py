"""Sending domains over HTTP: list, connect, show with records and findings, check, disconnect."""

from datetime import timedelta
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from analytics import complaints
from config.errors import PostinoError
from config.paging import find, page
from config.rest import Fault, invalid
from domains import complaint_pauses, connect, hosted, idn, records
from domains.api.calls import DomainsCall, complaints_view, finding_view, refused, texts
from domains.checks import check_domain
from domains.dkim import choose, importing, rotation
from domains.models import DkimKey, Domain, KeyState
from tokens.models import Account
from tokens.web import caller

CHECKED = timedelta(seconds=1)  # a domain is checked no more often, however many ask

MOST_REVOKED = 20


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
            connect.record(row, "connected", by=caller(request).name)
        except PostinoError as err:
            raise refused(err, "name") from err
        return Response(view(row), status=201)


class DomainById(DomainsCall):
    """One domain."""

    def get(self, request: Request, domain_id: str) -> Response:
        """The domain with its records, and what the last check found."""
        return Response(view(_find(request, domain_id)))

    def patch(self, request: Request, domain_id: str) -> Response:
        """200 after changing `dnsMode` or `rotates`."""
        row = _find(request, domain_id)
        asked = request.data if isinstance(request.data, dict) else {}
        if not isinstance(asked.get("rotates", True), bool):
            raise invalid([Fault("rotates must be true or false", "rotates", "INVALID_TYPE")])
        if "dnsMode" in asked:
            try:
                connect.set_dns_mode(row, str(asked["dnsMode"]))
            except PostinoError as err:
                raise refused(err, "dnsMode") from err
            connect.record(row, "mode_changed", by=caller(request).name, mode=row.dns_mode)
        if "rotates" in asked:
            row.rotates = asked["rotates"]
            Domain.objects.of(row.account_id).filter(pk=row.pk).update(rotates=row.rotates)
            connect.record(row, "schedule_changed", by=caller(request).name)
        return Response(view(row))

    def delete(self, request: Request, domain_id: str) -> Response:
        """204: mail from it is refused from now on, and its keys are gone."""
        row = _find(request, domain_id)
        connect.record(row, "disconnected", by=caller(request).name)
        row.delete()
        return Response(status=204)


class DomainCheck(DomainsCall):
    """A check of one domain, now."""

    def post(self, request: Request, domain_id: str) -> Response:
        """The domain as it is after the check."""
        row = _find(request, domain_id)
        if connect.take_turn(row, CHECKED):
            check_domain(row)
        return Response(view(row))


class DomainKeys(DomainsCall):
    """The DKIM keys of one domain."""

    def get(self, request: Request, domain_id: str) -> Response:
        """Living keys, and the revoked ones after them."""
        return Response({"results": keys_view(_find(request, domain_id))})

    def post(self, request: Request, domain_id: str) -> Response:
        """201: a key of the caller's own, to sign as soon as it has been seen in DNS."""
        row = _find(request, domain_id)
        asked = texts(request.data, "selector", "privateKey", longest=importing.LONGEST)
        try:
            key = importing.import_key(row, selector=asked["selector"], text=asked["privateKey"])
        except PostinoError as err:
            raise refused(err, err.refusal.pointer) from err
        connect.record(row, "key_imported", by=caller(request).name, selector=key.selector)
        return Response(key_view(key), status=201)


class DomainRotation(DomainsCall):
    """A rotation of one domain's keys."""

    def post(self, request: Request, domain_id: str) -> Response:
        """200: what came of it for each algorithm; what waits happens by itself."""
        row = _find(request, domain_id)
        if connect.take_turn(row, CHECKED):
            check_domain(row)
        rotation.ask(row)
        connect.record(row, "rotation_asked", by=caller(request).name)
        turns = [
            {
                "algorithm": turn.algorithm,
                "code": turn.code,
                "selector": turn.selector,
                "until": turn.until,
            }
            for turn in rotation.tend(row)
        ]
        return Response({"turns": turns, "keys": keys_view(row)})


def _find(request: Request, domain_id: str) -> Domain:
    row: Domain = find(Domain.objects.of(caller(request).account_id), domain_id)
    return row


def summary(row: Domain) -> dict[str, Any]:
    """A domain in a list."""
    return {
        "id": str(row.pk),
        "name": row.name,
        "unicodeName": idn.shown(row.name),
        "state": row.state,
        "dnsMode": hosted.mode(row),
        "rotates": row.rotates,
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
            "publishedByUs": record.ours,
            **({"keyState": record.role} if record.role else {}),
            **finding_view(known.get((record.purpose, record.host), {})),
        }
        for record in records.required(row)
    ]
    due = rotation.due_at(row)
    return {
        **summary(row),
        "nextRotationAt": due,
        "records": listed,
        "keys": keys_view(row),
        "complaintRates": complaints_view(complaints.of_domain(row.account_id, row.name)),
        "marketingPause": _pause_view(row),
    }


def _pause_view(row: Domain) -> dict[str, Any] | None:
    """Why its marketing mail waits; None: it does not."""
    pause = complaint_pauses.standing_of(row.account_id, row.name)
    if pause is None:
        return None
    return {
        "began": pause.began_at,
        "window": pause.window,
        "since": pause.since.isoformat(),
        "delivered": pause.delivered,
        "complaints": pause.complaints,
        "percent": float(pause.percent),
        "limit": float(pause.limit),
    }


def keys_view(row: Domain) -> list[dict[str, Any]]:
    """A domain's living keys, what signs first, then the last of those that are revoked."""
    gone = row.dkim_keys.filter(state=KeyState.RETIRED).order_by("-pk")[:MOST_REVOKED]
    signing = {key.pk for key in choose(records.living(row))}
    return [
        {**key_view(key), "signsNow": key.pk in signing} for key in (*records.living(row), *gone)
    ]


def key_view(key: DkimKey) -> dict[str, Any]:
    """A key, without what is secret of it."""
    return {
        "selector": key.selector,
        "algorithm": key.algorithm,
        "bits": key.bits,
        "state": key.state,
        "imported": key.imported,
        "inDns": key.published,
        "createdAt": key.created_at,
        "seenAt": key.seen_at,
        "activeAt": key.active_at,
        "retiringAt": key.retiring_at,
        "retiredAt": key.retired_at,
    }
