"""The only place that pages through an account's events by time: what HubSpot's events feed reads.

Newest first, keyset on (at, id, part): `part` parts the two events that the contract makes of our
one `accepted`. A call reads WINDOW events of the log at most, whatever it is asked for; where that
was not enough its page is short, even empty, and says that there is more.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg
from django.db import connection
from psycopg.rows import class_row

from config.ids import uuid7_floor, uuid7_time
from transactional.models import EventType

WINDOW = 20_000  # events of the log read for one page
SPARE = 200  # more than a page's, where nothing is left out but what the feed does not tell

# The contract's types: our type and part. PROCESSED is the second part of `accepted`
PARTS: Mapping[str, Sequence[tuple[str, int]]] = {
    "SENT": ((EventType.ACCEPTED, 0),),
    "PROCESSED": ((EventType.ACCEPTED, 1),),
    "DROPPED": ((EventType.DROPPED, 0), (EventType.CANCELLED, 0)),
    "DELIVERED": ((EventType.DELIVERED, 0),),
    "DEFERRED": ((EventType.DEFERRED, 0),),
    "BOUNCE": ((EventType.BOUNCED, 0), (EventType.EXPIRED, 0)),
    "OPEN": ((EventType.OPENED, 0),),
    "CLICK": ((EventType.CLICKED, 0),),
    "STATUSCHANGE": ((EventType.UNSUBSCRIBED, 0),),
    "SPAMREPORT": ((EventType.COMPLAINED, 0),),
    "UNBOUNCE": ((EventType.UNBOUNCED, 0),),
}
NEVER = frozenset({"PRINT", "FORWARD", "SUPPRESSED", "REPLY"})  # known there, not told here
NAMES: Mapping[tuple[str, int], str] = {
    (str(kind), part): name for name, parts in PARTS.items() for kind, part in parts
}

_LAST = uuid.UUID(int=2**128 - 1)
_FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_VERSION = 0xF << 76  # of a UUID (RFC 9562 §4.2); 8 is for what an implementation defines

# Judged when it was recorded (`analytics/machines.py`)
_MACHINE = "(e.type IN ('opened', 'clicked') AND e.data ->> 'machine' IS NOT NULL)"

_OF_ACCOUNT = f"""
    SELECT e.id, e.at, e.type, e.campaign_id, %(unfiltered)s AND {_MACHINE} AS filtered
    FROM transactional_event e
    WHERE e.account_id = %(account)s AND e.at >= %(since)s AND e.at < %(until)s
      AND (e.at, e.id) <= (%(at)s, %(id)s)
    ORDER BY e.at DESC, e.id DESC LIMIT %(window)s
"""  # noqa: S608 — a constant of ours

# A refused message has no recipients: whom it was for stands in its event
_OF_RECIPIENT = f"""
    SELECT * FROM (
        SELECT e.id, e.at, e.type, e.campaign_id, %(unfiltered)s AND {_MACHINE} AS filtered
        FROM transactional_recipient r
        JOIN transactional_event e ON e.message_id = r.message_id AND e.recipient_id = r.id
        WHERE r.account_id = %(account)s AND r.address = ANY(%(addresses)s)
          AND e.account_id = %(account)s AND e.at >= %(since)s AND e.at < %(until)s
          AND (e.at, e.id) <= (%(at)s, %(id)s)
        UNION ALL
        SELECT e.id, e.at, e.type, e.campaign_id, false
        FROM transactional_event e
        WHERE e.account_id = %(account)s AND e.at >= %(since)s AND e.at < %(until)s
          AND (e.at, e.id) <= (%(at)s, %(id)s) AND e.recipient_id IS NULL
          AND e.data -> 'to' ?| %(addresses)s
    ) found
    ORDER BY at DESC, id DESC LIMIT %(window)s
"""  # noqa: S608 — a constant of ours

# The last row tells how far was read
_KEYS = """
WITH scanned AS MATERIALIZED ({source}), found AS (
    SELECT s.id, s.at, p.part FROM scanned s CROSS JOIN (VALUES (0), (1)) AS p (part)
    WHERE s.type || ':' || p.part = ANY(%(kinds)s)
      AND (s.at, s.id, p.part) < (%(at)s, %(id)s, %(part)s)
      AND (%(campaign)s::bigint IS NULL OR s.campaign_id = %(campaign)s)
      AND NOT s.filtered
    ORDER BY s.at DESC, s.id DESC, p.part DESC LIMIT %(rows)s
)
SELECT id, at, part, 0 AS scanned FROM found
UNION ALL
(SELECT id, at, -1, (SELECT count(*) FROM scanned) FROM scanned ORDER BY at, id LIMIT 1)
"""

_READ = f"""
SELECT e.id, e.account_id, e.message_id, e.recipient_id, e.campaign_id, e.type, e.at, e.data,
       {_MACHINE} AS filtered, r.address, m.source, m.from_address, m.subject,
       m.message_id AS header_id, v.email_id
FROM transactional_event e
LEFT JOIN transactional_message m ON m.id = e.message_id
LEFT JOIN transactional_recipient r ON r.id = e.recipient_id
LEFT JOIN transactional_emailversion v ON v.id = m.version_id
WHERE e.id = ANY(%(ids)s) AND e.account_id = %(account)s
"""  # noqa: S608 — a constant of ours

_EARLIER = """
SELECT e.message_id, e.recipient_id, e.type, e.id, e.at
FROM transactional_event e
WHERE e.message_id = ANY(%(messages)s) AND e.recipient_id = ANY(%(recipients)s)
  AND e.account_id = %(account)s AND e.id >= %(floor)s
  AND e.type IN ('accepted', 'bounced', 'complained')
ORDER BY e.at, e.id
"""

_COPIES = """
SELECT r.message_id, r.kind, r.address FROM transactional_recipient r
WHERE r.message_id = ANY(%(messages)s) AND r.account_id = %(account)s AND r.kind IN ('cc', 'bcc')
ORDER BY r.id
"""


@dataclass(frozen=True, slots=True)
class Key:
    """Where a page goes on: after this part of this event."""

    at: datetime
    id: uuid.UUID
    part: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a page is to hold. `until` is not included; empty `addresses`: every recipient."""

    types: Sequence[str] = tuple(PARTS)
    addresses: Sequence[str] = ()
    campaign_id: int | None = None
    since: datetime = _BEGINNING
    until: datetime = _FOREVER
    unfiltered: bool = False
    after: Key | None = None
    limit: int = 10


@dataclass(frozen=True, slots=True)
class Named:
    """Another event, by what finds it again."""

    id: uuid.UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """An event of the log with what the feed tells of its message."""

    id: uuid.UUID
    account_id: int
    message_id: uuid.UUID
    recipient_id: uuid.UUID | None
    campaign_id: int | None
    type: str
    at: datetime
    data: Any
    filtered: bool
    address: str | None
    source: str | None
    from_address: str | None
    subject: str | None
    header_id: str | None
    email_id: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """One event of the feed. `type` is the contract's word."""

    id: uuid.UUID
    type: str
    row: Row
    data: Mapping[str, Any]
    sent_by: Named | None
    caused_by: Named | None
    cc: Sequence[str]
    bcc: Sequence[str]


@dataclass(frozen=True, slots=True)
class Page:
    """Events, newest first, and where to go on; `more` may be true of an empty page."""

    events: Sequence[Told]
    last: Key | None
    more: bool


def page(account_id: int, asked: Asked) -> Page:
    """The account's events that were asked for, in four queries whatever their number."""
    after = asked.after or Key(_FOREVER, _LAST, 2)
    narrowed = asked.campaign_id or asked.unfiltered or len(asked.types) < len(PARTS)
    window = WINDOW if narrowed else min(WINDOW, 4 * asked.limit + SPARE)
    values = {
        "account": account_id,
        "since": asked.since,
        "until": asked.until,
        "at": after.at,
        "id": after.id,
        "part": after.part,
        "window": window,
        "addresses": list(asked.addresses),
        "kinds": [f"{kind}:{part}" for name in asked.types for kind, part in PARTS.get(name, ())],
        "campaign": asked.campaign_id,
        "unfiltered": asked.unfiltered,
        "rows": asked.limit + 1,
    }
    source = _OF_RECIPIENT if asked.addresses else _OF_ACCOUNT
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_KEYS.format(source=source), values)
        rows = cursor.fetchall()
    found = [Key(at, pk, part) for pk, at, part, _ in rows if part >= 0]
    ends = [(Key(at, pk, 0), scanned) for pk, at, part, scanned in rows if part < 0]
    events = _told(account_id, found[: asked.limit])
    if len(found) > asked.limit:
        return Page(events, found[asked.limit - 1], more=True)
    if ends and ends[0][1] >= window:
        return Page(events, ends[0][0], more=True)
    return Page(events, found[-1] if found else asked.after, more=False)


def one(account_id: int, event_id: uuid.UUID) -> Told | None:
    """The account's event with this id of the feed; None where there is none."""
    if event_id.version not in (7, 8):
        return None
    part = int(event_id.version == 8)
    found = _told(account_id, [Key(_FOREVER, _numbered(event_id, 7), part)])
    return found[0] if found else None


def _numbered(event_id: uuid.UUID, version: int) -> uuid.UUID:
    """The same id as a UUID of this version: what parts PROCESSED from its SENT."""
    return uuid.UUID(int=event_id.int & ~_VERSION | version << 76)


def _told(account_id: int, keys: Sequence[Key]) -> list[Told]:
    if not keys:
        return []
    values = {"account": account_id, "ids": list({key.id for key in keys})}
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection, row_factory=class_row(Row)) as cursor:
        cursor.execute(_READ, values)
        rows = {row.id: row for row in cursor.fetchall()}
    earlier, copies = _earlier(account_id, list(rows.values())), _copies(account_id, rows.values())
    told = []
    for key in keys:
        row = rows.get(key.id)
        name = NAMES.get((row.type, key.part)) if row else None
        if row is None or name is None:
            continue
        data = _data(row)
        mine = earlier.get((row.message_id, row.recipient_id), {})
        told.append(
            Told(
                id=_numbered(row.id, 8) if key.part else row.id,
                type=name,
                row=row,
                data=data,
                sent_by=mine.get("accepted") if row.type != EventType.ACCEPTED else None,
                caused_by=_cause(row, data, mine),
                cc=copies.get((row.message_id, "cc"), ()),
                bcc=copies.get((row.message_id, "bcc"), ()),
            )
        )
    return told


def _data(row: Row) -> Mapping[str, Any]:
    # Over Django's connection JSON comes as text
    data = orjson.loads(row.data) if isinstance(row.data, str) else row.data
    return data if isinstance(data, dict) else {}


def _cause(row: Row, data: Mapping[str, Any], mine: Mapping[str, Named]) -> Named | None:
    if row.type == EventType.UNSUBSCRIBED and data.get("how") == "complaint":
        return mine.get("complained")
    return mine.get("bounced") if row.type == EventType.UNBOUNCED else None


def _earlier(
    account_id: int, rows: Sequence[Row]
) -> dict[tuple[uuid.UUID, uuid.UUID | None], dict[str, Named]]:
    """What happened before to the recipients of these events: the last of each type."""
    recipients = [row.recipient_id for row in rows if row.recipient_id is not None]
    if not recipients:
        return {}
    messages = [row.message_id for row in rows]
    values = {
        "account": account_id,
        "messages": list(set(messages)),
        "recipients": list(set(recipients)),
        # An event is never older than its message: older partitions are not looked at
        "floor": uuid7_floor(uuid7_time(min(messages))),
    }
    found: dict[tuple[uuid.UUID, uuid.UUID | None], dict[str, Named]] = {}
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_EARLIER, values)
        for message_id, recipient_id, kind, pk, at in cursor:
            found.setdefault((message_id, recipient_id), {})[kind] = Named(pk, at)
    return found


def _copies(account_id: int, rows: Any) -> dict[tuple[uuid.UUID, str], list[str]]:
    """Cc and Bcc of the messages that these events tell of, where they tell of them."""
    kinds = (EventType.ACCEPTED, EventType.DROPPED)
    messages = list({row.message_id for row in rows if row.type in kinds})
    found: dict[tuple[uuid.UUID, str], list[str]] = {}
    if messages:
        with psycopg.Cursor(connection.connection) as cursor:
            cursor.execute(_COPIES, {"account": account_id, "messages": messages})
            for message_id, kind, address in cursor:
                found.setdefault((message_id, kind), []).append(address)
    return found
