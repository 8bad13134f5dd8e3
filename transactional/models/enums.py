"""The words of the delivery pipeline, each with its sentence."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    """The two kinds of mail, and the rule that parts them."""

    TRANSACTIONAL = "transactional", _("Transactional")  # goes whatever the contact's consent
    MARKETING = "marketing", _("Marketing")  # obeys it, and carries an unsubscribe link


class Lane(models.IntegerChoices):
    """Order in the queue."""

    URGENT = 0, _("Urgent")  # one-time codes and resets: workers of their own
    NORMAL = 1, _("Normal")
    BULK = 2, _("Bulk")


class Source(models.TextChoices):
    """The door a message came in by."""

    API = "api", _("API")
    SMTP = "smtp", _("SMTP")
    APP = "app", _("Browser")
    TEST = "test", _("Test send")  # marked as one, and counted in no statistics


class RecipientKind(models.TextChoices):
    """Where the address stood in the request."""

    TO = "to", "To"
    CC = "cc", "Cc"
    BCC = "bcc", "Bcc"


class Status(models.TextChoices):
    """A recipient's one status. Only `transactional/lifecycle` writes it, and what it names."""

    QUEUED = "queued", _("Queued")  # accepted and durable, not tried yet
    DEFERRED = "deferred", _("Deferred")  # tried, the peer asked us to come back
    DELIVERED = "delivered", _("Delivered")  # the receiving server took responsibility
    BOUNCED = "bounced", _("Bounced")  # refused for good
    EXPIRED = "expired", _("Expired")  # not delivered within its lifetime
    SUPPRESSED = "suppressed", _("Suppressed")  # on a list of addresses this account must not mail
    HELD = "held", _("Held")  # in doubt, or not to be built: a person decides
    CANCELLED = "cancelled", _("Cancelled")  # withdrawn before it was sent
    UNCERTAIN = "uncertain", _("Uncertain")  # final dot sent, its reply never seen


class EventType(models.TextChoices):
    """What can happen to a recipient or a message; the append-only log behind every number."""

    ACCEPTED = "accepted", _("Accepted")
    DROPPED = "dropped", _("Not sent")
    DEFERRED = "deferred", _("Deferred")
    DELIVERED = "delivered", _("Delivered")
    BOUNCED = "bounced", _("Bounced")
    EXPIRED = "expired", _("Expired")
    UNCERTAIN = "uncertain", _("Outcome unknown")
    RESENT = "resent", _("Sent again")
    REQUEUED = "requeued", _("Queued again")
    HELD = "held", _("Held")
    CANCELLED = "cancelled", _("Cancelled")
    OPENED = "opened", _("Opened")
    CLICKED = "clicked", _("Clicked")
    COMPLAINED = "complained", _("Reported as spam")
    UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")
    UNBOUNCED = "unbounced", _("Bounce lifted")


class Machine(models.TextChoices):
    """Why an open or a click is held to be a program's; kept in its event as `machine`."""

    PRIVACY = "privacy", _("Apple's Mail Privacy Protection loads pictures before anybody reads")
    PREFETCH = "prefetch", _("It was loaded ahead, before anybody asked for it")
    HEAD = "head", _("It only asked whether the link is there (HEAD)")
    NETWORK = "network", _("It came from a network that this installation lists as a scanner's")
    ROBOT = "robot", _("It says itself that it is a program")
    NAMELESS = "nameless", _("It did not say which program it is, as every browser does")
    PROMPT = "prompt", _("It came within two seconds of the delivery")
    BURST = "burst", _("Several links were followed at once")


class OptIn(models.TextChoices):
    """Double opt-in of a contact."""

    NONE = "none", _("Not asked")
    PENDING = "pending", _("Waiting for confirmation")
    CONFIRMED = "confirmed", _("Confirmed")


class Subscribed(models.TextChoices):
    """A person's answer about a type of marketing mail."""

    SUBSCRIBED = "subscribed", _("Subscribed")
    UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")
    NOT_SPECIFIED = "unspecified", _("Not specified")  # never stored: it is the lack of an answer


class LegalBasis(models.TextChoices):
    """Why somebody may be written to (GDPR, article 6); the contract's values."""

    LEGITIMATE_INTEREST_PQL = "LEGITIMATE_INTEREST_PQL", _("Legitimate interest: prospect")
    LEGITIMATE_INTEREST_CLIENT = "LEGITIMATE_INTEREST_CLIENT", _("Legitimate interest: customer")
    PERFORMANCE_OF_CONTRACT = "PERFORMANCE_OF_CONTRACT", _("Performance of a contract")
    CONSENT_WITH_NOTICE = "CONSENT_WITH_NOTICE", _("Freely given consent")
    NON_GDPR = "NON_GDPR", _("Not applicable")
    PROCESS_AND_STORE = "PROCESS_AND_STORE", _("Consent to store and process")
    LEGITIMATE_INTEREST_OTHER = "LEGITIMATE_INTEREST_OTHER", _("Legitimate interest: other")


class SubscriptionSource(models.TextChoices):
    """Through what a person's answer came."""

    LINK = "link", _("Link in an email")
    PREFERENCES = "preferences", _("Preference page")
    OPT_IN = "opt_in", _("Double opt-in")
    COMPLAINT = "complaint", _("Spam complaint")
    FEEDBACK = "feedback", _("Request through the mail provider")
    API = "api", _("API")
    IMPORT = "import", _("Import")
    MEMBER = "member", _("By hand")


class ListKind(models.TextChoices):
    """How a list of people comes about."""

    STATIC = "static", _("Static")  # written down one by one
    FILTER = "filter", _("Filter")  # whoever meets its conditions when it is used


class Audience(models.TextChoices):
    """Whom a send from the app is for."""

    TYPED = "typed", _("Typed addresses")
    LISTS = "lists", _("Contact lists")
    CSV = "csv", _("CSV file")


class BroadcastState(models.TextChoices):
    """Where a send from the app stands."""

    DRAFT = "draft", _("Not confirmed")  # recipients are being chosen; nothing is sent
    SCHEDULED = "scheduled", _("Scheduled")
    RUNNING = "running", _("Sending")
    PAUSED = "paused", _("Paused")  # by a member, or because the email has changed
    STOPPED = "stopped", _("Stopped")  # by itself: too many bounced
    CANCELLED = "cancelled", _("Cancelled")
    SENT = "sent", _("Sent")  # every row is handed over; outcomes still come in
    DONE = "done", _("Finished")  # every outcome is known


class ContactChanged(models.TextChoices):
    """What a member can do to a contact by hand."""

    CREATED = "created", _("Added by hand")
    EDITED = "edited", _("Properties changed")
    UNSUBSCRIBED = "unsubscribed", _("Unsubscribed by hand")
    RESUBSCRIBED = "resubscribed", _("Subscribed again by hand")
    QUARANTINED = "quarantined", _("Put in quarantine")
    RELEASED = "released", _("Taken out of quarantine")
    NOT_ASKED = "not_asked", _("Double opt-in: not asked")
    PENDING = "pending", _("Double opt-in: waiting for confirmation")
    CONFIRMED = "confirmed", _("Double opt-in: confirmed")


class SuppressionChanged(models.TextChoices):
    """What a member can do to the list of suppressed addresses."""

    ADDED = "added", _("Added")
    REMOVED = "removed", _("Removed")
    IMPORTED = "imported", _("Imported")


class SuppressionReason(models.TextChoices):
    """Why an address must not be mailed."""

    HARD_BOUNCE = "hard_bounce", _("Hard bounce")
    SOFT_BOUNCE = "soft_bounce", _("Repeated soft bounces")
    COMPLAINT = "complaint", _("Spam complaint")
    MANUAL = "manual", _("Added by hand")
