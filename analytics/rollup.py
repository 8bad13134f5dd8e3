"""The aggregation SQL: events folded into counters, each exactly once.

A fold reads behind the oldest transaction still running, so one that commits late is never
skipped; counters, first engagements and cursor move in one transaction, so a fold that is killed
has counted nothing. Everything can be rebuilt from the event log, with the same result.
"""

import logging
import uuid
from datetime import UTC, datetime

from django.db import connection, transaction

from analytics.models import CampaignDay, ComplaintDay, EventTotal, FirstEngagement, FoldCursor
from analytics.stats import COUNTERS
from domains.sites import SILENT_ON_SPAM
from transactional import events, retention

logger = logging.getLogger(__name__)

CURSOR = "campaign_day"
BATCH = 5000  # events per transaction
BEGINNING = uuid.UUID(int=0)
EVER = datetime(1970, 1, 1, tzinfo=UTC)  # no event is older

_COLUMNS = ", ".join(COUNTERS)
# Which column an event counts in. A bounce that comes back after the delivery takes it back, so that
# delivered, bounced and pending never count one recipient twice; so does an undone incident. What was accepted
# and then withdrawn or stopped in the queue, with no copy that may have arrived, was not sent; where one may have,
# nobody knows. Opens and clicks of recipients are counted by their firsts
_TALLY = """
count(*) FILTER (WHERE type = 'accepted') - count(*) FILTER (WHERE type = 'stopped')
    + count(*) FILTER (WHERE type = 'requeued' AND was = 'suppressed') AS sent,
count(*) FILTER (WHERE type = 'delivered') - count(*) FILTER (WHERE type = 'bounced' AND was = 'delivered') AS delivered,
count(*) FILTER (WHERE type = 'deferred') AS deferred,
count(*) FILTER (WHERE type = 'bounced')
    - count(*) FILTER (WHERE type = 'requeued' AND coalesce(was, 'bounced') = 'bounced') AS bounced,
count(*) FILTER (WHERE type = 'expired')
    - count(*) FILTER (WHERE type = 'requeued' AND was = 'expired') AS expired,
count(*) FILTER (WHERE type IN ('dropped', 'stopped'))
    - count(*) FILTER (WHERE type = 'requeued' AND was = 'suppressed') AS dropped,
count(*) FILTER (WHERE type = 'doubtful') AS unknown,
count(*) FILTER (WHERE type = 'first_open') AS opens,
count(*) FILTER (WHERE type = 'first_click') AS clicks,
count(*) FILTER (WHERE type = 'opened') AS open_hits,
count(*) FILTER (WHERE type = 'clicked') AS click_hits,
count(*) FILTER (WHERE type = 'complained') AS complaints,
count(*) FILTER (WHERE type = 'unsubscribed') AS unsubscribes,
count(*) FILTER (WHERE type = 'first_open') - count(*) FILTER (WHERE type = 'human_open') AS machine_opens,
count(*) FILTER (WHERE type = 'first_click') - count(*) FILTER (WHERE type = 'human_click') AS machine_clicks,
count(*) FILTER (WHERE type = 'opened' AND machine) AS machine_open_hits,
count(*) FILTER (WHERE type = 'clicked' AND machine) AS machine_click_hits
"""

# What complaint rates are counted by. A complaint, and a bounce that comes back, count on the day of the
# delivery that they are about, which a report from nearby may overtake by a moment: then on their own.
# OFFSET 0: each row by itself, through the index (see contacts.FACTS). xid + 0: not along the log's order, which a
# partition without statistics invites to, back to wherever the delivery is. A delivery that names no IP is of
# before this was counted, and so is what comes back of it
_JUDGED = """
returned AS MATERIALIZED (
    SELECT b.account_id, b.message_id, coalesce(d.at, b.at) AS at, d.data AS left_by,
           CASE WHEN b.type = 'bounced' THEN -1 ELSE 0 END AS delivered,
           CASE WHEN b.type = 'complained' THEN 1 ELSE 0 END AS complaints
    FROM batch b LEFT JOIN LATERAL (
        SELECT t.at, t.data FROM transactional_event t
        WHERE t.message_id = b.message_id AND t.recipient_id = b.recipient_id AND t.type = 'delivered'
        ORDER BY t.xid + 0 DESC, t.id DESC LIMIT 1
    ) d ON true
    WHERE b.type = 'complained' OR b.type = 'bounced' AND b.was = 'delivered'
), reputation AS (
    SELECT account_id, message_id, at, left_by, 1 AS delivered, 0 AS complaints
    FROM batch WHERE left_by IS NOT NULL
    UNION ALL
    SELECT * FROM returned
    WHERE left_by ? 'egress' OR left_by IS NULL AND complaints > 0
), judged AS (
    INSERT INTO analytics_complaintday AS d
        (account_id, domain, source_id, day, delivered, unreported, complaints)
    SELECT r.account_id, m.from_domain, (r.left_by ->> 'egress')::bigint,
           (r.at AT TIME ZONE 'UTC')::date,
           coalesce(sum(r.delivered) FILTER (WHERE r.reports), 0),
           coalesce(sum(r.delivered) FILTER (WHERE NOT r.reports), 0), sum(r.complaints)
    FROM (
        SELECT *, NOT coalesce(left_by ->> 'provider' = ANY(%(silent)s), false) AS reports
        FROM reputation
    ) AS r
    JOIN tokens_account a ON a.id = r.account_id
    CROSS JOIN LATERAL (
        SELECT from_domain, created_at FROM transactional_message n WHERE n.id = r.message_id OFFSET 0
    ) AS m
    WHERE r.at >= %(since)s AND (r.left_by IS NOT NULL OR m.created_at >= %(since)s)
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (account_id, domain, source_id, day) DO UPDATE SET
        delivered = d.delivered + excluded.delivered,
        unreported = d.unreported + excluded.unreported,
        complaints = d.complaints + excluded.complaints
)"""

# A first is the first in the log's order (xid, id), not in time: so the size of batches does not
# matter, and a rebuild finds the same ones. Where machines were first, a person's first is counted
# on its own day, whenever it comes. Events whose campaign is gone count nowhere.
FOLD = f"""
WITH batch AS MATERIALIZED (
    SELECT e.id, e.xid, e.account_id, e.message_id, e.campaign_id, e.recipient_id, e.at,
           CASE WHEN e.type <> 'cancelled' THEN e.type
                WHEN e.data ->> 'how' = 'withdrawn' OR e.data ->> 'copy' = 'none'
                     OR e.data ->> 'was' IN ('queued', 'deferred') THEN 'stopped'
                WHEN e.data ->> 'was' IN ('uncertain', 'held') THEN 'doubtful' ELSE e.type END AS type,
           CASE WHEN e.type IN ('bounced', 'requeued') THEN e.data ->> 'was' END AS was,
           CASE WHEN e.type IN ('opened', 'clicked') THEN e.data ->> 'machine' IS NOT NULL END
               AS machine,
           CASE WHEN e.type = 'delivered' AND e.data ? 'egress' THEN e.data END AS left_by
    FROM transactional_event e
    WHERE (e.xid, e.id) > (%(xid)s, %(event_id)s)
      AND e.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    ORDER BY e.xid, e.id LIMIT %(limit)s
), engaged AS MATERIALIZED (
    SELECT b.recipient_id, k.kind,
           (array_agg(b.campaign_id ORDER BY b.xid, b.id))[1] AS campaign_id,
           (array_agg(b.at ORDER BY b.xid, b.id))[1] AS at,
           (array_agg(b.at ORDER BY b.xid, b.id) FILTER (WHERE NOT b.machine))[1] AS human_at,
           (array_agg(b.machine ORDER BY b.xid, b.id))[1] AS machine
    FROM batch b JOIN (VALUES ('opened', 'open'), ('clicked', 'click'), ('clicked', 'open'))
         AS k(type, kind) ON k.type = b.type
    WHERE b.recipient_id IS NOT NULL AND b.campaign_id IS NOT NULL AND b.at >= %(since)s
    GROUP BY b.recipient_id, k.kind
), firsts AS (
    INSERT INTO analytics_firstengagement (recipient_id, kind, at, only_machines, human_at)
    SELECT recipient_id, kind, at, human_at IS NULL, CASE WHEN machine THEN human_at END
    FROM engaged ORDER BY recipient_id, kind
    ON CONFLICT (recipient_id, kind) DO NOTHING
    RETURNING recipient_id, kind
), followed AS (
    UPDATE analytics_firstengagement f SET only_machines = false, human_at = g.human_at
    FROM engaged g
    WHERE f.recipient_id = g.recipient_id AND f.kind = g.kind
      AND f.only_machines AND g.human_at IS NOT NULL
    RETURNING f.recipient_id, f.kind
), counted AS (
    SELECT campaign_id, type, at, was, machine FROM batch WHERE at >= %(since)s
    UNION ALL
    SELECT g.campaign_id, 'first_' || g.kind, g.at, NULL, NULL
    FROM firsts f JOIN engaged g USING (recipient_id, kind)
    UNION ALL
    SELECT g.campaign_id, 'human_' || g.kind, g.human_at, NULL, NULL
    FROM (SELECT * FROM firsts UNION ALL SELECT * FROM followed) f
    JOIN engaged g USING (recipient_id, kind) WHERE g.human_at IS NOT NULL
), totals AS (
    INSERT INTO analytics_eventtotal AS t (type, count)
    SELECT type, count(*) FROM batch GROUP BY type ORDER BY type
    ON CONFLICT (type) DO UPDATE SET count = t.count + excluded.count
), {_JUDGED},
folded AS (
    INSERT INTO analytics_campaignday AS d (account_id, campaign_id, day, {_COLUMNS})
    SELECT c.account_id, n.campaign_id, (n.at AT TIME ZONE 'UTC')::date, {_TALLY}
    FROM counted n JOIN transactional_campaign c ON c.id = n.campaign_id
    GROUP BY 1, 2, 3 ORDER BY 2, 3
    ON CONFLICT (campaign_id, day) DO UPDATE SET
    {", ".join(f"{name} = d.{name} + excluded.{name}" for name in COUNTERS)}
)
SELECT xid, id, count(*) OVER () FROM batch ORDER BY xid DESC, id DESC LIMIT 1
"""  # noqa: S608 — only our own constants


# Whether the next fold finds anything to count, or that the log is another cluster's. In the log's order, and planned
# each time: so always along its index
_NEWS = """
SELECT c.xid >= pg_snapshot_xmax(now.snapshot)::text::bigint OR (
    SELECT e.id FROM transactional_event e
    WHERE (e.xid, e.id) > (c.xid, c.event_id)
      AND e.xid < pg_snapshot_xmin(now.snapshot)::text::bigint
    ORDER BY e.xid, e.id LIMIT 1
) IS NOT NULL
FROM analytics_foldcursor c, pg_current_snapshot() AS now(snapshot) WHERE c.name = %s
"""


def has_news() -> bool:
    """Whether there is something to count; cheap where there is not."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWS, [CURSOR])
        found = cursor.fetchone()
    return found is None or bool(found[0])


def fold(*, limit: int = BATCH) -> int:
    """Count the next events, at most `limit`; returns how many were read.

    One fold at a time: where another one runs, this one returns 0 at once.
    """
    if not has_news():
        return 0
    FoldCursor.objects.get_or_create(name=CURSOR, defaults={"event_id": BEGINNING})
    with transaction.atomic():
        position = (
            FoldCursor.objects.select_for_update(skip_locked=True).filter(name=CURSOR).first()
        )
        if position is None:
            return 0
        if _is_foreign(position):
            logger.warning("the database was restored into another cluster: counting anew")
            return rebuild(limit=limit)
        return _advance(position, limit=limit)


@transaction.atomic
def rebuild(*, limit: int = BATCH) -> int:
    """Count everything anew from the event log; returns how many events there were.

    Of days before the log begins (older events are past their time) the numbers stay as they are.
    Readers see the old numbers until the new ones are complete; folds wait meanwhile. Also mends
    what a dump and restore does to transaction numbers (see `transactional.events.adopt`).
    """
    FoldCursor.objects.get_or_create(name=CURSOR, defaults={"event_id": BEGINNING})
    position = FoldCursor.objects.select_for_update().get(name=CURSOR)
    events.adopt()
    since = retention.events_kept_from() or EVER
    EventTotal.objects.all().delete()
    CampaignDay.objects.filter(day__gte=since.date()).delete()
    ComplaintDay.objects.filter(day__gte=since.date()).delete()
    FirstEngagement.objects.filter(at__gte=since).delete()
    followed = FirstEngagement.objects.filter(human_at__gte=since)
    followed.update(only_machines=True, human_at=None)
    position.xid, position.event_id = 0, BEGINNING
    position.save()
    read = total = _advance(position, limit=limit, since=since)
    while read:
        read = _advance(position, limit=limit, since=since)
        total += read
    return total


def _is_foreign(position: FoldCursor) -> bool:
    """Whether the cursor names a transaction that this cluster has not come to yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        return bool(position.xid >= cursor.fetchone()[0])


def _advance(position: FoldCursor, *, limit: int, since: datetime = EVER) -> int:
    values: dict[str, int | uuid.UUID | datetime | list[str]] = {
        "since": since,
        "silent": sorted(SILENT_ON_SPAM),
        "xid": position.xid,
        "event_id": position.event_id,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(FOLD, values)
        last = cursor.fetchone()
    if last is None:
        return 0
    position.xid, position.event_id = last[0], last[1]
    position.save(update_fields=["xid", "event_id"])
    return int(last[2])
