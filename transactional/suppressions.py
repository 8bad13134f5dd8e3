"""The only reader and writer of suppressions: addresses an account must not mail, and why."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from django.db import connection

from tokens.models import Scope
from transactional.models import Kind, Suppression, SuppressionReason

Key = tuple[int, str]  # account, address in lower case
EVIDENCE_LIMIT = 4000  # characters of a report that are kept

# OFFSET 0: each address by itself, through the index (see contacts.FACTS)
FIND = """
SELECT s.account_id, s.address, s.reason, s.scope
FROM unnest(%s::bigint[], %s::text[]) AS g(account_id, address)
CROSS JOIN LATERAL (
    SELECT * FROM transactional_suppression k
    WHERE k.account_id = g.account_id AND k.address = g.address OFFSET 0
) AS s
ORDER BY s.id
"""

# The scope is the account's choice per reason, where the caller names none. A later report may
# widen a suppression, never narrow it.
ADD = """
INSERT INTO transactional_suppression AS s
    (account_id, address, reason, scope, evidence, recipient_id, created_at)
SELECT a.id, %(address)s::text, %(reason)s::text,
       coalesce(%(scope)s::text, CASE %(reason)s::text
           WHEN 'hard_bounce' THEN a.hard_bounce_scope
           WHEN 'soft_bounce' THEN a.hard_bounce_scope
           WHEN 'complaint' THEN a.complaint_scope
           ELSE 'all' END),
       %(evidence)s::text, %(recipient_id)s::uuid, now()
FROM tokens_account a WHERE a.id = %(account_id)s::bigint
ON CONFLICT (account_id, address, reason) DO UPDATE SET scope = excluded.scope
WHERE s.scope = 'marketing' AND excluded.scope = 'all'
RETURNING xmax = 0
"""


@dataclass(frozen=True, slots=True)
class SuppressionFacts:
    """The suppression of an address that reaches furthest, the oldest of those."""

    reason: SuppressionReason
    scope: Scope

    def stops(self, kind: str) -> bool:
        """Whether mail of this kind must not go there."""
        return self.scope == Scope.ALL or kind == Kind.MARKETING


def find(keys: Sequence[Key]) -> dict[Key, SuppressionFacts]:
    """The suppressions of these addresses, in one query; free ones are left out."""
    wanted = list(set(keys))
    found: dict[Key, SuppressionFacts] = {}
    if not wanted:
        return found
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        values = ([key[0] for key in wanted], [key[1] for key in wanted])
        cursor.execute(FIND, values, prepare=True)
        for account_id, address, reason, scope in cursor:
            known = found.get((account_id, address))
            if known is None or (known.scope != Scope.ALL and scope == Scope.ALL):
                facts = SuppressionFacts(SuppressionReason(reason), Scope(scope))
                found[account_id, address] = facts
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
    values: dict[str, int | str | uuid.UUID | None] = {
        "account_id": account_id,
        "address": address.lower()[:254],
        "reason": str(reason),
        "scope": None if scope is None else str(scope),
        "evidence": evidence.replace("\x00", "")[:EVIDENCE_LIMIT],
        "recipient_id": recipient_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(ADD, values)
        row = cursor.fetchone()
        return row is not None and bool(row[0])


Listed = tuple[str, SuppressionReason, Scope | None, str]  # address, reason, scope, evidence

ADD_MANY = """
INSERT INTO transactional_suppression AS s (account_id, address, reason, scope, evidence, created_at)
SELECT a.id, g.address, g.reason,
       coalesce(g.scope, CASE g.reason
           WHEN 'hard_bounce' THEN a.hard_bounce_scope
           WHEN 'soft_bounce' THEN a.hard_bounce_scope
           WHEN 'complaint' THEN a.complaint_scope
           ELSE 'all' END),
       g.evidence, now()
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
        "addresses": [address.lower()[:254] for address, _, _, _ in rows],
        "reasons": [str(reason) for _, reason, _, _ in rows],
        "scopes": [None if scope is None else str(scope) for _, _, scope, _ in rows],
        "evidence": [said.replace("\x00", "")[:EVIDENCE_LIMIT] for _, _, _, said in rows],
    }
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(ADD_MANY, values)
        return sum(bool(row[0]) for row in cursor)


def forget_evidence(account_id: int, address: str) -> None:
    """Keep that an address must not be mailed, and drop what proves it: its owner asks for that."""
    Suppression.objects.of(account_id).filter(address=address.lower()).update(
        evidence="", recipient_id=None
    )
