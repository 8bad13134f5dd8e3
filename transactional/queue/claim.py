"""The claim: due rows leased lane by lane, and within a lane an equal share to each stream.

One stream's 100,000 rows never stand before another's one: a claim walks from stream to stream (a
loose index scan: one descent each, whatever the table's size) and takes a share from each.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import ceil
from typing import Any

import psycopg
from django.conf import settings

from config import bulk
from config.steady import Watch, steady_seconds
from transactional.models import Lane
from transactional.queue.orphans import new_holder, new_lease
from transactional.queue.rows import Job
from transactional.queue.strays import Stray, astray

VISITS = 200  # streams looked at per lane and claim; a next claim goes on behind them
# Seconds that urgent mail is left to the workers which do nothing else. One that is busy with bulk mail
# would make it stand behind what it has in hand; it helps where they are away, or have too much
HELP_AFTER = 0.5
BULK_TURN = 8  # every so many claims bulk mail goes before normal mail, so that it never starves

# The streams of a lane that have rows nobody holds, each with the time its first one is due. The walk
# begins behind the stream that was served last and goes once round
_SEEN = """
seen_{lane} AS (
    (
        (
            SELECT stream_id, due_at, false AS round, 1 AS visit FROM transactional_queuerow
            WHERE lease IS NULL AND lane = {lane} AND stream_id > %(after_{lane})s
            ORDER BY stream_id, due_at LIMIT 1
        ) UNION ALL (
            SELECT stream_id, due_at, true, 1 FROM transactional_queuerow
            WHERE lease IS NULL AND lane = {lane} AND stream_id <= %(after_{lane})s
            ORDER BY stream_id, due_at LIMIT 1
        ) LIMIT 1
    )
    UNION ALL
    SELECT following.*, s.visit + 1
    FROM seen_{lane} s CROSS JOIN LATERAL (
        (
            SELECT q.stream_id, q.due_at, s.round FROM transactional_queuerow q
            WHERE q.lease IS NULL AND q.lane = {lane} AND q.stream_id > s.stream_id
            ORDER BY q.stream_id, q.due_at LIMIT 1
        ) UNION ALL (
            SELECT q.stream_id, q.due_at, true FROM transactional_queuerow q
            WHERE q.lease IS NULL AND q.lane = {lane} AND NOT s.round
              AND q.stream_id <= %(after_{lane})s
            ORDER BY q.stream_id, q.due_at LIMIT 1
        ) LIMIT 1
    ) following
    WHERE s.visit < %(visits)s AND (NOT s.round OR following.stream_id <= %(after_{lane})s)
), due_{lane} AS MATERIALIZED (
    SELECT stream_id, coalesce(capped.most, %(each)s) AS most
    FROM seen_{lane} LEFT JOIN unnest(%(streams_{lane})s::bigint[], %(caps_{lane})s::int[])
        AS capped(stream, most) ON capped.stream = stream_id
    WHERE due_at <= {now} AND coalesce(capped.most, %(each)s) > 0{only}
)"""
_ONLY = """
    AND EXISTS (
        SELECT 1 FROM transactional_stream s
        WHERE s.id = seen_{lane}.stream_id AND s.pool_id = ANY(%(pools)s)
    )"""
# A lane is only looked at while there is room
_LANE = """
SELECT id FROM (
    SELECT head.id FROM due_{lane} CROSS JOIN LATERAL (
        SELECT id FROM transactional_queuerow q
        WHERE q.lease IS NULL AND q.lane = {lane} AND q.stream_id = due_{lane}.stream_id
          AND q.due_at <= {now}
        ORDER BY q.due_at
        LIMIT least(
            due_{lane}.most,
            (SELECT ceil(%(limit)s::float8 / greatest(count(*), 1))::bigint FROM due_{lane})
        )
        FOR UPDATE SKIP LOCKED
    ) AS head
) AS lane_{lane}
"""
# Only of lanes that had their turn: the others are not walked
_WALK = """
    CASE WHEN {turn} THEN (SELECT count(*) FROM seen_{lane}) END,
    CASE WHEN {turn} THEN (SELECT stream_id FROM seen_{lane} ORDER BY visit DESC LIMIT 1) END,
    CASE WHEN {turn} THEN (SELECT count(*) FROM due_{lane}) END"""
_TURN = """(SELECT count(*) FROM picked) < %(limit)s
    OR EXISTS (SELECT 1 FROM claimed WHERE claimed.lane = {lane})"""
_CLAIM = """
WITH RECURSIVE {seen}, picked AS (
    SELECT id FROM ({lanes}) AS due LIMIT %(limit)s
), claimed AS (
    UPDATE transactional_queuerow q
    SET lease = %(lease)s, lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
    FROM picked WHERE q.id = picked.id
    RETURNING q.id, q.message_id, q.account_id, q.stream_id, q.lane, q.domain, q.attempt,
              q.deliver_by, q.resent, q.crashes, q.parked, q.ends, q.boot
), jobs AS (
    SELECT c.ends, c.boot, c.id, c.message_id, c.account_id, c.stream_id, c.lane, c.domain, c.attempt,
           c.deliver_by, c.resent, c.crashes, c.parked, r.address, m.campaign_id, m.version_id, m.from_domain,
           m.message_id AS header_id, m.created_at, m.kind, b.raw, b.context,
           r.source_id, r.status
    FROM claimed c
    JOIN transactional_recipient r ON r.id = c.id
    JOIN transactional_message m ON m.id = c.message_id
    LEFT JOIN transactional_body b ON b.id = c.message_id
)
SELECT {walks}, now(), jobs.* FROM (VALUES (1)) AS one(row) LEFT JOIN jobs ON true
"""


@dataclass(frozen=True, slots=True)
class Caps:
    """How many rows a claim may bring: in all, `of` a stream of a lane, and of `each` that is not named there."""

    most: int
    each: int
    of: Mapping[tuple[int, int], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim leased; `more`: due rows may be left, look again as soon as there is room.

    `strays`: what is not to be tried before `strays.put_right`. `jumped`: the database's clock is not where it should be; nothing is claimed that only became
    due by that (`transactional/clock.py` puts it right).
    """

    jobs: tuple[Job, ...]
    more: bool
    jumped: bool = False
    strays: tuple[Stray, ...] = ()


class Claimer:
    """Claims for one engine; it remembers how far it has walked in each lane."""

    def __init__(
        self, lanes: Sequence[int], *, pools: Sequence[int] | None = None, helps: bool = False
    ) -> None:
        """`pools`: only mail of streams that leave through these; None: all of it. `helps`: urgent
        mail is claimed once it has waited for HELP_AFTER.
        """
        #: What its leases begin with: whoever finds this engine dead gives back what it held.
        self.holder = new_holder()
        self._helps = helps
        self._lanes = tuple(int(lane) for lane in lanes)
        self.pools = pools
        self._after = dict.fromkeys(self._lanes, 0)
        self._turn = 0
        self._watch = Watch()  # of the database's clock, from claim to claim
        #: Of other machines: what makes their count of seconds the database's time.
        self.offsets: Mapping[str, float] = {}

    @property
    def since(self) -> float:
        """Seconds since the database's clock was last seen where it should be."""
        return self._watch.since

    def take_clock(self) -> None:
        """Go by the database's clock as it stands now: what its jump meant is put right."""
        self._watch.forget()

    async def claim(
        self,
        connection: psycopg.AsyncConnection[Any],
        *,
        limit: int | None = None,
        caps: Caps | None = None,
    ) -> Claimed:
        """Lease up to `limit` due rows: the more urgent lane first, fairly among its streams. `caps`: and
        no more of each than these.

        May be called concurrently with other claimers'. `connection` must be in autocommit: the
        claim is one statement and one transaction.
        """
        lease = new_lease(self.holder)
        caps = caps or Caps(limit or 0, limit or 0)
        limit = caps.most
        values: dict[str, Any] = {
            "limit": limit,
            "lease": lease,
            "seconds": float(settings.LEASE_SECONDS),
            "visits": VISITS,
            "until": self._watch.until,
            "each": caps.each,
            **{f"after_{lane}": after for lane, after in self._after.items()},
            **_by_lane(self._lanes, caps),
        }
        if self.pools is not None:
            values["pools"] = list(self.pools)
        self._turn += 1
        order = self._lanes
        if self._turn % BULK_TURN == 0 and Lane.NORMAL in order and Lane.BULK in order:
            order = (*(n for n in order if n != Lane.NORMAL), int(Lane.NORMAL))
        moment, here = time.monotonic(), steady_seconds()
        async with psycopg.AsyncRawCursor(connection) as cursor:
            text, names = bulk.numbered(_text(order, self.pools is not None, self._helps))
            given = [values[name] for name in names]
            await cursor.execute(text, given, prepare=True, binary=True)
            rows = await cursor.fetchall()
        width = 3 * len(order)
        at = rows[0][width]
        found = [row[width + 1 :] for row in rows if row[width + 3] is not None]
        jobs = tuple(Job(*(lease, *row[2:], at, moment)) for row in found)
        if self._watch.saw(at, here):
            return Claimed(jobs, more=False, jumped=True)
        walks = dict(zip(order, zip(*[iter(rows[0][:width])] * 3, strict=True), strict=True))
        more = self._go_on(jobs, caps, walks)
        marks = [(row[0], row[1]) for row in found]
        if strays := astray(jobs, marks, at=at.timestamp(), here=here, offsets=self.offsets):
            wrong = {stray.job for stray in strays}
            return Claimed(tuple(job for job in jobs if job not in wrong), more, strays=strays)
        return Claimed(jobs, more)

    def _go_on(
        self,
        jobs: tuple[Job, ...],
        caps: Caps,
        walks: dict[int, tuple[int | None, int | None, int | None]],
    ) -> bool:
        """Where each lane's next walk begins, and whether there may be more to find at once."""
        given = Counter((job.lane, job.stream_id) for job in jobs)
        limit = caps.most
        full = len(jobs) >= limit
        more = full
        for lane, (visited, last, due) in walks.items():
            served = [stream for its, stream in given if its == lane]
            if full and served:
                # Whoever was not reached comes first next time
                after = self._after[lane]
                self._after[lane] = max(served, key=lambda stream: (stream <= after, stream))
            elif not full and (visited or 0) >= VISITS and last is not None:
                self._after[lane], more = last, True
            share = ceil(limit / due) if due else 0
            more = more or any(
                n >= min(share, caps.of.get((its, stream), caps.each))
                for (its, stream), n in given.items()
                if its == lane
            )
        return more


def _by_lane(lanes: Sequence[int], caps: Caps) -> dict[str, list[int]]:
    """The statement's arrays: streams that are named, and how much of each."""
    values: dict[str, list[int]] = {}
    for lane in lanes:
        named = {stream: most for (its, stream), most in caps.of.items() if its == lane}
        values[f"streams_{lane}"], values[f"caps_{lane}"] = [*named], [*named.values()]
    return values


@cache
def _text(lanes: tuple[int, ...], some_pools: bool, helps: bool) -> str:
    only = _ONLY if some_pools else ""
    plain = "least(now(), %(until)s)"
    late = f"{plain} - interval '{HELP_AFTER} s'"
    now = {lane: late if helps and lane == Lane.URGENT else plain for lane in lanes}
    return _CLAIM.format(
        seen=", ".join(
            _SEEN.format(lane=lane, now=now[lane], only=only.format(lane=lane)) for lane in lanes
        ),
        lanes=" UNION ALL ".join(_LANE.format(lane=lane, now=now[lane]) for lane in lanes),
        walks=", ".join(_WALK.format(lane=lane, turn=_TURN.format(lane=lane)) for lane in lanes),
    )
