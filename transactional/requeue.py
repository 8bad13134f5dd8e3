"""Mail that had come to an end is sent again: the one way from such a status back into the queue.

With `lifecycle`, a writer of Recipient.status. What was ended by an incident may come back, and what
is held; never mail that could not be built any more, or that nobody has a use for.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.db import connection
from django.utils import timezone

from config import bulk
from transactional import events, mailable, queue
from transactional.events import NewEvent
from transactional.mailable import Wish
from transactional.models import EventType
from transactional.wire.address import AddressError, parse_path

# Seconds: a lifetime this short is a code's or a reset's. It is never given anew, for what comes late
# is worth nothing; everything else gets its own lifetime again
SHORT = 3600

# Gone: the body, or the values of its secret variables, which are masked once a mail has ended.
# Doubtful: a copy may have arrived, so the next one is marked
_JUDGE = """
SELECT r.id, r.message_id, r.address, r.kind = 'to' AS written_to, r.status, r.attempts,
       m.stream_id, m.campaign_id, m.kind, v.subscription_type_id,
       coalesce(m.lane, v.lane, 1) AS lane,
       coalesce(m.lifetime, nullif(v.lifetime, 0), s.lifetime) AS lifetime,
       extract(epoch FROM now() - m.created_at)::float8 AS age,
       coalesce(b.raw IS NULL AND b.context IS NULL
                OR (jsonb_path_exists(v.contract, '$.**.secret ? (@ == true)')
                    AND NOT EXISTS (SELECT FROM transactional_secretbody x WHERE x.id = m.id)),
                false) AS gone,
       EXISTS (SELECT FROM transactional_event e
               WHERE e.message_id = m.id AND e.recipient_id = r.id
                 AND (e.type = 'uncertain' OR (e.type = 'held'
                      AND (e.data->>'class' = 'in_doubt' OR e.data->>'reason' IS NOT NULL)))
              ) AS doubtful
FROM transactional_recipient r
JOIN transactional_message m ON m.id = r.message_id
JOIN transactional_stream s ON s.id = m.stream_id
LEFT JOIN transactional_body b ON b.id = m.id
LEFT JOIN transactional_emailversion v ON v.id = m.version_id
WHERE r.id = ANY(%(ids)s) AND r.account_id = %(account)s AND r.status = ANY(%(olds)s)
ORDER BY r.id
"""
_MOVE = """
UPDATE transactional_recipient SET status = 'queued', status_at = %(at)s WHERE id = ANY(%(ids)s)
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """What can be sent again; what came too `late` to be of use; what is `gone`, in part at least;
    what would be ready, but is `barred`: the address must not be mailed any more, by code.

    `doubtful`, of all of them: a copy may have arrived.
    """

    ready: tuple[uuid.UUID, ...] = ()
    late: tuple[uuid.UUID, ...] = ()
    gone: tuple[uuid.UUID, ...] = ()
    doubtful: tuple[uuid.UUID, ...] = ()
    barred: Mapping[uuid.UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Ended:
    id: uuid.UUID
    message_id: uuid.UUID
    address: str
    written_to: bool
    status: str
    attempts: int
    stream_id: int
    campaign_id: int | None
    kind: str
    type_id: int | None
    lane: int
    lifetime: int
    age: float
    gone: bool
    doubtful: bool

    @property
    def late(self) -> bool:
        return self.lifetime <= SHORT and self.age >= self.lifetime

    @property
    def wish(self) -> Wish:
        """What the suppression list and the reader's consent are asked about."""
        return Wish(self.address, self.kind, self.type_id, self.written_to)

    @property
    def left(self) -> timedelta:
        """How long it may be tried from now on."""
        spent = self.age if self.lifetime <= SHORT else 0.0
        return timedelta(seconds=self.lifetime - spent)


def judge(account_id: int, ids: Sequence[uuid.UUID], olds: Collection[str]) -> Judged:
    """What `requeue` would do with these now."""
    return _judged(account_id, _find(account_id, ids, olds, lock=False))


def requeue(
    account_id: int,
    ids: Sequence[uuid.UUID],
    olds: Collection[str],
    *,
    why: str,
    by: str = "",
) -> Judged:
    """Queue recipients of an account again, in the caller's transaction; what was done with each.

    One that stands at none of the statuses `olds` is left alone, as is one whose address has been
    suppressed since. Each goes in the lane it had; a copy that may have arrived before is marked as
    resent.
    """
    rows = _find(account_id, ids, olds, lock=True)
    judged = _judged(account_id, rows)
    ready = set(judged.ready)
    again = [one for one in rows if one.id in ready]
    if not again:
        return judged
    now = timezone.now()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_MOVE, {"ids": list(judged.ready), "at": now})
        bulk.write(
            cursor,
            [
                (
                    queue.TABLE,
                    [
                        queue.row(
                            recipient_id=one.id,
                            message_id=one.message_id,
                            account_id=account_id,
                            stream_id=one.stream_id,
                            lane=one.lane,
                            domain=_domain(one.address),
                            due_at=now,
                            deliver_by=now + one.left,
                            resent=one.doubtful,
                        )
                        for one in again
                    ],
                )
            ],
        )
    _tell(account_id, again, now, {"reason": why, **({"by": by} if by else {})})
    return judged


def _tell(account_id: int, again: Sequence[_Ended], now: datetime, told: Mapping[str, str]) -> None:
    events.append(
        [
            NewEvent(
                account_id=account_id,
                message_id=one.message_id,
                recipient_id=one.id,
                campaign_id=one.campaign_id,
                type=EventType.REQUEUED,
                at=now,
                data={"was": one.status, "attempt": one.attempts, **told},
            )
            for one in again
        ]
    )


def _find(
    account_id: int, ids: Sequence[uuid.UUID], olds: Collection[str], *, lock: bool
) -> list[_Ended]:
    if not ids:
        return []
    values: dict[str, Any] = {
        "ids": list(ids),
        "account": account_id,
        "olds": [str(old) for old in olds],
    }
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(f"{_JUDGE} FOR UPDATE OF r" if lock else _JUDGE, values)
        return [_Ended(*row) for row in cursor]


def _judged(account_id: int, rows: Sequence[_Ended]) -> Judged:
    fit = [one for one in rows if not (one.late or one.gone)]
    codes = mailable.barred(account_id, (one.wish for one in fit))
    barred = {one.id: codes[one.wish] for one in fit if one.wish in codes}
    return Judged(
        ready=tuple(one.id for one in fit if one.id not in barred),
        late=tuple(one.id for one in rows if one.late),
        gone=tuple(one.id for one in rows if one.gone and not one.late),
        doubtful=tuple(one.id for one in rows if one.doubtful),
        barred=barred,
    )


def _domain(address: str) -> str:
    try:
        path = parse_path(address)
    except AddressError:
        path = None
    return path.domain_ascii if path is not None else address.rpartition("@")[2].lower()
