"""Partitions of the mail log by time: what there is, made ahead of time, taken away when it is old.

A partition is one month, or one day (`LOG_PARTITIONS`). Every lock that is asked for here is waited
for LOCK_WAIT at most, so that mail is never held up behind it.
"""

import logging
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState

from config.ids import uuid7_floor, uuid7_time

logger = logging.getLogger(__name__)

TABLES = (
    "transactional_message",
    "transactional_body",
    "transactional_recipient",
    "transactional_deliveryattempt",
    "transactional_event",
)
# A recipient's row is written once more when its mail has arrived: room for that beside it keeps the
# change out of every index
STORAGE = {"transactional_recipient": " WITH (fillfactor = 70)"}
# Months or days that exist before their first row; a stopped beat may lag that long
AHEAD = {"month": 3, "day": 14}
LOCK_WAIT = "300ms"  # how long a writer may stand behind us
GONE = "_gone"  # ends the name of a table that is no partition any more and waits to be dropped

_LISTING = """
SELECT p.relname, c.relname, pg_get_expr(c.relpartbound, c.oid)
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
JOIN pg_class p ON p.oid = i.inhparent
WHERE p.relname = ANY(%s) AND p.relnamespace = current_schema()::regnamespace
"""
_BOUNDS = re.compile(r"FROM \('([0-9a-f-]{36})'\) TO \('([0-9a-f-]{36})'\)")


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition of a table: its rows' ids were made from `low` until before `high`."""

    table: str
    name: str
    low: datetime
    high: datetime


class CreatePartitionedModel(migrations.CreateModel):
    """CreateModel whose table is range-partitioned by id, with a default partition as a net."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Create the parent table and its default partition."""
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        plain = schema_editor.sql_create_table
        schema_editor.sql_create_table = f'{plain} PARTITION BY RANGE ("id")'
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            schema_editor.sql_create_table = plain
        schema_editor.execute(
            f'CREATE TABLE "{table}_default" PARTITION OF "{table}" DEFAULT{STORAGE.get(table, "")}'
        )


def listing() -> list[Partition]:
    """Every partition but the default ones, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_LISTING, [list(TABLES)])
        rows = cursor.fetchall()
    found = []
    for table, name, expression in rows:
        if bounds := _BOUNDS.search(expression):
            low, high = (uuid7_time(uuid.UUID(text)) for text in bounds.groups())
            found.append(Partition(table, name, low, high))
    return sorted(found, key=lambda one: (one.low, TABLES.index(one.table)))


def exist() -> bool:
    """Whether the tables are there: not before the first migration, or after the last was undone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [TABLES[-1]])
        return bool(cursor.fetchone()[0])


def ensure(now: datetime) -> list[str]:
    """Make the partitions of now and of the time to come that lack; returns their names.

    Rows that came while there was no partition for them lie in the default one, and stay there.
    """
    width = settings.LOG_PARTITIONS
    ends: dict[str, datetime] = {}
    for one in listing():
        ends[one.table] = max(one.high, ends.get(one.table, one.high))
    horizon = _start(now, width)
    for _ in range(AHEAD[width] + 1):
        horizon = _next(horizon, width)
    made: list[str] = []
    for table in TABLES:
        low = max(_start(now, width), ends.get(table, _start(now, width)))
        while low < horizon:
            high = _next(low, width)
            name = f"{table}_{low:%Y%m}" if _is_month(low, high) else f"{table}_{low:%Y%m%d}"
            try:
                _make(Partition(table, name, low, high))
            except IntegrityError:
                logger.warning("rows of %s lie in the default partition, and stay there", name)
            except OperationalError as err:
                logger.warning("partition %s is made later: %s", name, str(err).strip())
                break
            else:
                made.append(name)
            low = high
    return made


def _make(one: Partition) -> None:
    """Made beside the table and attached: that way inserts into the others go on meanwhile."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
        cursor.execute(
            f'CREATE TABLE "{one.name}" (LIKE "{one.table}" INCLUDING ALL)'
            f"{STORAGE.get(one.table, '')}"
        )
        cursor.execute(
            f'ALTER TABLE "{one.table}" ATTACH PARTITION "{one.name}"'
            f" FOR VALUES FROM ('{uuid7_floor(one.low)}') TO ('{uuid7_floor(one.high)}')"
        )
        cursor.execute("SET LOCAL lock_timeout = DEFAULT")


def detach(one: Partition) -> None:
    """Take a partition out of its table, in the caller's transaction; `drop_detached` drops it.

    Raises django.db.OperationalError where somebody has the table for longer than LOCK_WAIT. (There
    is a default partition, so PostgreSQL does not offer DETACH CONCURRENTLY.)
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
        cursor.execute(f'ALTER TABLE "{one.table}" DETACH PARTITION "{one.name}"')
        cursor.execute(f'ALTER TABLE "{one.name}" RENAME TO "{one.name}{GONE}"')
        cursor.execute("SET LOCAL lock_timeout = DEFAULT")


def drop_detached() -> list[str]:
    """Drop what was detached, also by a run that was killed in between; returns the names.

    The files are deleted under a lock of the detached table alone, which nobody reads any more.
    """
    patterns = [f"^{table}_[0-9]+{GONE}$" for table in TABLES]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ ANY(%s)"
            " AND relnamespace = current_schema()::regnamespace ORDER BY relname",
            [patterns],
        )
        names = [str(row[0]) for row in cursor.fetchall()]
        for name in names:
            cursor.execute(f'DROP TABLE "{name}"')
    return names


def _start(at: datetime, width: str) -> datetime:
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day.replace(day=1) if width == "month" else day


def _next(low: datetime, width: str) -> datetime:
    if width == "day":
        return low + timedelta(days=1)
    return (low.replace(day=1) + timedelta(days=32)).replace(day=1)


def _is_month(low: datetime, high: datetime) -> bool:
    return low.day == 1 and high == _next(low, "month")
