"""EmailSendStatusView, the contract's word on a single send: status, sendResult, times, event."""

from typing import Any

from config.errors import Refusal
from transactional.models import Status
from transactional.selectors import SendStatus
from transactional.submission.request import Accepted, Refused

# The contract's values; ours outside of it are told as the nearest one, and in `message`
SEND_RESULTS = frozenset((
    "ADDRESS_LIST_BOMBED", "ADDRESS_ONLY_ACCEPTED_ON_PROD", "ADDRESS_OPTED_OUT",
    "ATTACHMENT_DOWNLOAD_QUEUE_FULL", "BLOCKED_ADDRESS", "BLOCKED_DOMAIN",
    "BRAND_RECIPIENT_FATIGUE_SUPPRESSED", "CAMPAIGN_CANCELLED", "CANCELLED_ABUSE",
    "CONTACT_VIEW_PERMISSION", "CORRUPT_INPUT", "EMAIL_DISABLED", "EMAIL_UNCONFIRMED",
    "GDPR_DOI_ENABLED", "GRAYMAIL_SUPPRESSED", "HUBL_LIMIT_EXCEEDED", "IDEMPOTENT_FAIL",
    "IDEMPOTENT_IGNORE", "INVALID_APP_ID_ATTRIBUTION", "INVALID_FROM_ADDRESS",
    "INVALID_TO_ADDRESS", "LOW_CONTACT_QUALITY_SCORE", "MARKETING_ACTIVATION_DISALLOWED",
    "MISSING_CONTENT", "MISSING_REQUIRED_PARAMETER", "MISSING_TEMPLATE_PROPERTIES", "MTA_IGNORE",
    "NON_MARKETABLE_CONTACT", "PORTAL_AUTHENTICATION_FAILURE", "PORTAL_EXPIRED",
    "PORTAL_MISSING_MARKETING_SCOPE", "PORTAL_NOT_AUTHORIZED_FOR_APPLICATION", "PORTAL_OVER_LIMIT",
    "PORTAL_SUSPENDED", "PREVIOUSLY_BOUNCED", "PREVIOUSLY_UNSUBSCRIBED_BRAND",
    "PREVIOUSLY_UNSUBSCRIBED_BUSINESS_UNIT", "PREVIOUSLY_UNSUBSCRIBED_MESSAGE",
    "PREVIOUSLY_UNSUBSCRIBED_PORTAL", "PREVIOUS_SPAM", "QUARANTINED_ADDRESS", "QUEUED",
    "RECIPIENT_FATIGUE_SUPPRESSED", "SENT", "TEMPLATE_RENDER_EXCEPTION", "THROTTLED",
    "TOO_MANY_RECIPIENTS", "UBB_GOVERNANCE_MISSING", "UNCONFIGURED_SENDING_DOMAIN",
    "UNDELIVERABLE", "VALIDATION_FAILED",
))  # fmt: skip
NEAREST = {
    "NO_READY_IP": "UNCONFIGURED_SENDING_DOMAIN",
    "MISSING_UNSUBSCRIBE_LINK": "MISSING_CONTENT",
}
_RESULTS: dict[str, str] = {
    Status.DELIVERED: "SENT",
    Status.BOUNCED: "UNDELIVERABLE",
    Status.EXPIRED: "UNDELIVERABLE",
    Status.CANCELLED: "CAMPAIGN_CANCELLED",
}


def send_result(code: str) -> str:
    """The contract's value for a refusal's code."""
    return code if code in SEND_RESULTS else NEAREST.get(code, "VALIDATION_FAILED")


def _told(code: str, message: str) -> str:
    """The sentence; in front our own code, where the contract has none for it."""
    return message if code in SEND_RESULTS else f"{code}: {message}"


def accepted(answer: Accepted) -> dict[str, Any]:
    """A send that is durable; a repeated sendId points at the first one."""
    view: dict[str, Any] = {
        "requestedAt": answer.created_at,
        "statusId": str(answer.message_id),
        "status": "PENDING",
    }
    if answer.duplicate:
        view["status"] = "COMPLETE"
        view["sendResult"] = "IDEMPOTENT_IGNORE"
        view["startedAt"] = view["completedAt"] = answer.created_at
        view["message"] = "This sendId has been used before: nothing was sent again."
    return view


def refused(answer: Refused) -> dict[str, Any]:
    """A send that was not accepted: complete, with the reason."""
    refusal: Refusal = answer.refusal
    view: dict[str, Any] = {
        "status": "COMPLETE",
        "sendResult": send_result(refusal.code),
        "message": _told(refusal.code, refusal.message),
    }
    if answer.message_id is not None:
        view["statusId"] = str(answer.message_id)
    if answer.created_at is not None:
        for name in ("requestedAt", "startedAt", "completedAt"):
            view[name] = answer.created_at
    return view


def of_status(found: SendStatus) -> dict[str, Any]:
    """A send as it stands now."""
    view: dict[str, Any] = {
        "requestedAt": found.requested_at,
        "statusId": str(found.message_id),
        "status": _status(found),
    }
    result, message = _result(found)
    times = {"startedAt": found.started_at, "completedAt": found.completed_at}
    view.update({name: at for name, at in times.items() if at is not None})
    if result:
        view["sendResult"] = result
    if message:
        view["message"] = message
    if found.event is not None:
        event_id, created = found.event
        view["eventId"] = {"id": str(event_id), "created": created}
    return view


def _status(found: SendStatus) -> str:
    if found.cancelled:
        return "CANCELED"
    if not found.open:
        return "COMPLETE"
    return "PENDING" if found.started_at is None else "PROCESSING"


def _result(found: SendStatus) -> tuple[str, str]:
    """sendResult and the sentence beside it."""
    if found.refusal:
        return send_result(found.refusal), _told(found.refusal, found.refusal_text)
    if found.status == Status.SUPPRESSED:
        return send_result(found.reason), ""
    if found.open and found.status not in _RESULTS:
        return ("QUEUED", found.reason) if found.started_at else ("", "")
    message = "" if found.status == Status.DELIVERED else found.reason
    return _RESULTS.get(found.status, ""), message
