"""Until when each table of the log is kept, and what holds it back."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from config.ids import uuid7_floor, uuid7_time
from transactional.models import QueueRow

# Between a message's id and its recipients': they are made together, but clocks differ
SLACK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Days:
    """For how many days content, messages (with recipients and tries) and events are kept; 0: for
    ever.
    """

    bodies: int
    messages: int
    events: int


_OF = {
    "transactional_body": "bodies",
    "transactional_message": "messages",
    "transactional_recipient": "messages",
    "transactional_deliveryattempt": "messages",
    "transactional_event": "events",
}


def days() -> Days:
    """What the settings say."""
    return Days(settings.KEEP_BODIES_DAYS, settings.KEEP_MESSAGES_DAYS, settings.KEEP_EVENTS_DAYS)


def floor(table: str, now: datetime) -> datetime | None:
    """Rows of this table that were made earlier may go; None: none may."""
    kept: int = getattr(days(), _OF[table])
    return now - timedelta(days=kept) if kept else None


def oldest_queued() -> datetime | None:
    """Mail that was made earlier is not to be delivered any more; None: nothing is queued."""
    first: uuid.UUID | None = QueueRow.objects.order_by("pk").values_list("pk", flat=True).first()
    return None if first is None else uuid7_time(first) - SLACK


def is_gone(message_id: uuid.UUID, *, now: datetime | None = None) -> bool:
    """Whether a message of this id, if there ever was one, may be gone because of its age."""
    at = floor("transactional_message", now or timezone.now())
    return at is not None and message_id < uuid7_floor(at) and message_id.version == 7
