"""HubSpot's timeline of subscriptions (`/email/public/v1/subscriptions/timeline`): who changed what they hear."""

import uuid
from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from analytics import subscription_timeline
from analytics.api.email_events import LONGEST_PAGE, PAGE, FeedCall, Query
from analytics.subscription_timeline import Act, Asked
from config.v1 import milliseconds
from tokens.web import caller
from transactional.models import Subscribed, SubscriptionChange, SubscriptionSource

# Of all marketing mail, and of a spam complaint
KINDS: Mapping[str, tuple[bool, bool]] = {
    "PORTAL_STATUS": (True, False),
    "SUBSCRIPTION_STATUS": (False, False),
    "PORTAL_SPAM_REPORT": (True, True),
    "SUBSCRIPTION_SPAM_REPORT": (False, True),
}
NEVER = frozenset({"PORTAL_BOUNCE"})  # known there; here bounces are events of mail
_BY_US = frozenset({SubscriptionSource.MEMBER, SubscriptionSource.API, SubscriptionSource.IMPORT})


class SubscriptionTimeline(FeedCall):
    """The account's changes of subscriptions."""

    def get(self, request: Request) -> Response:
        """A page of them, newest first, by person and moment. Raises CallRefused with every fault."""
        query = Query(request)
        kind, before = query.values.get("changeType", ""), _before(query)
        if kind and kind not in KINDS and kind not in NEVER:
            query.fault("changeType", f"must be one of {', '.join(sorted({*KINDS, *NEVER}))}")
        limit = query.whole("limit", most=LONGEST_PAGE)
        whole, reported = KINDS.get(kind, (None, None))
        asked = Asked(
            whole=whole,
            reported=reported,
            since=query.moment("startTimestamp"),
            until=query.moment("endTimestamp"),
            before=before,
            limit=limit or PAGE,
        )
        query.refuse_faults()
        if kind in NEVER:
            return Response({"hasMore": False, "offset": "", "timeline": []})
        account_id = caller(request).account_id
        page = subscription_timeline.page(account_id, asked)
        return Response(
            {
                "hasMore": page.more,
                "offset": "" if page.last is None else page.last.hex,
                "timeline": [_item(account_id, act) for act in page.acts],
            }
        )


def _before(query: Query) -> uuid.UUID | None:
    text = query.values.get("offset", "")
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        query.fault("offset", "must be what the page before gave as offset")
        return None


def _item(account_id: int, act: Act) -> dict[str, Any]:
    return {
        "timestamp": milliseconds(act.at),
        "portalId": account_id,
        "recipient": act.address,
        "changes": [_change(account_id, act, one) for one in act.changes],
    }


def _change(account_id: int, act: Act, one: SubscriptionChange) -> dict[str, Any]:
    whole, reported = one.type_id is None, one.source == SubscriptionSource.COMPLAINT
    kind = next(name for name, asked in KINDS.items() if asked == (whole, reported))
    found: dict[str, Any] = {
        "change": "REPORTED_SPAM" if reported else _said(one.status),
        "changeType": kind,
        "source": _source(one.source),
        "portalId": account_id,
    }
    if one.type_id is not None:
        found["subscriptionId"] = one.type_id
    if act.event is not None:
        named = {"id": str(act.event.pk), "created": milliseconds(act.event.at)}
        return {**found, "causedByEvent": named}
    return {**found, "timestamp": milliseconds(one.at)}


def _said(status: str) -> str:
    known = {Subscribed.SUBSCRIBED: "SUBSCRIBED", Subscribed.UNSUBSCRIBED: "UNSUBSCRIBED"}
    return known.get(Subscribed(status), "NOT_SPECIFIED")


def _source(source: str) -> str:
    if source == SubscriptionSource.COMPLAINT:
        return "SOURCE_SPAM_REPORT"
    return "SOURCE_HUBSPOT_CUSTOMER" if source in _BY_US else "SOURCE_RECIPIENT"
