"""Tables of floor 3."""

from transactional.models.broadcast import Broadcast, BroadcastRow, ConfirmationEmail
from transactional.models.checking import DismissedProblem, LinkProbe, SampleSet
from transactional.models.clock import ClockJump, ClockMark
from transactional.models.contact import Contact, ContactChange, ContactImport, Suppression
from transactional.models.contact_list import ContactList, ListMember
from transactional.models.email import Campaign, Email, EmailVersion
from transactional.models.enums import (
    Audience,
    BroadcastState,
    ContactChanged,
    EventType,
    Kind,
    Lane,
    LegalBasis,
    ListKind,
    Machine,
    OptIn,
    RecipientKind,
    Source,
    Status,
    Subscribed,
    SubscriptionSource,
    SuppressionChanged,
    SuppressionReason,
)
from transactional.models.incident import Incident, IncidentAccount, IncidentState
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
from transactional.models.publishing import (
    Approval,
    ApprovalComment,
    ApprovalState,
    RollOut,
    RollOutState,
    VersionCount,
    VersionFold,
)
from transactional.models.retention import LogState, ShorterRetention
from transactional.models.secret import SecretBody
from transactional.models.sender import SenderAddress, SenderMail, SenderState
from transactional.models.shaping import ShapingAction, ShapingCell, ShapingProfile, ShapingRule
from transactional.models.smarthost import Smarthost
from transactional.models.stream import Stream
from transactional.models.subscription import (
    OptInRequest,
    Subscription,
    SubscriptionChange,
    SubscriptionType,
)
from transactional.models.suppression_change import GlobalBlock, SuppressionChange
from transactional.models.template_import import TemplateImport
from transactional.models.tls import BrokenTls, StsPolicy, TlsCount, TlsReportSent

__all__ = [
    "Approval",
    "ApprovalComment",
    "ApprovalState",
    "Audience",
    "Body",
    "BrandKit",
    "Broadcast",
    "BroadcastRow",
    "BroadcastState",
    "BrokenTls",
    "Campaign",
    "ClockJump",
    "ClockMark",
    "ConfirmationEmail",
    "Contact",
    "ContactChange",
    "ContactChanged",
    "ContactImport",
    "ContactList",
    "DeliveryAttempt",
    "DismissedProblem",
    "Email",
    "EmailVersion",
    "Event",
    "EventType",
    "GlobalBlock",
    "Image",
    "ImageContent",
    "Incident",
    "IncidentAccount",
    "IncidentState",
    "Kind",
    "Lane",
    "LegalBasis",
    "LinkProbe",
    "ListKind",
    "ListMember",
    "LogState",
    "Machine",
    "Message",
    "OptIn",
    "OptInRequest",
    "QueueRow",
    "Recipient",
    "RecipientKind",
    "RollOut",
    "RollOutState",
    "SampleSet",
    "SavedBlock",
    "SecretBody",
    "SendIdentity",
    "SenderAddress",
    "SenderMail",
    "SenderState",
    "ShapingAction",
    "ShapingCell",
    "ShapingProfile",
    "ShapingRule",
    "ShorterRetention",
    "Smarthost",
    "Source",
    "Status",
    "Stream",
    "StsPolicy",
    "Subscribed",
    "Subscription",
    "SubscriptionChange",
    "SubscriptionSource",
    "SubscriptionType",
    "Suppression",
    "SuppressionChange",
    "SuppressionChanged",
    "SuppressionReason",
    "TemplateImport",
    "TlsCount",
    "TlsReportSent",
    "VersionCount",
    "VersionFold",
]
