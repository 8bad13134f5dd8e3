"""HubSpot's campaigns calls (`/email/public/v1/campaigns`): what there is, and its numbers."""

from typing import Any

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import selectors
from analytics.api.email_events import PAGE, FeedCall
from analytics.selectors import Active
from analytics.stats import Numbers
from config.paging import LONGEST_PAGE, find, number
from config.rest import Fault, invalid
from config.v1 import APP_ID, APP_NAME, milliseconds
from tokens.web import caller
from transactional.models import Campaign, Email

FURTHEST = 1_000_000_000  # campaigns that may come before a page


class CampaignsById(FeedCall):
    """The account's campaigns by their number."""

    def get(self, request: Request) -> Response:
        """A page of them, newest first."""
        return Response(_page(request, by_activity=False))


class Campaigns(FeedCall):
    """The account's campaigns by when something happened last."""

    def get(self, request: Request) -> Response:
        """A page of them, the last active first, with that time."""
        return Response(_page(request, by_activity=True))


class CampaignById(FeedCall):
    """One campaign."""

    def get(self, request: Request, campaign_id: str) -> Response:
        """What it is, and its numbers as the pages show them. Raises Http404."""
        if request.query_params.get("appId", str(APP_ID)) != str(APP_ID):
            raise Http404
        account_id = caller(request).account_id
        row = find(Campaign.objects.of(account_id).select_related("email__published"), campaign_id)
        return Response(_whole(row, selectors.totals(account_id, [row.pk])[row.pk]))


def _page(request: Request, *, by_activity: bool) -> dict[str, Any]:
    """`offset` is how many came before: there is one campaign per email and SMTP token."""
    asked, faults, given = request.query_params, [], {}
    for name, most in (("limit", LONGEST_PAGE), ("offset", FURTHEST)):
        text = asked.get(name, "")
        given[name] = number(text, most=most)
        if text and given[name] is None and (name, text) != ("offset", "0"):
            words = f"{name} must be a whole number of 1 to {most}"
            faults.append(Fault(words, name, "INVALID_VALUE"))
    if faults:
        raise invalid(faults)
    start, limit = given["offset"] or 0, given["limit"] or PAGE
    found = selectors.campaigns(
        caller(request).account_id, by_activity=by_activity, start=start, limit=limit + 1
    )
    return {
        "hasMore": len(found) > limit,
        "offset": str(start + min(limit, len(found))),
        "campaigns": [_line(one, dated=by_activity) for one in found[:limit]],
    }


def _line(one: Active, *, dated: bool) -> dict[str, Any]:
    line: dict[str, Any] = {"id": one.id, "appId": APP_ID, "appName": APP_NAME}
    return {**line, "lastUpdatedTime": milliseconds(one.at)} if dated else line


def _whole(row: Campaign, numbers: Numbers) -> dict[str, Any]:
    email: Email | None = getattr(row, "email", None)
    content = (email.published or email) if email else None
    return {
        "id": row.pk,
        "appId": APP_ID,
        "appName": APP_NAME,
        "contentId": email.pk if email else None,
        "name": row.name,
        "subject": content.subject if content else None,
        "type": "SINGLE_SEND_API" if email else "SMTP_TOKEN",
        "numIncluded": numbers.sent + numbers.dropped,
        "numQueued": numbers.pending,
        "counters": {
            "sent": numbers.sent,
            "processed": numbers.sent,
            "delivered": numbers.delivered,
            "deferred": numbers.deferred,
            "open": numbers.opens,
            "click": numbers.clicks,
            "bounce": numbers.bounces,
            "dropped": numbers.dropped,
            "unsubscribed": numbers.unsubscribes,
            "statuschange": numbers.unsubscribes,
            "spamreport": numbers.complaints,
            "reply": 0,
            "mta_dropped": 0,
            "suppressed": 0,
            "forward": 0,
            "print": 0,
        },
    }
