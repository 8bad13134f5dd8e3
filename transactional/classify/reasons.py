"""The words for why mail came back, and the only table from such a word to what is done about it."""

from collections.abc import Mapping
from enum import StrEnum


class Category(StrEnum):
    """What decides the action. Only `hard` says that the address itself is no good."""

    HARD = "hard"  # suppress the address at once
    SOFT = "soft"  # the address may be good: suppress only after many
    BLOCK = "block"  # we are refused, or our content: never the recipient's fault
    COMPLAINT = "complaint"  # its reader called it spam
    AUTO_REPLY = "auto_reply"  # a program answered: nothing failed
    UNDETERMINED = "undetermined"  # nothing at all was said


class Reason(StrEnum):
    """Why, by the names that Sisimai made common."""

    AUTH_FAILURE = "authfailure"
    BAD_REPUTATION = "badreputation"
    BLOCKED = "blocked"
    CONTENT_ERROR = "contenterror"
    DELIVERED = "delivered"
    EXCEED_LIMIT = "exceedlimit"
    EXPIRED = "expired"
    FAILED_STARTTLS = "failedstarttls"
    FEEDBACK = "feedback"
    FILTERED = "filtered"
    HAS_MOVED = "hasmoved"
    HOST_UNKNOWN = "hostunknown"
    MAILBOX_FULL = "mailboxfull"
    MAILER_ERROR = "mailererror"
    MESG_TOO_BIG = "mesgtoobig"
    NETWORK_ERROR = "networkerror"
    NO_RELAYING = "norelaying"
    NOT_ACCEPT = "notaccept"
    NOT_COMPLIANT_RFC = "notcompliantrfc"
    ON_HOLD = "onhold"
    POLICY_VIOLATION = "policyviolation"
    REJECTED = "rejected"
    REQUIRE_PTR = "requireptr"
    SECURITY_ERROR = "securityerror"
    SPAM_DETECTED = "spamdetected"
    SPEEDING = "speeding"
    SUSPEND = "suspend"
    SYNTAX_ERROR = "syntaxerror"
    SYSTEM_ERROR = "systemerror"
    SYSTEM_FULL = "systemfull"
    TOO_MANY_CONN = "toomanyconn"
    UNDEFINED = "undefined"
    USER_UNKNOWN = "userunknown"
    VACATION = "vacation"
    VIRUS_DETECTED = "virusdetected"


_BY_CATEGORY: Mapping[Category, tuple[Reason, ...]] = {
    Category.HARD: (Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.HAS_MOVED),
    Category.SOFT: (
        Reason.MAILBOX_FULL,
        Reason.EXPIRED,
        Reason.NETWORK_ERROR,
        Reason.SYSTEM_ERROR,
        Reason.SYSTEM_FULL,
        Reason.TOO_MANY_CONN,
        Reason.SPEEDING,
        Reason.MAILER_ERROR,
        Reason.EXCEED_LIMIT,
        Reason.MESG_TOO_BIG,
        Reason.SUSPEND,
        Reason.FILTERED,
        Reason.ON_HOLD,
        Reason.UNDEFINED,
        Reason.NOT_ACCEPT,  # hard where the domain itself says that it takes no mail
    ),
    Category.BLOCK: (
        Reason.BLOCKED,
        Reason.BAD_REPUTATION,
        Reason.REJECTED,
        Reason.SPAM_DETECTED,
        Reason.VIRUS_DETECTED,
        Reason.POLICY_VIOLATION,
        Reason.SECURITY_ERROR,
        Reason.AUTH_FAILURE,
        Reason.REQUIRE_PTR,
        Reason.NO_RELAYING,
        Reason.FAILED_STARTTLS,
        Reason.NOT_COMPLIANT_RFC,
        Reason.CONTENT_ERROR,
        Reason.SYNTAX_ERROR,
    ),
    Category.COMPLAINT: (Reason.FEEDBACK,),
    Category.AUTO_REPLY: (Reason.VACATION, Reason.DELIVERED),
}
CATEGORY: Mapping[Reason, Category] = {
    reason: category for category, reasons in _BY_CATEGORY.items() for reason in reasons
}
#: Soft reasons that tell of the mailbox: several of them, over some time, suppress the address.
WEARING: frozenset[Reason] = frozenset({Reason.MAILBOX_FULL, Reason.SUSPEND, Reason.FILTERED})
