"""What the policy needs to know, fetched per batch: never a query per message.

Facts of an account are kept for a second, so that a domain or an IP that has just become ready,
or a switch that ops have turned off, counts within that second.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from config import bulk, database
from domains import alignment, pools, why
from domains.alignment import Alignment
from domains.models import Domain
from tokens import auth
from tokens.models import Account
from transactional import contacts, suppressions
from transactional.contacts import ContactFacts, Key
from transactional.models import (
    Campaign,
    EmailVersion,
    Kind,
    SenderAddress,
    SenderState,
    Stream,
    SubscriptionType,
)
from transactional.suppressions import SuppressionFacts

FRESH = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """The stream a message joins: its row and how long it may take."""

    id: int
    lifetime: int


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What an account may do right now."""

    id: int
    transactional_enabled: bool
    dedicated_ready: bool
    waits_for: str  # what the dedicated IPs wait for; empty where one is ready
    shared_ready: bool
    domains: frozenset[str]
    unverified: frozenset[str]
    alignments: Mapping[str, Alignment]
    senders: Mapping[str, str]  # confirmed From addresses of other domains → what they leave as
    unconfirmed: frozenset[str]
    streams: Mapping[str, StreamFacts]
    site: Mapping[str, str]
    default_type: int = 0
    types: Mapping[int, SubscriptionType] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EmailFacts:
    """An email as it would be sent: its campaign and the version to send."""

    account_id: int
    campaign_id: int
    version: EmailVersion | None
    archived: bool
    trial: "Trial | None" = None


@dataclass(frozen=True, slots=True)
class Trial:
    """A version that `share` per cent of the recipients get instead: a roll-out."""

    rollout_id: int
    version: EmailVersion
    share: int


_accounts: dict[int, tuple[float, AccountFacts]] = {}
_versions: dict[int, EmailVersion] = {}
_campaigns: dict[int, int] = {}
VERSIONS_KEPT = 2000  # immutable, so kept; bounded, so that a process does not grow for ever


_EMAILS = """
SELECT e.id, e.account_id, e.campaign_id, e.published_id, e.archived_at IS NOT NULL AS archived,
       r.id AS rollout_id, r.version_id AS trial_id, r.share
FROM transactional_email e
LEFT JOIN transactional_rollout r ON r.email_id = e.id AND r.state IN ('running', 'held')
WHERE e.id = ANY(%s::bigint[])
"""


def accounts(ids: Iterable[int]) -> dict[int, AccountFacts]:
    """Facts of these accounts, at most a second old; an account that is gone is left out."""
    now = time.monotonic()
    wanted = set(ids)
    found = {pk: hit[1] for pk in wanted if (hit := _accounts.get(pk)) and now - hit[0] < FRESH}
    for facts in _load(wanted - found.keys()):
        _accounts[facts.id] = (now, facts)
        found[facts.id] = facts
    return found


def forget() -> None:
    """Drop what is kept: for tests, and after a change that must count at once."""
    _accounts.clear()
    alignment.forget()
    pools.forget()


def _load(ids: set[int]) -> list[AccountFacts]:
    if not ids:
        return []
    ready = pools.accounts_ready(ids)
    waits_for = why.of_accounts(ids - ready)
    shared = bool(pools.usable(pools.shared_pool().pk))
    verified: dict[int, set[str]] = {pk: set() for pk in ids}
    pending: dict[int, set[str]] = {pk: set() for pk in ids}
    aligned: dict[int, dict[str, Alignment]] = {pk: {} for pk in ids}
    rows = list(
        Domain.objects.filter(account_id__in=ids).values_list(
            "account_id", "name", "verified_at", "pk", "checked_at"
        )
    )
    stand = alignment.of_domains(
        (pk, checked) for _, _, verified_at, pk, checked in rows if verified_at
    )
    for account_id, name, verified_at, pk, _ in rows:
        (verified if verified_at else pending)[account_id].add(name)
        if pk in stand:
            aligned[account_id][name] = stand[pk]
    senders, unconfirmed = _senders(ids)
    types: dict[int, dict[int, SubscriptionType]] = {pk: {} for pk in ids}
    for type_ in SubscriptionType.objects.filter(account_id__in=ids):
        types[type_.account_id][type_.pk] = type_
    streams = _streams(ids)
    loaded = []
    for account in Account.objects.filter(pk__in=ids):
        for kind in Kind.values:
            if kind not in streams[account.pk]:
                made = Stream.objects.default(account, kind)
                streams[account.pk][kind] = StreamFacts(made.pk, made.lifetime)
        its_types = types[account.pk].values()
        default = next(
            (one for one in its_types if one.is_default), None
        ) or SubscriptionType.objects.default(account)
        loaded.append(
            AccountFacts(
                id=account.pk,
                transactional_enabled=account.transactional_enabled,
                dedicated_ready=account.pk in ready,
                waits_for=waits_for.get(account.pk, ""),
                shared_ready=shared,
                domains=frozenset(verified[account.pk]),
                unverified=frozenset(pending[account.pk]),
                alignments=aligned[account.pk],
                senders=senders[account.pk],
                unconfirmed=frozenset(unconfirmed[account.pk]),
                streams=streams[account.pk],
                default_type=default.pk,
                types=types[account.pk] | {default.pk: default},
                site=account.letterhead,
            )
        )
    return loaded


def _senders(ids: set[int]) -> tuple[dict[int, dict[str, str]], dict[int, set[str]]]:
    """Each account's confirmed From addresses of other domains, and those that wait to be."""
    senders: dict[int, dict[str, str]] = {pk: {} for pk in ids}
    unconfirmed: dict[int, set[str]] = {pk: set() for pk in ids}
    fields = ("account_id", "address", "sends_as", "state")
    for pk, address, as_, state in SenderAddress.objects.filter(account_id__in=ids).values_list(
        *fields
    ):
        if state == SenderState.CONFIRMED:
            senders[pk][address] = as_
        else:
            unconfirmed[pk].add(address)
    return senders, unconfirmed


def _streams(ids: set[int]) -> dict[int, dict[str, StreamFacts]]:
    """The default stream of each kind (`Stream.objects.default`), as far as it exists: one query."""
    found: dict[int, dict[str, StreamFacts]] = {pk: {} for pk in ids}
    rows = Stream.objects.filter(account_id__in=ids).order_by("account_id", "kind", "pk")
    fields = ("account_id", "kind", "pk", "lifetime")
    for account_id, kind, pk, lifetime in rows.distinct("account_id", "kind").values_list(*fields):
        found[account_id][kind] = StreamFacts(pk, lifetime)
    return found


@dataclass(frozen=True, slots=True)
class Found:
    """What the database says of a batch's single sends."""

    emails: Mapping[int, EmailFacts]
    suppressions: Mapping[Key, SuppressionFacts]
    contacts: Mapping[Key, ContactFacts]


def of_sends(ids: set[int], people: set[Key], written_to: set[Key]) -> Found:
    """The emails of these ids, whoever owns them (the caller compares the account); the
    suppressions of all `people` and the contacts of those `written_to`: one trip for all of it.
    """
    if not ids:
        return Found({}, {}, {})
    asked = [
        (_EMAILS, ([*ids],)),
        suppressions.question(people),
        contacts.question(written_to),
    ]
    with database.cursor() as cursor:
        rows, stopped, known = bulk.read(cursor, asked)
    return Found(_emails(rows), suppressions.told(stopped), contacts.told(known))


def _emails(rows: list[dict[str, Any]]) -> dict[int, EmailFacts]:
    named = {pk for row in rows for pk in (row["published_id"], row["trial_id"]) if pk}
    lacking = named - _versions.keys()
    if lacking:
        if len(_versions) > VERSIONS_KEPT:
            _versions.clear()
            lacking = named
        _versions.update(EmailVersion.objects.in_bulk(list(lacking)))
    found = {}
    for row in rows:
        trial = _versions.get(row["trial_id"] or 0)
        found[row["id"]] = EmailFacts(
            row["account_id"],
            row["campaign_id"],
            _versions.get(row["published_id"] or 0),
            row["archived"],
            Trial(row["rollout_id"], trial, row["share"]) if trial is not None else None,
        )
    return found


def smtp_campaigns(credential_ids: Iterable[int]) -> dict[int, int]:
    """The campaign of each SMTP credential. It never changes, so it is kept."""
    lacking = set(credential_ids) - _campaigns.keys()
    if lacking:
        rows = Campaign.objects.filter(smtp_credential_id__in=lacking)
        _campaigns.update(rows.values_list("smtp_credential_id", "pk"))
    return _campaigns


def owners(names: set[str]) -> dict[str, frozenset[int]]:
    """The accounts that have proved to own each of these domains, or one above it; no entry: none.

    One query, and none for no names.
    """
    if not names:
        return {}
    above = {name: [name, *_parents(name)] for name in names}
    wanted = sorted({one for some in above.values() for one in some})
    owned: dict[str, set[int]] = {}
    rows = Domain.objects.filter(name__in=wanted, verified_at__isnull=False)
    for name, account_id in rows.values_list("name", "account_id"):
        owned.setdefault(name, set()).add(account_id)
    found = {
        name: frozenset(pk for one in some for pk in owned.get(one, ()))
        for name, some in above.items()
    }
    return {name: accounts for name, accounts in found.items() if accounts}


def _parents(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[at:]) for at in range(1, len(labels) - 1)]


def of_submitted(
    people: set[Key], grants: set[str]
) -> tuple[dict[Key, SuppressionFacts], set[str]]:
    """The suppressions of the addresses that mail submitted over SMTP goes to, and those of all the
    credentials that may still act: one trip.

    An SMTP session stays open, so its token is asked about again; an API call's key and a page's
    user have been checked a moment ago.
    """
    asked = {grant for grant in grants if grant.startswith("smtp:")}
    if not (people or asked):
        return {}, grants
    with database.cursor() as cursor:
        questions = [suppressions.question(people), auth.question(asked)]
        stopped, held = bulk.read(cursor, questions)
    return suppressions.told(stopped), (grants - asked) | auth.still_alive(asked, held)
