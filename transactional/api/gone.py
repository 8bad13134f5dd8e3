"""What the API answers about a message that this account does not have: never, or no longer."""

import uuid

from django.http import Http404

from config.rest import CallRefused
from transactional import retention


def gone_or_absent(message_id: str) -> Exception:
    """404 either way; that of an id so old that its message would be gone says so."""
    try:
        old = retention.is_gone(uuid.UUID(message_id))
    except ValueError:
        old = False
    if not old:
        return Http404()
    days = retention.days().messages
    return CallRefused(
        404, "OBJECT_NOT_FOUND", f"Messages are kept for {days} days; this id is older."
    )
