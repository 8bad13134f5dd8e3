"""What is done to mail that nobody has tried yet: hold it, let it go on, take it back."""

import uuid
from collections.abc import Sequence

from django.db import connection

# A held row is due when it would expire: if nobody lets it go on, it does
_HOLD = """
UPDATE transactional_queuerow SET due_at = deliver_by
WHERE account_id = %s AND message_id = ANY(%s) AND lease IS NULL AND attempt = 0 AND NOT resent
"""
_RELEASE = """
UPDATE transactional_queuerow SET due_at = clock_timestamp()
WHERE account_id = %s AND message_id = ANY(%s) AND lease IS NULL AND due_at = deliver_by
"""
WITHDRAW = """
DELETE FROM transactional_queuerow
WHERE account_id = %(account_id)s AND message_id = ANY(%(message_ids)s)
  AND lease IS NULL AND dot_at IS NULL AND NOT resent
RETURNING id
"""


def hold(account_id: int, message_ids: Sequence[uuid.UUID]) -> int:
    """Keep these messages from being tried; how many recipients that holds."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [account_id, list(message_ids)])
        return int(cursor.rowcount)


def let_go(account_id: int, message_ids: Sequence[uuid.UUID]) -> int:
    """Let held messages be tried now."""
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, [account_id, list(message_ids)])
        return int(cursor.rowcount)
