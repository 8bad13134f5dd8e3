"""Tables of floor 3."""

from transactional.models.contact import Contact, ContactChange, ContactImport, Suppression
from transactional.models.email import Campaign, Email, EmailVersion
from transactional.models.enums import (
    ContactChanged,
    EventType,
    Kind,
    Lane,
    OptIn,
    RecipientKind,
    Source,
    Status,
    SuppressionChanged,
    SuppressionReason,
)
from transactional.models.message import (
    Body,
    DeliveryAttempt,
    Event,
    Message,
    QueueRow,
    Recipient,
    SendIdentity,
)
from transactional.models.stream import Stream
from transactional.models.suppression_change import SuppressionChange

__all__ = [
    "Body",
    "Campaign",
    "Contact",
    "ContactChange",
    "ContactChanged",
    "ContactImport",
    "DeliveryAttempt",
    "Email",
    "EmailVersion",
    "Event",
    "EventType",
    "Kind",
    "Lane",
    "Message",
    "OptIn",
    "QueueRow",
    "Recipient",
    "RecipientKind",
    "SendIdentity",
    "Source",
    "Status",
    "Stream",
    "Suppression",
    "SuppressionChange",
    "SuppressionChanged",
    "SuppressionReason",
]
