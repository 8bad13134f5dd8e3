"""Takes secret values out of stored messages as soon as no copy of them is needed any more.

That is when the last recipient has left the queue: delivered, bounced, expired or cancelled. A
held copy keeps them, for HELD at most. Everything rendered afterwards shows stand-ins.
"""

import uuid
from datetime import timedelta
from typing import Any

import orjson
from django.db import connection, transaction
from django.utils import timezone

from config.ids import uuid7_floor
from transactional.compose.contract import schema, secret
from transactional.models import Body, EmailVersion, SecretBody

HELD = timedelta(days=5)  # how long a copy whose outcome is unknown may wait for a decision
BATCH = 500

# Ids are in order of time, and recipients' lie in the months of their message's: partitions prune
_DONE = """
SELECT s.id, m.version_id
FROM transactional_secretbody s JOIN transactional_message m ON m.id = s.id
WHERE NOT EXISTS (
    SELECT 1 FROM transactional_recipient r
    LEFT JOIN transactional_queuerow q ON q.id = r.id
    WHERE r.message_id = s.id AND (q.id IS NOT NULL OR (r.status = 'held' AND s.id > %(floor)s))
)
ORDER BY s.id LIMIT %(limit)s FOR UPDATE OF s SKIP LOCKED
"""


@transaction.atomic
def purge(*, limit: int = BATCH) -> int:
    """Mask the stored secrets of messages that are done with; returns how many messages."""
    floor = uuid7_floor(timezone.now() - HELD)
    with connection.cursor() as cursor:
        cursor.execute(_DONE, {"limit": limit, "floor": floor})
        done: list[tuple[uuid.UUID, int]] = cursor.fetchall()
    if not done:
        return 0
    versions = EmailVersion.objects.in_bulk({version_id for _id, version_id in done})
    contracts = {pk: schema.parse(version.contract) for pk, version in versions.items()}
    bodies = {body.pk: body for body in Body.objects.filter(pk__in=[pk for pk, _v in done])}
    for message_id, version_id in done:
        body = bodies.get(message_id)
        if body is not None and body.context is not None:
            body.context = _masked(bytes(body.context), contracts.get(version_id))
    kept = [body for body in bodies.values() if body.context is not None]
    Body.objects.bulk_update(kept, ["context"], batch_size=100)
    SecretBody.objects.filter(pk__in=[pk for pk, _v in done]).delete()
    return len(done)


def _masked(context: bytes, contract: schema.Contract | None) -> bytes:
    data: dict[str, Any] = orjson.loads(context)
    # A version that is gone said what was secret: without it nothing may stay
    data["custom"] = secret.masked(contract, data.get("custom", {})) if contract else {}
    return orjson.dumps(data)
