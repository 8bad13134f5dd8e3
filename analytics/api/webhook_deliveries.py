"""Deliveries of a webhook over HTTP: list, show, send again."""

import uuid
from datetime import UTC, datetime
from typing import Any

from django.http import Http404
from django.utils.dateparse import parse_datetime
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api.webhooks import WebhooksCall, body, found, refused
from analytics.models import DeliveryState, WebhookDelivery
from analytics.webhooks import replays
from analytics.webhooks.payload import PREFIX
from config.errors import PostinoError
from config.paging import LONGEST_PAGE, PAGE, number
from config.rest import Fault, invalid
from tokens.web import caller


class Deliveries(WebhooksCall):
    """What was posted, or waits."""

    def get(self, request: Request, webhook_id: str) -> Response:
        """A page of them, newest first; `state` narrows it to waiting, delivered or dead."""
        row, asked = found(request, webhook_id), request.query_params
        limit, after = number(asked.get("limit", ""), most=LONGEST_PAGE), _id(asked.get("after"))
        state, faults = asked.get("state", ""), []
        if asked.get("limit") and limit is None:
            words = f"limit must be a whole number of 1 to {LONGEST_PAGE}"
            faults.append(Fault(words, "limit", "INVALID_VALUE"))
        if asked.get("after") and after is None:
            faults.append(Fault("after must be the id of a delivery", "after", "INVALID_VALUE"))
        if state and state not in DeliveryState.values:
            words = f"state must be one of {', '.join(DeliveryState.values)}"
            faults.append(Fault(words, "state", "INVALID_VALUE"))
        if faults:
            raise invalid(faults)
        rows, size = replays.of(row, state), limit or PAGE
        if after is not None:
            rows = rows.filter(pk__lt=after)
        some = list(rows.order_by("-pk")[: size + 1])
        answer: dict[str, Any] = {"results": [view(one) for one in some[:size]]}
        if len(some) > size:
            answer["paging"] = {"next": {"after": str(some[size - 1].pk)}}
        return Response(answer)


class DeliveryById(WebhooksCall):
    """One delivery."""

    def get(self, request: Request, webhook_id: str, delivery_id: str) -> Response:
        """The delivery, with its tries that failed."""
        key = _id(delivery_id)
        one = replays.of(found(request, webhook_id)).filter(pk=key).first() if key else None
        if one is None:
            raise Http404
        return Response({**view(one), "failedTries": one.history or []})


class Replay(WebhooksCall):
    """Events sent again."""

    def post(self, request: Request, webhook_id: str) -> Response:
        """Either `ids` of deliveries, or all `since` a moment; 202 with how many, where it is known."""
        row, given, by = found(request, webhook_id), body(request), caller(request).name
        try:
            if "ids" in given:
                return Response({"queued": replays.again(row, _ids(given["ids"]), by=by)}, 202)
            everything = given.get("everything", False)
            if not isinstance(everything, bool):
                fault = Fault("everything must be true or false", "everything", "INVALID_TYPE")
                raise invalid([fault])
            replays.since(row, _moment(given.get("since")), everything=everything, by=by)
        except PostinoError as err:
            raise refused(err) from err
        return Response({"queued": None}, status=202)


def _id(text: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if isinstance(text, str) and len(text) == 36 else None
    except ValueError:
        return None


def _ids(given: Any) -> list[uuid.UUID]:
    ids = [_id(one) for one in given] if isinstance(given, list) else [None]
    known = [one for one in ids if one is not None]
    if len(known) < len(ids):
        raise invalid([Fault("ids must be a list of deliveries' ids", "ids", "INVALID_TYPE")])
    return known


def _moment(given: Any) -> datetime:
    try:
        found = parse_datetime(given) if isinstance(given, str) else None
    except ValueError:
        found = None
    if found is None:
        words = "Name `ids` of deliveries, or a moment `since` like 2026-11-25T18:00:00Z"
        raise invalid([Fault(words, "since", "INVALID_TYPE")])
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def view(one: WebhookDelivery) -> dict[str, Any]:
    """A delivery as the API shows it."""
    waits = one.state == DeliveryState.WAITING
    return {
        "id": str(one.pk),
        "eventId": str(one.event_id),
        "type": PREFIX + one.type,
        "test": one.sample,
        "state": one.state,
        "tries": one.tries,
        "nextTryAt": one.due_at if waits else None,
        "triedAt": one.tried_at,
        "status": one.status or None,
        "outcome": one.outcome or None,
        "milliseconds": one.milliseconds if one.tried_at else None,
    }
