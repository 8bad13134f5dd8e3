"""What became of each version's mail: the event log folded by version, each event exactly once.

Transactional's own counters: a roll-out is judged by them with analytics switched off. Reads only
below the oldest transaction still running, so a late commit is never skipped.
"""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection, transaction

from transactional import events, retention
from transactional.models import ShorterRetention, VersionCount, VersionFold
from transactional.models.publishing import BEGINNING

CURSOR = "versions"
BATCH = 5000  # events per transaction
#: Refusals that a version is to blame for: nothing was sent because of its templates or contract
FAILURES = ("TEMPLATE_RENDER_EXCEPTION", "MISSING_TEMPLATE_PROPERTIES", "HUBL_LIMIT_EXCEEDED")

_FOLD = """
WITH batch AS MATERIALIZED (
    SELECT e.id, e.xid, e.type, e.message_id, e.data ->> 'reason' AS reason
    FROM transactional_event e
    WHERE (e.xid, e.id) > (%(xid)s, %(event_id)s)
      AND e.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    ORDER BY e.xid, e.id LIMIT %(limit)s
), counted AS (
    SELECT v.id AS version_id, CASE b.type WHEN 'dropped' THEN 'failed' ELSE b.type END AS type,
           r.id IS NOT NULL AND m.created_at >= r.started_at AS fresh
    FROM batch b
    JOIN transactional_message m ON m.id = b.message_id
    JOIN transactional_emailversion v ON v.id = m.version_id
    LEFT JOIN transactional_rollout r
           ON r.email_id = v.email_id AND r.state IN ('running', 'held')
    WHERE b.type IN ('accepted', 'delivered', 'bounced', 'expired', 'complained')
       OR (b.type = 'dropped' AND b.reason = ANY(%(failures)s))
), folded AS (
    INSERT INTO transactional_versioncount AS c (version_id, type, count, trial)
    SELECT version_id, type, count(*), count(*) FILTER (WHERE fresh)
    FROM counted GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (version_id, type) DO UPDATE
    SET count = c.count + excluded.count, trial = c.trial + excluded.trial
)
SELECT xid, id, count(*) OVER () FROM batch ORDER BY xid DESC, id DESC LIMIT 1
"""


@transaction.atomic
def fold(*, limit: int = BATCH) -> int:
    """Count the next events; returns how many were read. One at a time: another returns 0."""
    VersionFold.objects.get_or_create(name=CURSOR)
    position = VersionFold.objects.select_for_update(skip_locked=True).filter(name=CURSOR).first()
    if position is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        if position.xid >= cursor.fetchone()[0]:
            # Restored into another cluster, whose numbers do not go on from these
            position.xid, position.event_id = _begin_again()
        values: dict[str, Any] = {
            "xid": position.xid,
            "event_id": position.event_id,
            "limit": limit,
            "failures": list(FAILURES),
        }
        cursor.execute(_FOLD, values)
        last = cursor.fetchone()
    if last is None:
        return 0
    position.xid, position.event_id = last[0], last[1]
    position.save(update_fields=["xid", "event_id"])
    return int(last[2])


def _begin_again() -> tuple[int, uuid.UUID]:
    """Count the whole log anew; where older months of it are gone, go on from what was counted.

    Then events of the last seconds before the dump may go uncounted here: months would otherwise.
    """
    if retention.events_kept_from() is None and not ShorterRetention.objects.exists():
        VersionCount.objects.all().delete()
        return 0, BEGINNING
    events.adopt()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        return int(cursor.fetchone()[0]), BEGINNING


def of(version_ids: Iterable[int], *, trial: bool = False) -> Mapping[int, Mapping[str, int]]:
    """The counters of these versions by type; `trial`: only of mail of the roll-out under way."""
    found: dict[int, dict[str, int]] = {pk: {} for pk in version_ids}
    column = "trial" if trial else "count"
    rows = VersionCount.objects.filter(version_id__in=list(found))
    for version_id, kind, count in rows.values_list("version_id", "type", column):
        found[version_id][kind] = count
    return found


def begin_trial(email_id: int) -> None:
    """Count the mail of a roll-out from nothing; inside the transaction that starts it."""
    VersionCount.objects.filter(version__email_id=email_id).update(trial=0)
