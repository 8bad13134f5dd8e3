"""The one statement that stores a batch: rows of mail, contacts, and the sendIds they take.

One statement is one trip and one transaction. A message whose sendId another has taken leaves no row:
its unique row makes parallel identical calls wait for the first one's commit. SendIds are taken first,
then contacts are written, both in the order of their keys, so that no two batches wait for each other.
"""

import uuid
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import psycopg
from django.db import DatabaseError

from config import bulk, database
from config.bulk import Table
from transactional import contacts, events, queue
from transactional.submission.tables import BODY, CONTEXT, MESSAGE, RECIPIENT, SECRET, Rows

Claim = tuple[int, str, uuid.UUID]  # account, sendId, message
Person = tuple[uuid.UUID, int, str, Mapping[str, str]]  # message, account, address, properties

# The column that names the message
_MESSAGE_OF = {
    MESSAGE: "id",
    BODY: "id",
    CONTEXT: "id",
    SECRET: "id",
    RECIPIENT: "message_id",
    events.TABLE: "message_id",
    queue.TABLE: "message_id",
}
_CLAIM = """
took AS (
    INSERT INTO transactional_sendidentity (account_id, send_id, message_id, created_at)
    SELECT g.account_id, g.send_id, g.message_id, now()
    FROM json_to_recordset(%(claims)s::json) AS g(account_id bigint, send_id text, message_id uuid)
    ORDER BY g.account_id, g.send_id, g.message_id
    ON CONFLICT (account_id, send_id) DO NOTHING
    RETURNING message_id
),
lost AS (
    SELECT coalesce(array_agg(g.message_id), '{}') AS ids
    FROM json_to_recordset(%(claims)s::json) AS g(message_id uuid)
    WHERE g.message_id <> ALL (ARRAY(SELECT message_id FROM took))
)"""
_KEPT = "<> ALL ((SELECT ids FROM lost)::uuid[])"
_PEOPLE = """json_to_recordset(%(people)s::json)
    AS p(message_id uuid, account_id bigint, email text, properties jsonb, place int)"""
# Where two sends of a batch name one contact, the later one's properties win
_MERGED = """
SELECT p.account_id, p.email,
       coalesce(jsonb_object_agg(e.key, e.value ORDER BY p.place) FILTER (WHERE e.key IS NOT NULL), '{{}}')
FROM {people} LEFT JOIN LATERAL jsonb_each(p.properties) AS e ON true
{kept} GROUP BY p.account_id, p.email"""
_EARLIER = """
SELECT g.message_id, s.message_id
FROM json_to_recordset(%(claims)s::json) AS g(account_id bigint, send_id text, message_id uuid)
JOIN transactional_sendidentity s USING (account_id, send_id)
WHERE g.message_id = ANY(%(lost)s::uuid[])
"""


def store(
    rows: Rows, claims: Sequence[Claim], people: Sequence[Person]
) -> dict[uuid.UUID, uuid.UUID]:
    """Store a batch, durably unless the caller has a transaction of its own.

    Returns, for each message whose sendId had been used, the earlier message; nothing of it was stored.
    Raises psycopg.Error or django.db.Error: then nothing was stored at all, but where the sendId that stood
    in the way vanished meanwhile: its account was deleted, or its time was up in that very moment.
    """
    filled = [(table, given) for table, given in rows.batches() if given]
    values: dict[str, Any] = {}
    for table, given in filled:
        values |= table.values(table.name, given)
    if claims:
        values["claims"] = _json(("account_id", "send_id", "message_id"), claims)
    merge = False
    if people:
        placed = [(*one, place) for place, one in enumerate(people)]
        values["people"] = _json(
            ("message_id", "account_id", "email", "properties", "place"), placed
        )
        merge = len({one[1:3] for one in people}) < len(people)
    text = _text(tuple(table for table, _ in filled), bool(claims), bool(people), merge)
    with database.cursor() as cursor:
        cursor.execute(text, values, prepare=True)
        if not claims:
            return {}
        (lost,) = cursor.fetchone() or ([],)
        return _earlier(cursor, values, lost) if lost else {}


def _json(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> str:
    return bulk.as_json([dict(zip(names, row, strict=True)) for row in rows])


def _earlier(
    cursor: psycopg.Cursor[Any], values: dict[str, Any], lost: list[uuid.UUID]
) -> dict[uuid.UUID, uuid.UUID]:
    cursor.execute(_EARLIER, {**values, "lost": lost})
    found = dict(cursor.fetchall())
    if len(found) < len(lost):
        raise DatabaseError("a sendId was forgotten while it was used again")
    return found


@lru_cache(maxsize=64)
def _text(tables: tuple[Table, ...], claims: bool, people: bool, merge: bool) -> str:
    """The statement that fills these tables; `merge`: a contact is named more than once."""
    parts = [_CLAIM] if claims else []
    if people:
        kept = f"WHERE p.message_id {_KEPT}" if claims else ""
        chosen = (
            _MERGED.format(people=_PEOPLE, kept=kept)
            if merge
            else f"SELECT p.account_id, p.email, p.properties FROM {_PEOPLE} {kept}"  # noqa: S608 — our own words
        )
        parts.append(f"people AS ({contacts.upsert_from(f'({chosen})')})")
    for place, table in enumerate(tables):
        kept = f" WHERE {table.name}.{_MESSAGE_OF[table]} {_KEPT}" if claims else ""
        parts.append(f"w{place} AS ({table.insert(table.name, kept)})")
    told = "ids FROM lost" if claims else "1"
    return f"WITH {', '.join(parts)} SELECT {told}"
