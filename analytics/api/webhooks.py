"""Webhooks over HTTP: list, make, show, change, delete; rotate, pause, resume, test."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from analytics.models import DeliveryState, WebhookEndpoint
from analytics.webhooks import endpoints, replays
from analytics.webhooks.payload import PREFIX
from config.calls import Call
from config.errors import PostinoError
from config.paging import find, page
from config.rest import CallRefused, Fault, invalid
from tokens.web import caller

FIELDS = ("url", "description", "types", "stream", "domain", "credential")


class WebhooksCall(Call):
    """A call that needs the scope `webhooks`."""

    scopes = frozenset({"webhooks"})


class Webhooks(WebhooksCall):
    """The account's webhooks."""

    def get(self, request: Request) -> Response:
        """A page of them, newest first."""
        rows, paging = page(request, endpoints.alive(caller(request).account_id))
        return Response({"results": [view(row) for row in rows], **paging})

    def post(self, request: Request) -> Response:
        """201 with the `secret`, which is shown here and never again."""
        who, given = caller(request), body(request)
        try:
            row, secret = endpoints.create(who.account_id, _named(given), by=who.name)
        except PostinoError as err:
            raise refused(err) from err
        return Response({**view(row), "secret": secret}, status=201)


class WebhookById(WebhooksCall):
    """One webhook."""

    def get(self, request: Request, webhook_id: str) -> Response:
        """The webhook, and how many of its events wait or are dead letters (1001: more)."""
        row = found(request, webhook_id)
        counts = {
            "waiting": replays.count(row, DeliveryState.WAITING),
            "deadLetters": replays.count(row, DeliveryState.DEAD),
        }
        return Response({**view(row), **counts})

    def patch(self, request: Request, webhook_id: str) -> Response:
        """Change what is named."""
        row, given = found(request, webhook_id), body(request)
        try:
            endpoints.change(row, _named(given), by=caller(request).name)
        except PostinoError as err:
            raise refused(err) from err
        return Response(view(row))

    def delete(self, request: Request, webhook_id: str) -> Response:
        """204: nothing is posted to it any more."""
        endpoints.delete(found(request, webhook_id), by=caller(request).name)
        return Response(status=204)


class Rotate(WebhooksCall):
    """A webhook's secret."""

    def post(self, request: Request, webhook_id: str) -> Response:
        """The new `secret`; the one of before signs beside it for `overlapHours`, 24 unless said."""
        row, given = found(request, webhook_id), body(request)
        hours = given.get("overlapHours", endpoints.OVERLAP_HOURS)
        if not isinstance(hours, int) or isinstance(hours, bool):
            raise invalid([Fault("overlapHours must be a number", "overlapHours", "INVALID_TYPE")])
        try:
            secret = endpoints.rotate(row, hours=hours, by=caller(request).name)
        except PostinoError as err:
            raise refused(err) from err
        return Response({**view(row), "secret": secret})


class Pause(WebhooksCall):
    """A webhook that shall wait."""

    def post(self, request: Request, webhook_id: str) -> Response:
        """The webhook; its events are collected."""
        row = found(request, webhook_id)
        endpoints.pause(row, by=caller(request).name)
        return Response(view(row))


class Resume(WebhooksCall):
    """A webhook that shall go on."""

    def post(self, request: Request, webhook_id: str) -> Response:
        """The webhook; with `missed` (true unless said) also what happened while it was off."""
        row, missed = found(request, webhook_id), body(request).get("missed", True)
        if not isinstance(missed, bool):
            raise invalid([Fault("missed must be true or false", "missed", "INVALID_TYPE")])
        endpoints.resume(row, missed=missed, by=caller(request).name)
        return Response(view(row))


class TestEvent(WebhooksCall):
    """An example event."""

    __test__ = False  # for pytest

    def post(self, request: Request, webhook_id: str) -> Response:
        """202 with the id of its delivery. `type`: message.delivered unless said."""
        row, kind = found(request, webhook_id), body(request).get("type", "delivered")
        try:
            made = endpoints.test(row, str(kind).removeprefix(PREFIX), by=caller(request).name)
        except PostinoError as err:
            raise refused(err) from err
        return Response({"deliveryId": str(made.pk), "eventId": str(made.event_id)}, status=202)


def found(request: Request, text: str) -> WebhookEndpoint:
    """The caller's webhook of this number. Raises Http404."""
    row: WebhookEndpoint = find(endpoints.alive(caller(request).account_id), text)
    return row


def body(request: Request) -> dict[str, Any]:
    """The body, an object. Raises CallRefused."""
    if not isinstance(request.data, dict):
        raise invalid([Fault("The body must be a JSON object.", "body", "INVALID_TYPE")])
    return request.data


def _named(given: dict[str, Any]) -> dict[str, Any]:
    values = {name: given[name] for name in FIELDS if name in given}
    types = values.get("types")
    if isinstance(types, list):
        values["types"] = [str(one).removeprefix(PREFIX) for one in types]
    return values


def refused(err: PostinoError) -> CallRefused:
    """409 and 429 as they are, 400 for what is wrong."""
    told = err.refusal
    fault = Fault(told.message, told.pointer, told.code)
    category = {409: "CONFLICT", 429: "RATE_LIMITS"}.get(told.http)
    if category is None:
        return invalid([fault])
    return CallRefused(told.http, category, told.message, faults=[fault])


def view(row: WebhookEndpoint) -> dict[str, Any]:
    """A webhook as the API shows it: never with its secret."""
    return {
        "id": str(row.pk),
        "url": row.url,
        "description": row.description,
        "types": [PREFIX + kind for kind in row.types],
        "stream": None if row.stream_id is None else str(row.stream_id),
        "domain": row.domain or None,
        "credential": row.credential or None,
        "state": row.state,
        "stoppedAt": row.stopped_at,
        "failingSince": row.failing_since,
        "lastDeliveredAt": row.last_ok_at,
        "lastFailedAt": row.last_failed_at,
        "lastOutcome": row.last_outcome or None,
        "lastStatus": row.last_status or None,
        "delivered": row.delivered,
        "oldSecretUntil": row.old_secret_until,
        "replaying": row.replay_from is not None,
        "createdAt": row.created_at,
        "createdBy": row.created_by,
    }
