"""The only writer of events: the append-only log that every number is folded from."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from django.db import connection

from config.bulk import Table
from config.ids import uuid7

TABLE = Table(
    "transactional_event",
    (
        ("id", "uuid"),
        ("account_id", "bigint"),
        ("message_id", "uuid"),
        ("recipient_id", "uuid"),
        ("campaign_id", "bigint"),
        ("type", "varchar"),
        ("at", "timestamptz"),
        ("data", "jsonb"),
    ),
)

_APPEND = TABLE.insert("event", " ON CONFLICT DO NOTHING")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to write. With an `id` of the caller's, writing it again changes nothing."""

    account_id: int
    message_id: uuid.UUID
    recipient_id: uuid.UUID | None
    campaign_id: int | None
    type: str
    at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)
    id: uuid.UUID | None = None


def row(event: NewEvent) -> tuple[Any, ...]:
    """The event in the order of TABLE's columns, for writers that batch several tables."""
    return (
        event.id or uuid7(),
        event.account_id,
        event.message_id,
        event.recipient_id,
        event.campaign_id,
        str(event.type),
        event.at,
        event.data,
    )


def append(events: Sequence[NewEvent]) -> int:
    """Write events in the caller's transaction, those with known ids skipped; how many were new."""
    if not events:
        return 0
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        values = TABLE.values("event", [row(event) for event in events])
        cursor.execute(_APPEND, values)
        return int(cursor.rowcount)


# What an event keeps when the person it is about is erased: words of ours, and what is counted
IMPERSONAL = (
    "attempt", "category", "class", "code", "egress", "how", "link", "machine", "provider", "reason", "reported",
    "source", "status", "was",
)  # fmt: skip

_ANONYMISE = """
UPDATE transactional_event AS e SET data = (
    SELECT coalesce(jsonb_object_agg(d.key, d.value), '{}')
    FROM jsonb_each(CASE WHEN jsonb_typeof(e.data) = 'object' THEN e.data ELSE '{}' END) AS d
    WHERE d.key = ANY(%s)
)
WHERE e.account_id = %s AND e.message_id = ANY(%s)
  AND (e.recipient_id IS NULL OR e.recipient_id = ANY(%s))
"""


def anonymise(
    account_id: int, *, message_ids: Sequence[uuid.UUID], recipient_ids: Sequence[uuid.UUID]
) -> None:
    """Erase what the events of these recipients, and of their messages as such, say of a person.

    The one exception to append-only. Events stay, in their place and order: every number stays.
    """
    with connection.cursor() as cursor:
        values: list[Any] = [list(IMPERSONAL), account_id, list(message_ids), list(recipient_ids)]
        cursor.execute(_ANONYMISE, values)


def adopt() -> int:
    """Give events that another PostgreSQL cluster wrote a place in this one's order.

    A dump keeps their transaction numbers, which count anew in the cluster it is restored into:
    those not reached here yet would wait, uncounted, until they are. Returns how many there were.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE transactional_event SET xid = 0"
            " WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
        )
        return int(cursor.rowcount)
