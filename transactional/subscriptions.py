"""The only writer of subscriptions: what each person agreed to hear of, in batches, each change logged.

`Contact.unsubscribed_at` is the answer to all marketing mail at once and goes before any other.
Transactional mail asks none of this (see `submission/policy.py`).
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from config import bulk, database
from transactional import contacts, events
from transactional.contacts import ERASED_ADDRESS, Key
from transactional.events import NewEvent
from transactional.models import (
    Contact,
    EventType,
    Kind,
    Recipient,
    Subscribed,
    Subscription,
    SubscriptionChange,
    SubscriptionSource,
    SubscriptionType,
)
from transactional.subscription_types import all_types

EXPLANATION_MAX = 500  # characters of why somebody may be written to

# OFFSET 0: each address by itself, through the index (see contacts.FACTS)
_STOPPED = """
SELECT c.account_id, c.email, s.type_id
FROM unnest(%s::bigint[], %s::text[]) AS g(account_id, email)
CROSS JOIN LATERAL (
    SELECT * FROM transactional_contact k
    WHERE k.account_id = g.account_id AND k.email = g.email OFFSET 0
) AS c
JOIN transactional_subscription s ON s.contact_id = c.id
WHERE s.status = 'unsubscribed'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An answer to store: of one type, or with `type_id` None of all marketing mail."""

    email: str
    type_id: int | None
    status: Subscribed
    legal_basis: str = ""
    explanation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Through what answers came, from whom, and through which mail."""

    source: SubscriptionSource
    by: str = ""
    recipient_id: uuid.UUID | None = None


@dataclass(slots=True)
class Person:
    """What is known of an address. `answers` by type; those not in it are not specified."""

    email: str
    contact_id: int | None = None
    left_all_at: datetime | None = None
    answers: dict[int, Subscription] = field(default_factory=dict)

    def status(self, type_id: int) -> Subscribed:
        """The answer that counts for this type."""
        if self.left_all_at is not None:
            return Subscribed.UNSUBSCRIBED
        found = self.answers.get(type_id)
        return Subscribed(found.status) if found is not None else Subscribed.NOT_SPECIFIED


def whose_page(contact_id: int) -> Contact | None:
    """The contact that a signed link names: the link alone says whose account it is."""
    found: Contact | None = Contact.objects.filter(pk=contact_id).first()
    return found


def stopped(keys: Sequence[Key]) -> dict[Key, frozenset[int]]:
    """The types that these addresses have unsubscribed from, in one query."""
    if not keys:
        return {}
    with database.cursor() as cursor:
        return told(bulk.read(cursor, [question(keys)])[0])


def question(keys: Iterable[Key]) -> bulk.Question:
    """What `told` is given the answer to: the types that these addresses have unsubscribed from."""
    wanted = set(keys)
    return _STOPPED, ([key[0] for key in wanted], [key[1] for key in wanted])


def told(rows: Iterable[Mapping[str, Any]]) -> dict[Key, frozenset[int]]:
    """The types left by each address; who has left none is left out."""
    found: dict[Key, set[int]] = {}
    for row in rows:
        found.setdefault((row["account_id"], row["email"]), set()).add(row["type_id"])
    return {key: frozenset(ids) for key, ids in found.items()}


def people(account_id: int, emails: Iterable[str]) -> dict[str, Person]:
    """What is known of each address, in two queries; who is no contact yet has no answers."""
    found = {email.lower(): Person(email.lower()) for email in emails}
    rows = Contact.objects.of(account_id).filter(email__in=list(found))
    by_id: dict[int, Person] = {}
    for pk, email, left in rows.values_list("pk", "email", "unsubscribed_at"):
        one = found[email]
        one.contact_id, one.left_all_at = pk, left
        by_id[pk] = one
    for answer in Subscription.objects.of(account_id).filter(contact_id__in=list(by_id)):
        by_id[answer.contact_id].answers[answer.type_id] = answer
    return found


def record(account_id: int, wanted: Sequence[Wanted], origin: Origin) -> list[bool]:
    """Store answers in one transaction, the later of two about the same thing wins; what changed.

    Unknown addresses become contacts. Subscribing to one type after leaving all of them takes
    that back and leaves the other types instead. The number of queries does not grow with the
    number of answers.
    """
    if not wanted:
        return []
    with transaction.atomic():
        contacts.upsert_many([(account_id, one.email.lower(), {}) for one in wanted])
        known = _locked(account_id, {one.email.lower() for one in wanted})
        active = [one.pk for one in all_types(account_id)]
        now = timezone.now()
        writing = _Writing(account_id, origin, now)
        changed = [writing.take(known[one.email.lower()], one, active) for one in wanted]
        writing.store()
    return changed


def _locked(
    account_id: int, emails: set[str]
) -> dict[str, tuple[Contact, dict[int, Subscription]]]:
    """The contacts, locked in the order of their ids, with their answers."""
    rows = Contact.objects.of(account_id).filter(email__in=emails)
    found = {one.pk: one for one in rows.select_for_update().order_by("email")}
    answers: dict[int, dict[int, Subscription]] = {pk: {} for pk in found}
    for one in Subscription.objects.of(account_id).filter(contact_id__in=list(found)):
        answers[one.contact_id][one.type_id] = one
    return {one.email: (one, answers[pk]) for pk, one in found.items()}


class _Writing:
    """Collects the rows of one batch of answers."""

    def __init__(self, account_id: int, origin: Origin, now: datetime) -> None:
        self.account_id = account_id
        self.origin = origin
        self.now = now
        self.contacts: dict[int, Contact] = {}
        self.answers: dict[tuple[int, int], Subscription] = {}
        self.cleared: set[tuple[int, int]] = set()
        self.log: list[SubscriptionChange] = []

    def take(
        self, known: tuple[Contact, dict[int, Subscription]], one: Wanted, active: list[int]
    ) -> bool:
        """Note one answer; False where it was so already."""
        contact, answers = known
        if one.type_id is None:
            return self._all(contact, one)
        if contact.unsubscribed_at is not None:
            if one.status != Subscribed.SUBSCRIBED:
                return False
            back = replace(one, status=Subscribed.NOT_SPECIFIED, legal_basis="", explanation="")
            self._all(contact, back)
            for type_id in active:
                if type_id != one.type_id:
                    self._one(contact, answers, type_id, Subscribed.UNSUBSCRIBED, back)
        return self._one(contact, answers, one.type_id, one.status, one)

    def _all(self, contact: Contact, one: Wanted) -> bool:
        leaves = one.status == Subscribed.UNSUBSCRIBED
        if leaves == (contact.unsubscribed_at is not None):
            return False
        contact.unsubscribed_at = self.now if leaves else None
        contact.updated_at = self.now
        self.contacts[contact.pk] = contact
        self._tell(contact, None, one.status, one)
        return True

    def _one(
        self,
        contact: Contact,
        answers: dict[int, Subscription],
        type_id: int,
        status: Subscribed,
        one: Wanted,
    ) -> bool:
        before = answers.get(type_id)
        was = Subscribed.NOT_SPECIFIED if before is None else before.status
        key = (contact.pk, type_id)
        if status == Subscribed.NOT_SPECIFIED:
            if before is None:
                return False
            del answers[type_id]
            self.answers.pop(key, None)
            self.cleared.add(key)
        elif was == status and before is not None and before.legal_basis == one.legal_basis:
            return False
        else:
            answers[type_id] = self.answers[key] = Subscription(
                account_id=self.account_id,
                contact=contact,
                type_id=type_id,
                status=status,
                legal_basis=one.legal_basis,
                explanation=one.explanation[:EXPLANATION_MAX],
                source=self.origin.source,
                at=self.now,
            )
            self.cleared.discard(key)
        self._tell(contact, type_id, status, one)
        return True

    def _tell(self, contact: Contact, type_id: int | None, status: Subscribed, one: Wanted) -> None:
        self.log.append(
            SubscriptionChange(
                account_id=self.account_id,
                contact=contact,
                type_id=type_id,
                status=status,
                legal_basis=one.legal_basis,
                explanation=one.explanation[:EXPLANATION_MAX],
                source=self.origin.source,
                by=self.origin.by[:254],
                recipient_id=self.origin.recipient_id,
                at=self.now,
            )
        )

    def store(self) -> None:
        """Write all of it."""
        if self.contacts:
            Contact.objects.bulk_update(
                list(self.contacts.values()), ["unsubscribed_at", "updated_at"], batch_size=500
            )
        for contact_id, type_id in self.cleared:
            rows = Subscription.objects.of(self.account_id)
            rows.filter(contact_id=contact_id, type_id=type_id).delete()
        Subscription.objects.bulk_create(
            list(self.answers.values()),
            update_conflicts=True,
            unique_fields=["contact", "type"],
            update_fields=["status", "legal_basis", "explanation", "source", "at"],
        )
        SubscriptionChange.objects.bulk_create(self.log)


@dataclass(frozen=True, slots=True)
class Through:
    """The mail by which somebody leaves: whose it was, and the type it counts as (None: all)."""

    account_id: int
    address: str
    message_id: uuid.UUID
    campaign_id: int | None
    type: SubscriptionType | None


def through(recipient_id: uuid.UUID) -> Through | None:
    """The mail of a recipient; None for one that is gone, or whose person was erased."""
    found = (
        Recipient.objects.filter(pk=recipient_id)
        .values_list(
            "account_id",
            "address",
            "message_id",
            "message__campaign_id",
            "message__kind",
            "message__version__subscription_type_id",
        )
        .first()
    )
    if found is None or found[1] == ERASED_ADDRESS:
        return None
    account_id, address, message_id, campaign_id, kind, type_id = found
    if kind != Kind.MARKETING:
        type_ = None
    elif type_id is None:
        type_ = SubscriptionType.objects.default(account_id)
    else:
        type_ = SubscriptionType.objects.of(account_id).filter(pk=type_id).first()
    return Through(account_id, address, message_id, campaign_id, type_)


def has_left(mail: Through) -> bool:
    """Whether its reader gets no more mail of its type."""
    person = people(mail.account_id, [mail.address])[mail.address.lower()]
    if mail.type is None:
        return person.left_all_at is not None
    return person.status(mail.type.pk) == Subscribed.UNSUBSCRIBED


def leave(
    recipient_id: uuid.UUID,
    mail: Through,
    *,
    source: SubscriptionSource,
    data: Mapping[str, Any],
    everything: bool = False,
) -> bool:
    """Unsubscribe a reader through a mail of theirs, at once; False where nothing changed.

    From the mail's type; from all marketing mail where it has none, or with `everything`.
    """
    type_ = None if everything else mail.type
    wanted = Wanted(
        email=mail.address,
        type_id=type_.pk if type_ else None,
        status=Subscribed.UNSUBSCRIBED,
    )
    return record_through(recipient_id, mail, [wanted], source=source, data=data)


def record_through(
    recipient_id: uuid.UUID,
    mail: Through,
    wanted: Sequence[Wanted],
    *,
    source: SubscriptionSource,
    data: Mapping[str, Any],
) -> bool:
    """Store a reader's answers given through a mail; whether anything changed.

    Leaving something is an event of that mail: one, also for parallel calls, with `data` in it.
    """
    with transaction.atomic():
        origin = Origin(source=source, recipient_id=recipient_id)
        changed = record(mail.account_id, wanted, origin)
        left = [
            one
            for one, new in zip(wanted, changed, strict=True)
            if new and one.status == Subscribed.UNSUBSCRIBED
        ]
        if left:
            types_left = [one.type_id for one in left if one.type_id is not None]
            told = {**data, "subscriptions": types_left} if types_left else dict(data)
            events.append(
                [
                    NewEvent(
                        account_id=mail.account_id,
                        message_id=mail.message_id,
                        recipient_id=recipient_id,
                        campaign_id=mail.campaign_id,
                        type=EventType.UNSUBSCRIBED,
                        at=timezone.now(),
                        data=told,
                    )
                ]
            )
    return any(changed)


def leave_all(
    recipient_id: uuid.UUID, *, source: SubscriptionSource, data: Mapping[str, Any]
) -> bool:
    """Take a complaint or a request through a provider: no marketing mail of any type any more."""
    mail = through(recipient_id)
    if mail is None:
        return False
    return leave(recipient_id, mail, source=source, data=data, everything=True)
