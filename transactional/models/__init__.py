"""Tables of floor 3."""

from transactional.models.checking import DismissedProblem, LinkProbe, SampleSet
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
from transactional.models.library import BrandKit, Image, ImageContent, SavedBlock
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
    "BrandKit",
    "Campaign",
    "Contact",
    "ContactChange",
    "ContactChanged",
    "ContactImport",
    "DeliveryAttempt",
    "DismissedProblem",
    "Email",
    "EmailVersion",
    "Event",
    "EventType",
    "Image",
    "ImageContent",
    "Kind",
    "Lane",
    "LinkProbe",
    "Message",
    "OptIn",
    "QueueRow",
    "Recipient",
    "RecipientKind",
    "SampleSet",
    "SavedBlock",
    "SendIdentity",
    "Source",
    "Status",
    "Stream",
    "Suppression",
    "SuppressionChange",
    "SuppressionChanged",
    "SuppressionReason",
]
