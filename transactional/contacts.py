"""The writer of contacts for mail and files: properties merged, addresses put in quarantine.

Everything is per batch: one statement, its rows sorted by key so that two batches never deadlock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection

from config import bulk, database

# What stands in the log where a person was erased; nobody's (RFC 6761 §6.4)
ERASED_ADDRESS = "erased@erased.invalid"

Key = tuple[int, str]  # account, address in lower case


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """What rendering and policy need of a contact. `opt_in` is a value of OptIn."""

    id: int
    properties: Mapping[str, Any]
    unsubscribed: bool
    quarantined: bool
    opt_in: str


# OFFSET 0 has each address looked up by itself, through the index: a join's plan, prepared while the
# table was small, would go on reading all of it
FACTS = """
SELECT c.account_id, c.email, c.id, c.properties, c.unsubscribed_at IS NOT NULL AS unsubscribed,
       c.quarantined_at IS NOT NULL AS quarantined, c.opt_in
FROM unnest(%s::bigint[], %s::text[]) AS g(account_id, email)
CROSS JOIN LATERAL (
    SELECT * FROM transactional_contact k
    WHERE k.account_id = g.account_id AND k.email = g.email OFFSET 0
) AS c
"""


def upsert_from(given: str) -> str:
    """The statement that creates or changes the contacts of rows (account_id, email, properties).

    A contact that already says all this is neither locked nor written again.
    """
    return f"""
INSERT INTO transactional_contact AS c
    (account_id, email, properties, opt_in, created_at, updated_at)
SELECT g.account_id, g.email, g.properties, 'none', now(), now()
FROM {given} AS g(account_id, email, properties)
WHERE NOT coalesce((
    SELECT k.properties @> g.properties FROM transactional_contact k
    WHERE k.account_id = g.account_id AND k.email = g.email
), false)
ORDER BY g.account_id, g.email
ON CONFLICT (account_id, email) DO UPDATE
SET properties = c.properties || excluded.properties, updated_at = now()
"""  # noqa: S608 — our own words


UPSERT = upsert_from("unnest(%s::bigint[], %s::text[], %s::jsonb[])")

# A row comes back only where something changed
QUARANTINE = """
INSERT INTO transactional_contact AS c
    (account_id, email, properties, opt_in, created_at, updated_at, quarantined_at)
VALUES (%s, %s, '{}', 'none', now(), now(), now())
ON CONFLICT (account_id, email) DO UPDATE SET quarantined_at = now(), updated_at = now()
WHERE c.quarantined_at IS NULL
RETURNING c.id
"""


def facts(keys: Iterable[Key]) -> dict[Key, ContactFacts]:
    """The contacts of these addresses, in one query."""
    wanted = set(keys)
    if not wanted:
        return {}
    with database.cursor() as cursor:
        return told(bulk.read(cursor, [question(wanted)])[0])


def question(keys: Iterable[Key]) -> bulk.Question:
    """What `told` is given the answer to: the contacts of these addresses."""
    wanted = set(keys)
    return FACTS, ([key[0] for key in wanted], [key[1] for key in wanted])


def told(rows: Iterable[Mapping[str, Any]]) -> dict[Key, ContactFacts]:
    """The contacts found; those that do not exist are left out."""
    return {
        (row["account_id"], row["email"]): ContactFacts(
            row["id"], _mapping(row["properties"]), row["unsubscribed"], row["quarantined"],
            row["opt_in"],
        )
        for row in rows
    }  # fmt: skip


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def upsert_many(rows: Sequence[tuple[int, str, Mapping[str, str]]]) -> int:
    """Create contacts or merge properties into them, in one statement of the caller's transaction.

    Rows are (account, address, properties); of two rows with one address the later wins. Returns
    how many contacts were created or changed.
    """
    merged: dict[Key, dict[str, str]] = {}
    for account_id, email, properties in rows:
        merged.setdefault((account_id, email.lower()), {}).update(properties)
    if not merged:
        return 0
    with database.cursor() as cursor:
        values = (
            [key[0] for key in merged],
            [key[1] for key in merged],
            [orjson.dumps(storable(properties)).decode() for properties in merged.values()],
        )
        cursor.execute(UPSERT, values, prepare=True)
        return cursor.rowcount


def storable(properties: Mapping[str, str]) -> Mapping[str, str]:
    """Properties as PostgreSQL can hold them: its text has no place for U+0000."""
    return {key.replace("\0", ""): value.replace("\0", "") for key, value in properties.items()}


def quarantine(account_id: int, email: str) -> bool:
    """Put a contact in quarantine: marketing mail stops. False where it already was."""
    with connection.cursor() as cursor:
        cursor.execute(QUARANTINE, [account_id, email.lower()])
        return cursor.fetchone() is not None
