"""The only place for whether an address may be mailed: the suppression list, and for marketing consent.

Asked at the door for what comes in (`submission/policy.py`), again before each try of mail that has
waited (`egress/consent.py`), and when mail that had come to a stand is to be sent after all.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_noop

from config import bulk, database
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
# Why mail that waited in the queue has ended there, as its event keeps it
STOPPED: Mapping[str, str] = {
    BOUNCED: gettext_noop(
        "Stopped in the queue: mail to this address has bounced since it was accepted."
    ),
    SPAM: gettext_noop(
        "Stopped in the queue: its reader has reported mail as spam since it was accepted."
    ),
    BLOCKED: gettext_noop(
        "Stopped in the queue: the address has been suppressed by hand since it was accepted."
    ),
    LEFT_ALL: gettext_noop(
        "Stopped in the queue: its reader has unsubscribed since it was accepted."
    ),
    LEFT_TYPE: gettext_noop(
        "Stopped in the queue: its reader has unsubscribed from this type of mail since it was accepted."
    ),
    QUARANTINED: gettext_noop(
        "Stopped in the queue: the contact has been put in quarantine since it was accepted."
    ),
    UNCONFIRMED: gettext_noop(
        "Stopped in the queue: its reader has not confirmed the double opt-in."
    ),
}

# What marketing mail in the queue is asked about besides its address. OFFSET 0: each row by itself,
# through the index (see contacts.FACTS)
_NEWS = """
SELECT g.id, r.kind = 'to' AS written_to, coalesce(v.subscription_type_id, d.id, 0) AS type_id
FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS g(id, account_id, version_id)
CROSS JOIN LATERAL (
    SELECT kind FROM transactional_recipient k WHERE k.id = g.id OFFSET 0
) AS r
LEFT JOIN transactional_emailversion v ON v.id = g.version_id
LEFT JOIN transactional_subscriptiontype d ON d.account_id = g.account_id AND d.is_default
"""


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


@dataclass(frozen=True, slots=True)
class Copy:
    """A recipient's copy that waits in the queue."""

    id: uuid.UUID
    account_id: int
    address: str
    kind: str
    version_id: int | None


@dataclass(frozen=True, slots=True)
class Bar:
    """Why a copy must not be sent any more: the contract's code; of a suppression since when it
    stands, and which recipient's mail was its cause.
    """

    code: str
    since: datetime | None = None
    cause: uuid.UUID | None = None


def stopped(copies: Sequence[Copy]) -> dict[uuid.UUID, Bar]:
    """Those that must not be sent any more, by id; one trip to the database, whosever they are."""
    news = [one for one in copies if one.kind == Kind.MARKETING]
    keys = [(one.account_id, one.address.lower()) for one in news]
    asked = [suppressions.question((one.account_id, one.address.lower()) for one in copies)]
    if news:
        ids, owners, versions = [], [], []
        for one in news:
            ids.append(one.id)
            owners.append(one.account_id)
            versions.append(one.version_id)
        asked += [
            contacts.question(keys),
            subscriptions.question(keys),
            (_NEWS, (ids, owners, versions)),
        ]
    with database.cursor() as cursor:
        listed, *rest = bulk.read(cursor, asked)
    found = _listed(copies, suppressions.told(listed))
    if rest:
        people, left, rows = contacts.told(rest[0]), subscriptions.told(rest[1]), rest[2]
        types = {uuid.UUID(row["id"]): row["type_id"] for row in rows if row["written_to"]}
        for one, key in zip(news, keys, strict=True):
            if one.id in types and one.id not in found:
                code = withheld(people.get(key), types[one.id], left.get(key, frozenset()))
                if code:
                    found[one.id] = Bar(code)
    return found


def _listed(
    copies: Sequence[Copy], listed: Mapping[suppressions.Key, SuppressionFacts]
) -> dict[uuid.UUID, Bar]:
    found: dict[uuid.UUID, Bar] = {}
    for one in copies:
        facts = listed.get((one.account_id, one.address.lower()))
        code = suppressed(facts, one.kind)
        if facts is not None and code:
            found[one.id] = Bar(code, facts.since, facts.cause)
    return found
