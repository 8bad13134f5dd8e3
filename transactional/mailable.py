"""The only place for whether an address may be mailed: the suppression list, and for marketing consent.

Asked at the door for what comes in (`submission/policy.py`), and again when mail that had come to a
stand is to be sent after all.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from transactional import contacts, subscriptions, suppressions
from transactional.contacts import ContactFacts
from transactional.models import Kind, OptIn, SubscriptionType, SuppressionReason
from transactional.suppressions import SuppressionFacts

# The contract's codes
BOUNCED, SPAM, BLOCKED = "PREVIOUSLY_BOUNCED", "PREVIOUS_SPAM", "BLOCKED_ADDRESS"
LEFT_ALL, LEFT_TYPE = "PREVIOUSLY_UNSUBSCRIBED_PORTAL", "PREVIOUSLY_UNSUBSCRIBED_MESSAGE"
QUARANTINED, UNCONFIRMED = "QUARANTINED_ADDRESS", "EMAIL_UNCONFIRMED"
SUPPRESSED: Mapping[str, str] = {
    SuppressionReason.HARD_BOUNCE: BOUNCED,
    SuppressionReason.SOFT_BOUNCE: BOUNCED,
    SuppressionReason.COMPLAINT: SPAM,
    SuppressionReason.MANUAL: BLOCKED,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """A copy that is to be sent. `type_id`: the type of its marketing email, None for the default;
    `consents`: whether its reader's own answer counts (marketing, to whom it is addressed).
    """

    address: str
    kind: str
    type_id: int | None = None
    consents: bool = False


def suppressed(found: SuppressionFacts | None, kind: str) -> str:
    """The code under which mail of this kind must not go there; empty: it may."""
    return SUPPRESSED[found.reason] if found is not None and found.stops(kind) else ""


def withheld(contact: ContactFacts | None, type_id: int, stopped: Set[int]) -> str:
    """The code of what keeps marketing mail of a type from a person, who left the types `stopped`."""
    if contact is None:
        return ""
    if contact.unsubscribed:
        return LEFT_ALL
    if type_id in stopped:
        return LEFT_TYPE
    if contact.quarantined:
        return QUARANTINED
    return UNCONFIRMED if contact.opt_in == OptIn.PENDING else ""


def barred(account_id: int, wishes: Iterable[Wish]) -> dict[Wish, str]:
    """Those of an account's copies that must not be sent now, each with its code; 4 queries at most."""
    asked = set(wishes)
    listed = suppressions.find((account_id, one.address.lower()) for one in asked)
    marketing = [one for one in asked if one.kind == Kind.MARKETING and one.consents]
    keys = [(account_id, one.address.lower()) for one in marketing]
    people, stopped = contacts.facts(keys), subscriptions.stopped(keys)
    default = SubscriptionType.objects.default(account_id).pk if marketing else 0
    found: dict[Wish, str] = {}
    for one in asked:
        key = (account_id, one.address.lower())
        code = suppressed(listed.get(key), one.kind)
        if not code and key in people and one.kind == Kind.MARKETING and one.consents:
            left = stopped.get(key, frozenset())
            code = withheld(people[key], one.type_id or default, left)
        if code:
            found[one] = code
    return found
