"""How far a send is: outcomes collected from its recipients, counted, and judged."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from config.ids import uuid7_floor
from transactional.models import Broadcast, BroadcastRow, BroadcastState, Status

FIRST = 200  # rows whose bounces decide
BOUNCES_MAX = 10  # of them: 5 %
OPEN = (Status.QUEUED, Status.DEFERRED, Status.UNCERTAIN)
BACK = timedelta(hours=1)  # by which clocks may differ: a bound for the partitions that are read

_COLLECT = """
UPDATE transactional_broadcastrow b SET state = r.status
FROM transactional_recipient r
WHERE b.broadcast_id = %s AND b.state = ANY(%s) AND r.message_id = b.message_id AND r.id >= %s
  AND r.status <> b.state
"""
# A report of a bounce may come after the delivery: looked at among those that decide
_COLLECT_FIRST = """
UPDATE transactional_broadcastrow b SET state = r.status
FROM transactional_recipient r
WHERE b.id IN (
    SELECT id FROM transactional_broadcastrow
    WHERE broadcast_id = %s AND message_id IS NOT NULL ORDER BY id LIMIT %s
) AND b.state = 'delivered' AND r.message_id = b.message_id AND r.id >= %s
  AND r.status <> b.state
"""
_FIRST_BOUNCED = """
SELECT count(*) FILTER (WHERE state = 'bounced'), count(*) FILTER (WHERE state <> 'queued')
FROM (
    SELECT state FROM transactional_broadcastrow
    WHERE broadcast_id = %s AND message_id IS NOT NULL AND state <> 'refused'
    ORDER BY id LIMIT %s
) AS first
"""


# What decides how a send goes on: bounded, since a send of millions asks a thousand times
_AHEAD = """
SELECT
    EXISTS (
        SELECT 1 FROM transactional_broadcastrow
        WHERE broadcast_id = %(id)s AND state = %(waiting)s
    ), (
        SELECT count(*) FROM (
            SELECT 1 FROM transactional_broadcastrow
            WHERE broadcast_id = %(id)s AND state = ANY(%(handed)s) LIMIT %(first)s
        ) AS head
    ), (
        SELECT count(*) FROM (
            SELECT 1 FROM transactional_broadcastrow
            WHERE broadcast_id = %(id)s AND state = %(queued)s LIMIT %(most)s
        ) AS head
    )
"""


@dataclass(frozen=True, slots=True)
class Ahead:
    """Whether rows wait to be handed over; how many have been, counted to FIRST; how many of them
    are not tried yet, counted to what was asked for.
    """

    waiting: bool
    handed: int
    untried: int


@dataclass(frozen=True, slots=True)
class Counts:
    """The rows of a send by state."""

    by_state: Mapping[str, int]

    def _sum(self, *states: str) -> int:
        return sum(self.by_state.get(state, 0) for state in states)

    @property
    def waiting(self) -> int:
        """Not handed over yet."""
        return self._sum(BroadcastRow.WAITING)

    @property
    def queued(self) -> int:
        """Handed over and not tried yet, or to be tried again."""
        return self._sum(*OPEN)

    @property
    def untried(self) -> int:
        """Handed over and not tried yet."""
        return self._sum(Status.QUEUED)

    @property
    def delivered(self) -> int:
        """Taken by the receiving server."""
        return self._sum(Status.DELIVERED)

    @property
    def bounced(self) -> int:
        """Refused for good, or not reached in time."""
        return self._sum(Status.BOUNCED, Status.EXPIRED)

    @property
    def refused(self) -> int:
        """Not sent: suppressed, without consent, or what could not be made."""
        return self._sum(BroadcastRow.REFUSED, Status.SUPPRESSED)

    @property
    def cancelled(self) -> int:
        """Taken back, or held until somebody decides."""
        return self._sum(Status.CANCELLED, Status.HELD)

    @property
    def sent(self) -> int:
        """Handed over and not taken back."""
        return self.total - self.waiting - self.refused - self._sum(Status.CANCELLED)

    @property
    def total(self) -> int:
        """All rows."""
        return sum(self.by_state.values())


def counts(broadcast: Broadcast) -> Counts:
    """The rows by state, from an index alone; of rows that are past their time, as they were."""
    if broadcast.outcome is not None:
        return Counts(broadcast.outcome)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, count(*) FROM transactional_broadcastrow"
            " WHERE broadcast_id = %s GROUP BY state",
            [broadcast.pk],
        )
        return Counts(dict(cursor.fetchall()))


def ahead(broadcast: Broadcast, *, most: int) -> Ahead:
    """How the send goes on; looks at a bounded number of rows."""
    values: dict[str, Any] = {
        "id": broadcast.pk,
        "waiting": BroadcastRow.WAITING,
        "handed": [str(one) for one in Status],
        "queued": str(Status.QUEUED),
        "first": FIRST,
        "most": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(_AHEAD, values)
        waiting, handed, untried = cursor.fetchone()
    return Ahead(bool(waiting), int(handed), int(untried))


def all_known(broadcast: Broadcast) -> bool:
    """Whether every row's outcome is known."""
    rows = BroadcastRow.objects.filter(broadcast=broadcast, state__in=OPEN)
    return not rows.exists()


def collect(broadcast: Broadcast, *, now: datetime | None = None) -> None:
    """Bring the rows up to what their recipients' status says."""
    moment = now or timezone.now()
    since = uuid7_floor((broadcast.started_at or broadcast.created_at) - BACK)
    with connection.cursor() as cursor:
        cursor.execute(_COLLECT, [broadcast.pk, [str(one) for one in OPEN], since])
        cursor.execute(_COLLECT_FIRST, [broadcast.pk, FIRST, since])
    broadcast.looked_at = moment
    broadcast.save(update_fields=["looked_at"])


def collect_if_old(broadcast: Broadcast, *, older: timedelta) -> None:
    """As `collect`, where that was not done just now: for pages that ask often."""
    active = broadcast.state not in (BroadcastState.DRAFT, BroadcastState.SCHEDULED)
    open_still = active and broadcast.state != BroadcastState.DONE
    now = timezone.now()
    if open_still and (broadcast.looked_at is None or now - broadcast.looked_at > older):
        collect(broadcast, now=now)


def too_many_bounced(broadcast: Broadcast) -> bool:
    """Whether more than 5 % of the first 200 bounced."""
    return _first(broadcast)[0] > BOUNCES_MAX


def tried_of_first(broadcast: Broadcast) -> int:
    """How many of the first 200 have been tried."""
    return _first(broadcast)[1]


def _first(broadcast: Broadcast) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_BOUNCED, [broadcast.pk, FIRST])
        bounced, tried = cursor.fetchone()
    return int(bounced), int(tried)
