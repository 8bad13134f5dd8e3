"""The only reader and writer of suppressions: addresses an account must not mail, and why."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

from config import bulk, database
from tokens.models import Scope
from transactional.models import Kind, Suppression, SuppressionReason
from transactional.wire.address import address_key

Key = tuple[int, str]  # account, address as its caller spells it
TRIAL_AFTER = timedelta(days=30)  # soft bounces end: then mail goes there again, on trial
COUNTED = timedelta(days=60)  # in which bounces in several accounts block an address for all
ADDRESS_MAX = 254
EVIDENCE_LIMIT = 4000  # characters of a report that are kept

# OFFSET 0: each address by itself, through the index (see contacts.FACTS)
FIND = """
WITH g AS (
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS g(account_id, asked, address)
)
SELECT s.account_id, g.asked AS address, s.reason, s.scope, false AS everywhere, s.id,
       s.created_at AS since, s.recipient_id AS cause
FROM g CROSS JOIN LATERAL (
    SELECT * FROM transactional_suppression k
    WHERE k.account_id = g.account_id AND k.address = g.address
      AND (k.trial_at IS NULL OR k.trial_at > now()) OFFSET 0
) AS s
UNION ALL
SELECT g.account_id, g.asked, 'hard_bounce', a.hard_bounce_scope, true, NULL, b.created_at, NULL
FROM g
JOIN transactional_globalblock b ON b.address = g.address AND b.until > now()
JOIN tokens_account a ON a.id = g.account_id
ORDER BY 6 NULLS LAST
"""

# The scope is the account's choice per reason, where the caller names none. A later report may
# widen a suppression, never narrow it.
ADD = """
WITH added AS (
INSERT INTO transactional_suppression AS s
    (account_id, address, reason, scope, evidence, recipient_id, trial_at, created_at)
SELECT a.id, %(address)s::text, %(reason)s::text,
       coalesce(%(scope)s::text, CASE %(reason)s::text
           WHEN 'hard_bounce' THEN a.hard_bounce_scope
           WHEN 'soft_bounce' THEN a.hard_bounce_scope
           WHEN 'complaint' THEN a.complaint_scope
           ELSE 'all' END),
       %(evidence)s::text, %(recipient_id)s::uuid,
       CASE %(reason)s::text WHEN 'soft_bounce' THEN now() + %(trial)s END, now()
FROM tokens_account a WHERE a.id = %(account_id)s::bigint
ON CONFLICT (account_id, address, reason) DO UPDATE SET scope = excluded.scope
WHERE s.scope = 'marketing' AND excluded.scope = 'all'
RETURNING xmax = 0 AS new, address, reason, recipient_id
), blocked AS (
INSERT INTO transactional_globalblock AS b (address, accounts, until, created_at)
SELECT d.address, n.others + 1, now() + %(counted)s, now()
FROM added d CROSS JOIN LATERAL (
    SELECT count(*) AS others FROM transactional_suppression k
    WHERE k.address = d.address AND k.reason = 'hard_bounce'
      AND k.account_id <> %(account_id)s::bigint
      AND k.recipient_id IS NOT NULL AND k.created_at > now() - %(counted)s
) AS n
WHERE d.new AND d.reason = 'hard_bounce' AND d.recipient_id IS NOT NULL
  AND %(everywhere)s > 0 AND n.others + 1 >= %(everywhere)s
ON CONFLICT (address) DO UPDATE SET accounts = excluded.accounts, until = excluded.until
)
SELECT new FROM added
"""


@dataclass(frozen=True, slots=True)
class SuppressionFacts:
    """The suppression of an address that reaches furthest, the oldest of those.

    `since` when it stands, and which recipient's mail was its `cause`, where one was.
    """

    reason: SuppressionReason
    scope: Scope
    everywhere: bool = False  # it bounced for good in several accounts, maybe not in this one
    since: datetime | None = None
    cause: uuid.UUID | None = None

    def stops(self, kind: str) -> bool:
        """Whether mail of this kind must not go there."""
        return self.scope == Scope.ALL or kind == Kind.MARKETING


def keyed(address: str) -> str:
    """How an address stands on the list: both spellings of an international domain are one entry."""
    return address_key(address)[:ADDRESS_MAX]


def find(keys: Iterable[Key]) -> dict[Key, SuppressionFacts]:
    """The suppressions of these addresses, in one query."""
    wanted = set(keys)
    if not wanted:
        return {}
    with database.cursor() as cursor:
        return told(bulk.read(cursor, [question(wanted)])[0])


def question(keys: Iterable[Key]) -> bulk.Question:
    """What `told` is given the answer to: the suppressions of these addresses."""
    wanted = set(keys)
    asked = [address for _, address in wanted]
    return FIND, ([account for account, _ in wanted], asked, [keyed(one) for one in asked])


def told(rows: Iterable[Mapping[str, Any]]) -> dict[Key, SuppressionFacts]:
    """Each address's suppression; free ones are left out."""
    found: dict[Key, SuppressionFacts] = {}
    for row in rows:
        key, scope = (row["account_id"], row["address"]), row["scope"]
        known = found.get(key)
        if known is None or (known.scope != Scope.ALL and scope == Scope.ALL):
            reason = SuppressionReason(row["reason"])
            cause = row["cause"]
            found[key] = SuppressionFacts(
                reason, Scope(scope), row["everywhere"],
                since=datetime.fromisoformat(row["since"]),
                cause=None if cause is None else uuid.UUID(cause),
            )  # fmt: skip
    return found


def add(
    account_id: int,
    address: str,
    *,
    reason: SuppressionReason,
    scope: Scope | None = None,
    evidence: str = "",
    recipient_id: uuid.UUID | None = None,
) -> bool:
    """Suppress an address; True where that is new. Repeating it changes nothing.

    Without a `scope`, the account's setting for this reason decides. `evidence` is the reply or
    report behind it, `recipient_id` the mail that caused it.
    """
    with connection.cursor() as cursor:
        cursor.execute(ADD, values(account_id, address, reason, scope, evidence, recipient_id))
        row = cursor.fetchone()
        return row is not None and bool(row[0])


UNBLOCK = """
DELETE FROM transactional_globalblock b
WHERE b.address = ANY(%(addresses)s::text[]) AND (
    SELECT count(*) FROM transactional_suppression k
    WHERE k.address = b.address AND k.reason = 'hard_bounce'
      AND k.recipient_id IS NOT NULL AND k.created_at > b.created_at - %(counted)s
) < b.accounts
"""


def unblock(addresses: Sequence[str]) -> int:
    """Take off the block for all what fewer bounces speak for than it was made of; how many.

    For bounces that were no fault of the address: those of the accounts that stand still count.
    """
    with database.cursor() as cursor:
        cursor.execute(UNBLOCK, {"addresses": list(addresses), "counted": COUNTED})
        return int(cursor.rowcount)


def values(
    account_id: int,
    address: str,
    reason: SuppressionReason,
    scope: Scope | None = None,
    evidence: str = "",
    recipient_id: uuid.UUID | None = None,
) -> dict[str, Any]:
    """What ADD wants, for those who run it on a connection of their own."""
    return {
        "account_id": account_id,
        "address": keyed(address),
        "reason": str(reason),
        "scope": None if scope is None else str(scope),
        "evidence": evidence.replace("\x00", "")[:EVIDENCE_LIMIT],
        "recipient_id": recipient_id,
        "trial": TRIAL_AFTER,
        "counted": COUNTED,
        "everywhere": settings.GLOBAL_BLOCK_ACCOUNTS,
    }


Listed = tuple[str, SuppressionReason, Scope | None, str]  # address, reason, scope, evidence

ADD_MANY = """
INSERT INTO transactional_suppression AS s
    (account_id, address, reason, scope, evidence, trial_at, created_at)
SELECT a.id, g.address, g.reason,
       coalesce(g.scope, CASE g.reason
           WHEN 'hard_bounce' THEN a.hard_bounce_scope
           WHEN 'soft_bounce' THEN a.hard_bounce_scope
           WHEN 'complaint' THEN a.complaint_scope
           ELSE 'all' END),
       g.evidence, CASE g.reason WHEN 'soft_bounce' THEN now() + %(trial)s END, now()
FROM unnest(%(addresses)s::text[], %(reasons)s::text[], %(scopes)s::text[], %(evidence)s::text[])
    AS g(address, reason, scope, evidence)
CROSS JOIN tokens_account a
WHERE a.id = %(account_id)s::bigint
ORDER BY g.address, g.reason
ON CONFLICT (account_id, address, reason) DO UPDATE SET scope = excluded.scope
WHERE s.scope = 'marketing' AND excluded.scope = 'all'
RETURNING xmax = 0
"""


def add_many(account_id: int, rows: Sequence[Listed]) -> int:
    """As `add`, for many in one statement; returns how many are new. No address twice a reason."""
    if not rows:
        return 0
    values = {
        "account_id": account_id,
        "addresses": [keyed(address) for address, _, _, _ in rows],
        "reasons": [str(reason) for _, reason, _, _ in rows],
        "scopes": [None if scope is None else str(scope) for _, _, scope, _ in rows],
        "evidence": [said.replace("\x00", "")[:EVIDENCE_LIMIT] for _, _, _, said in rows],
        "trial": TRIAL_AFTER,
    }
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(ADD_MANY, values)
        return sum(bool(row[0]) for row in cursor)


def forget_evidence(account_id: int, address: str) -> None:
    """Keep that an address must not be mailed, and drop what proves it: its owner asks for that."""
    Suppression.objects.of(account_id).filter(address=keyed(address)).update(
        evidence="", recipient_id=None
    )
