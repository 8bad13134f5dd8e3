"""What is done to mail that nobody has tried yet: hold it, let it go on, take it back.

What a worker has in hand and has not marked (see `MARK`) is taken from it by ending its lease: no
marker, no dot. So a pause costs nothing where nobody pauses.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from django.db import connection

# Rows that a worker is writing at this very moment are not waited for, since it may wait for one of
# ours: they are missed, and asked for again
_TAKE = """
WITH meant AS MATERIALIZED (
    SELECT q.id FROM transactional_recipient r JOIN transactional_queuerow q ON q.id = r.id
    WHERE r.message_id = ANY(%(messages)s) AND q.account_id = %(account)s
      AND q.dot_at IS NULL AND NOT q.resent AND {wanted}
), taken AS MATERIALIZED (
    SELECT q.id FROM transactional_queuerow q JOIN meant ON meant.id = q.id
    WHERE q.dot_at IS NULL AND NOT q.resent AND {wanted}
    FOR UPDATE OF q SKIP LOCKED
), done AS ({done} RETURNING q.id)
SELECT id, (SELECT count(*) FROM meant) FROM done
UNION ALL SELECT NULL, count(*) FROM meant
"""
# A held row is due when it would expire: if nobody lets it go on, it does
_HOLD = _TAKE.format(
    wanted="q.attempt = 0 AND (q.lease IS NOT NULL OR q.due_at < q.deliver_by)",
    done="""
        UPDATE transactional_queuerow q
        SET due_at = q.deliver_by, lease = NULL, lease_until = NULL, parked = NULL
        FROM taken WHERE q.id = taken.id""",
)
_WITHDRAW = _TAKE.format(
    wanted="true", done="DELETE FROM transactional_queuerow q USING taken WHERE q.id = taken.id"
)
# What it waited for is told, and it is asked about again (`egress/consent.py`)
_RELEASE = """
UPDATE transactional_queuerow q SET due_at = clock_timestamp(), parked = 'paused'
FROM transactional_recipient r
WHERE r.message_id = ANY(%(messages)s) AND q.id = r.id AND q.account_id = %(account)s
  AND q.lease IS NULL AND q.due_at = q.deliver_by
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """The recipients that were taken; how many were `missed`, since somebody was writing them."""

    ids: tuple[uuid.UUID, ...]
    missed: int


def hold(account_id: int, message_ids: Sequence[uuid.UUID]) -> Taken:
    """Keep these messages from being tried, also what a worker has leased and sent no dot of."""
    return _take(_HOLD, account_id, message_ids)


def withdraw(account_id: int, message_ids: Sequence[uuid.UUID]) -> Taken:
    """Take these messages out of the queue where no dot may have been sent, in the caller's transaction."""
    return _take(_WITHDRAW, account_id, message_ids)


def let_go(account_id: int, message_ids: Sequence[uuid.UUID]) -> int:
    """Let held messages be tried now."""
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, {"account": account_id, "messages": list(message_ids)})
        return int(cursor.rowcount)


def _take(statement: str, account_id: int, message_ids: Sequence[uuid.UUID]) -> Taken:
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, {"account": account_id, "messages": list(message_ids)})
        rows = cursor.fetchall()
    ids = tuple(pk for pk, _ in rows if pk is not None)
    return Taken(ids, int(rows[-1][1]) - len(ids))
