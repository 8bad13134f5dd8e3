"""sendIds that are past their time: the table is walked once a day, an hour's part in each run.

A sendId costs its message one row and one index entry; an index by time would cost another with every message, to save
one reading of the table a day. So the walk goes by the table's own pages (`ctid`), which every table has for nothing.
"""

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from transactional.retention import state

TABLE = "transactional_sendidentity"
HOURS = 24
SMALL = 8192  # pages: a table of 64 MB is walked whole each time
STEP = 128  # pages of a transaction: some 10,000 rows
SECONDS = 60.0  # of one run

_PAGES = "SELECT pg_relation_size(%s::regclass) / current_setting('block_size')::bigint"
_GONE = f"""
DELETE FROM {TABLE} WHERE ctid >= format('(%%s,0)', %s)::tid AND ctid < format('(%%s,0)', %s)::tid AND created_at < %s
"""  # noqa: S608 — our own constant


def forget(now: datetime, *, seconds: float = SECONDS) -> int:
    """Take away what of this hour's part is past its time; how many went. The rest of a part that takes
    longer than `seconds` waits for the next day, and the log's state says so.
    """
    kept: int = settings.KEEP_SEND_IDS_DAYS
    if not kept:
        return 0
    floor, gone = now - timedelta(days=kept), 0
    until = time.monotonic() + seconds
    with connection.cursor() as cursor:
        page, end = _part(_pages(), now.hour)
        while page < end and time.monotonic() < until:
            following = min(page + STEP, end)
            cursor.execute(_GONE, [page, following, floor])
            gone += int(cursor.rowcount)
            page = following
    state.note(TABLE, now=now, waits_for="" if page >= end else "time")
    return gone


def _pages() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_PAGES, [TABLE])
        return int((cursor.fetchone() or (0,))[0])


def _part(pages: int, hour: int) -> tuple[int, int]:
    """The pages of this hour's turn, from and to before."""
    if pages <= SMALL:
        return 0, pages
    return pages * hour // HOURS, pages * (hour + 1) // HOURS
