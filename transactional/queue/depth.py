"""How much of an account's mail waits: counted for a page, within bounds."""

from dataclasses import dataclass
from datetime import datetime

from django.db import OperationalError, connection, transaction


@dataclass(frozen=True, slots=True)
class Depth:
    """An account's share of the queue. `capped`: there are more than `rows`."""

    rows: int
    capped: bool
    oldest: datetime | None  # the due time of the one that waits longest, of those counted


DEPTH_CAP = 10_000  # rows counted for a page
DEPTH_TIME = "250ms"  # a page waits no longer for it, however long the queue is

_DEPTH = """
SELECT count(*), min(due_at) FROM (
    SELECT due_at FROM transactional_queuerow WHERE account_id = %s LIMIT %s
) AS own
"""


def depth(account_id: int) -> Depth | None:
    """How much of an account's mail waits; None if the answer would take too long."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{DEPTH_TIME}'")
            cursor.execute(_DEPTH, [account_id, DEPTH_CAP + 1])
            rows, oldest = cursor.fetchone()
            # In a transaction of the caller's, the limit would outlive this one
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    except OperationalError:
        return None
    return Depth(min(rows, DEPTH_CAP), rows > DEPTH_CAP, oldest)
