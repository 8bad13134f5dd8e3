"""What others call our reasons: the contract's bounce categories, Amazon SES's and Postmark's types."""

from collections.abc import Mapping
from dataclasses import dataclass

from transactional.classify.reasons import Reason


@dataclass(frozen=True, slots=True)
class Names:
    """One reason elsewhere. `contract` is the `category` of a BOUNCE event (docs/hubspot.md)."""

    contract: str
    ses: str
    postmark: str


_SOFT, _SPAM, _DNS = "Transient/General", "SpamNotification", "DnsError"
NAMES: Mapping[Reason, Names] = {
    Reason.AUTH_FAILURE: Names("DMARC", _SOFT, "DMARCPolicy"),
    Reason.BAD_REPUTATION: Names("IP_REPUTATION", _SOFT, "Blocked"),
    Reason.BLOCKED: Names("IP_REPUTATION", _SOFT, "Blocked"),
    Reason.CONTENT_ERROR: Names("CONTENT", "Transient/ContentRejected", "Blocked"),
    Reason.DELIVERED: Names("UNCATEGORIZED", "Undetermined", "AutoResponder"),
    Reason.EXCEED_LIMIT: Names("POLICY", "Transient/MessageTooLarge", "SoftBounce"),
    Reason.EXPIRED: Names("TIMEOUT", _SOFT, "Transient"),
    Reason.FAILED_STARTTLS: Names("POLICY", _SOFT, "Blocked"),
    Reason.FEEDBACK: Names("SPAM", "Undetermined", "SpamComplaint"),
    Reason.FILTERED: Names("FILTERED", _SOFT, "SoftBounce"),
    Reason.HAS_MOVED: Names("UNKNOWN_USER", "Permanent/General", "AddressChange"),
    Reason.HOST_UNKNOWN: Names("DNS_FAILURE", "Permanent/General", "HardBounce"),
    Reason.MAILBOX_FULL: Names("MAILBOX_FULL", "Transient/MailboxFull", "SoftBounce"),
    Reason.MAILER_ERROR: Names("MAILBOX_MISCONFIGURATION", _SOFT, "SoftBounce"),
    Reason.MESG_TOO_BIG: Names("CONTENT", "Transient/MessageTooLarge", "SoftBounce"),
    Reason.NETWORK_ERROR: Names("TEMPORARY_PROBLEM", _SOFT, _DNS),
    Reason.NO_RELAYING: Names("ISP_MISCONFIGURATION", _SOFT, "Blocked"),
    Reason.NOT_ACCEPT: Names("DNS_FAILURE", "Permanent/General", "HardBounce"),
    Reason.NOT_COMPLIANT_RFC: Names("CONTENT", "Transient/ContentRejected", "Blocked"),
    Reason.ON_HOLD: Names("GREYLISTING", _SOFT, "Transient"),
    Reason.POLICY_VIOLATION: Names("POLICY", "Transient/ContentRejected", "Blocked"),
    Reason.REJECTED: Names("POLICY", _SOFT, "Blocked"),
    Reason.REQUIRE_PTR: Names("SENDING_DOMAIN_MISCONFIGURATION", _SOFT, "Blocked"),
    Reason.SECURITY_ERROR: Names("POLICY", _SOFT, "Blocked"),
    Reason.SPAM_DETECTED: Names("SPAM", "Transient/ContentRejected", _SPAM),
    Reason.SPEEDING: Names("THROTTLED", _SOFT, "Transient"),
    Reason.SUSPEND: Names("MAILBOX_MISCONFIGURATION", _SOFT, "SoftBounce"),
    Reason.SYNTAX_ERROR: Names("CONTENT", _SOFT, "SoftBounce"),
    Reason.SYSTEM_ERROR: Names("ISP_MISCONFIGURATION", _SOFT, "SoftBounce"),
    Reason.SYSTEM_FULL: Names("TEMPORARY_PROBLEM", _SOFT, "SoftBounce"),
    Reason.TOO_MANY_CONN: Names("THROTTLED", _SOFT, "Transient"),
    Reason.UNDEFINED: Names("UNCATEGORIZED", "Undetermined", "Unknown"),
    Reason.USER_UNKNOWN: Names("UNKNOWN_USER", "Permanent/NoEmail", "HardBounce"),
    Reason.VACATION: Names("UNCATEGORIZED", "Undetermined", "AutoResponder"),
    Reason.VIRUS_DETECTED: Names("CONTENT", "Transient/AttachmentRejected", "VirusNotification"),
}
