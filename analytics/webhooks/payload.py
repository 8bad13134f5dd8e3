"""The only place that knows what a webhook says (`docs/webhooks.md`): an event, as JSON.

Made when it is posted, from the log: nothing of it is stored, so what is erased of a person is not
sent any more. Variables of an email are no part of it.
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

from config.ids import uuid7_time
from transactional.models import EventType

PREFIX = "message."
TYPES: tuple[str, ...] = tuple(EventType.values)

# `sequence` numbers the events of a message in the log's order, without holes. What is read lies
# behind the oldest open transaction, so a number never changes
_READ = """
SELECT e.id, e.account_id, e.message_id, e.recipient_id, e.campaign_id, e.type, e.at, e.data,
       r.address, r.kind AS recipient_kind, m.kind, m.source, m.credential, m.from_address,
       m.from_domain, m.subject, m.message_id AS header_id, m.stream_id, s.name AS stream,
       m.labels,
       c.name AS campaign, v.email_id, n.sequence
FROM transactional_event e
LEFT JOIN transactional_message m ON m.id = e.message_id
LEFT JOIN transactional_recipient r ON r.id = e.recipient_id
LEFT JOIN transactional_stream s ON s.id = m.stream_id
LEFT JOIN transactional_campaign c ON c.id = e.campaign_id
LEFT JOIN transactional_emailversion v ON v.id = m.version_id
CROSS JOIN LATERAL (
    SELECT count(*) AS sequence FROM transactional_event o
    WHERE o.message_id = e.message_id AND (o.xid, o.id) <= (e.xid, e.id)
      AND o.id >= (left(e.message_id::text, 13) || '-0000-0000-000000000000')::uuid
) n
WHERE e.id = ANY(%(ids)s)
"""

# What of an event's data is told, and under which name
_TOLD: Mapping[str, str] = {
    "response": "reply",
    "status": "enhancedStatus",
    "category": "category",
    "reason": "reason",
    "class": "class",
    "attempt": "attempt",
    "source": "sourceIp",
    "reported": "reportedLater",
    "was": "previousStatus",
    "message": "explanation",
    "to": "to",
    "how": "how",
    "code": "code",
    "asked_from": "askedFrom",
    "url": "url",
    "link": "link",
    "user_agent": "userAgent",
    "ip": "ip",
    "machine": "machine",
}


@dataclass(frozen=True, slots=True)
class _Told:
    id: uuid.UUID
    account_id: int
    message_id: uuid.UUID
    recipient_id: uuid.UUID | None
    campaign_id: int | None
    type: str
    at: datetime
    data: Any
    address: str | None
    recipient_kind: str | None
    kind: str | None
    source: str | None
    credential: str | None
    from_address: str | None
    from_domain: str | None
    subject: str | None
    header_id: str | None
    stream_id: int | None
    stream: str | None
    campaign: str | None
    email_id: int | None
    sequence: int
    labels: Any = None


async def bodies(
    database: psycopg.AsyncConnection[Any], ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, bytes]:
    """The octets to post of each event that is still kept."""
    async with database.cursor(row_factory=class_row(_Told)) as cursor:
        await cursor.execute(_READ, {"ids": list(ids)})
        return {row.id: orjson.dumps(_body(row)) for row in await cursor.fetchall()}


def shown(account_id: int, event_id: uuid.UUID, *, sample_of: str = "") -> str:
    """What is posted of an event of this account, for people; empty: it is not kept any more.

    `sample_of`: the type of a test.
    """
    if sample_of:
        body = sample(account_id, event_id, sample_of, uuid7_time(event_id))
    else:
        connection.ensure_connection()
        with psycopg.Cursor(connection.connection, row_factory=class_row(_Told)) as cursor:
            cursor.execute(_READ, {"ids": [event_id]})
            row = cursor.fetchone()
        if row is None or row.account_id != account_id:
            return ""
        body = orjson.dumps(_body(row))
    return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()


def sample(account_id: int, event_id: uuid.UUID, kind: str, at: datetime) -> bytes:
    """The octets of a test: an event that never happened, marked so."""
    data: dict[str, Any] = {"attempt": 1, "response": "250 2.0.0 OK: queued as 4ZkQ1"}
    if kind in (EventType.BOUNCED, EventType.DEFERRED):
        hard = kind == EventType.BOUNCED
        data |= {
            "response": f"{5 if hard else 4}50 {5 if hard else 4}.1.1 No such user here",
            "category": "hard" if hard else "soft",
            "reason": "unknown_user",
        }
    if kind in (EventType.OPENED, EventType.CLICKED):
        data = {"ip": "192.0.2.7", "user_agent": "Mozilla/5.0"}
        if kind == EventType.CLICKED:
            data |= {"url": "https://example.com/order/1042", "link": 0}
    row = _Told(
        id=event_id, account_id=account_id, message_id=event_id, recipient_id=event_id,
        campaign_id=None, type=kind, at=at, data=data, address="anna@example.com",
        recipient_kind="to", kind="transactional", source="test", credential="",
        from_address="orders@example.com", from_domain="example.com", subject="Your order 1042",
        header_id=f"{event_id}@example.com", stream_id=None, stream=None, campaign=None,
        email_id=None, sequence=1,
    )  # fmt: skip
    return orjson.dumps(_body(row))


def _body(row: _Told) -> dict[str, Any]:
    # Over Django's connection JSON comes as text
    data = orjson.loads(row.data) if isinstance(row.data, str) else row.data
    data = data if isinstance(data, dict) else {}
    labels = orjson.loads(row.labels) if isinstance(row.labels, str) else row.labels or {}
    told = {_TOLD[name]: value for name, value in data.items() if name in _TOLD}
    return {
        "type": PREFIX + row.type,
        "timestamp": row.at.astimezone(UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z"),
        "data": {
            "eventId": str(row.id),
            "sequence": row.sequence,
            "accountId": str(row.account_id),
            "messageId": str(row.message_id),
            "recipientId": _text(row.recipient_id),
            "recipient": row.address,
            "recipientKind": row.recipient_kind,
            "from": row.from_address,
            "subject": row.subject,
            "sendId": labels.get("sendId") or None,
            "metadata": labels.get("metadata", {}),
            "headerMessageId": row.header_id,
            "kind": row.kind,
            "source": row.source,
            "test": row.source == "test",
            "credential": row.credential,
            "emailId": _text(row.email_id),
            "campaign": _named(row.campaign_id, row.campaign),
            "stream": _named(row.stream_id, row.stream),
            "domain": row.from_domain,
            "details": told,
        },
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _named(key: int | None, name: str | None) -> dict[str, str | None] | None:
    return None if key is None else {"id": str(key), "name": name}
