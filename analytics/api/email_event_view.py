"""An event of the log in the words of HubSpot's events feed (`docs/hubspot.md` has the table)."""

from collections.abc import Callable, Mapping
from typing import Any

from analytics.event_feed import Named, Told
from config.v1 import APP_ID, APP_NAME, milliseconds
from transactional.classify import Reason
from transactional.classify.names_table import NAMES
from transactional.models import EventType

UNCATEGORIZED = "UNCATEGORIZED"
LEFT = "UNSUBSCRIBED"


def view(told: Told) -> dict[str, Any]:
    """An event as the feed shows it; what is not known of it is left out."""
    row = told.row
    found: dict[str, Any] = {
        "id": str(told.id),
        "created": milliseconds(row.at),
        "type": told.type,
        "recipient": row.address or _asked(told),
        "portalId": row.account_id,
        "appId": APP_ID,
        "appName": APP_NAME,
        "emailCampaignId": row.campaign_id,
        "emailCampaignGroupId": row.email_id,
        "hmid": str(row.recipient_id) if row.recipient_id else None,
        "smtpId": f"<{row.header_id}>" if row.header_id else None,
        "sentBy": _named(told.sent_by),
        "causedBy": _named(told.caused_by),
        "filteredEvent": row.filtered,
        **_MORE.get(told.type, _nothing)(told),
    }
    return {name: value for name, value in found.items() if value is not None}


def _named(event: Named | None) -> dict[str, Any] | None:
    return None if event is None else {"id": str(event.id), "created": milliseconds(event.at)}


def _asked(told: Told) -> str | None:
    """Whom a refused message was for."""
    to = told.data.get("to")
    return str(to[0]) if isinstance(to, list) and to else None


def _nothing(_: Told) -> Mapping[str, Any]:
    return {}


def _sent(told: Told) -> Mapping[str, Any]:
    row = told.row
    return {
        "from": row.from_address,
        "replyTo": [],
        "cc": list(told.cc),
        "bcc": list(told.bcc),
        "subject": row.subject,
    }


def _dropped(told: Told) -> Mapping[str, Any]:
    code = str(told.data.get("reason") or "UNKNOWN_REASON")
    message = told.data.get("message")
    if told.row.type == EventType.CANCELLED:
        code, message = "CAMPAIGN_CANCELLED", "It was withdrawn before it was sent."
        if told.data.get("code"):  # held, and not to be sent any more when a person let it go
            code, message = str(told.data["code"]), str(told.data.get("reason", ""))
    return {**_sent(told), "dropReason": code, "dropMessage": message}


def _delivered(told: Told) -> Mapping[str, Any]:
    return {"response": told.data.get("response", "")}


def _deferred(told: Told) -> Mapping[str, Any]:
    return {"response": told.data.get("response", ""), "attempt": told.data.get("attempt")}


def _bounce(told: Told) -> Mapping[str, Any]:
    reason = str(told.data.get("reason", ""))
    if reason not in set(Reason) and told.row.type == EventType.EXPIRED:
        reason = Reason.EXPIRED
    return {
        "category": NAMES[Reason(reason)].contract if reason in set(Reason) else UNCATEGORIZED,
        "response": told.data.get("response", ""),
        "status": told.data.get("status", ""),
    }


def _open(told: Told) -> Mapping[str, Any]:
    said = {"userAgent": told.data.get("user_agent", ""), "ipAddress": told.data.get("ip", "")}
    return said | ({"filteredReason": told.data.get("machine")} if told.row.filtered else {})


def _click(told: Told) -> Mapping[str, Any]:
    return {**_open(told), "url": told.data.get("url", ""), "linkId": told.data.get("link")}


def _status_change(told: Told) -> Mapping[str, Any]:
    """Leaving types of mail names them; without any it is all marketing mail."""
    types = told.data.get("subscriptions")
    named = types if isinstance(types, list) else []
    complaint = told.data.get("how") == "complaint"
    return {
        "source": "SOURCE_SPAM_REPORT" if complaint else "SOURCE_RECIPIENT",
        "requestedBy": told.row.address,
        "portalSubscriptionStatus": None if named else LEFT,
        "subscriptions": [{"id": one, "status": LEFT} for one in named],
        "bounced": False,
    }


def _spam_report(told: Told) -> Mapping[str, Any]:
    return {"userAgent": told.data.get("user_agent", "")}


_MORE: Mapping[str, Callable[[Told], Mapping[str, Any]]] = {
    "SENT": _sent,
    "DROPPED": _dropped,
    "DELIVERED": _delivered,
    "DEFERRED": _deferred,
    "BOUNCE": _bounce,
    "OPEN": _open,
    "CLICK": _click,
    "STATUSCHANGE": _status_change,
    "SPAMREPORT": _spam_report,
}
