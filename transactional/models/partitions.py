"""Monthly partitions of the mail log: made ahead of time, by the migration and by a task."""

from datetime import UTC, datetime

from django.db import connection, migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState

from config.ids import uuid7_floor

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
AHEAD = 3  # months that exist before their first row; a stopped beat may lag that long


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


def _month(start: datetime, offset: int) -> datetime:
    index = start.year * 12 + start.month - 1 + offset
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)


def ensure(now: datetime) -> list[str]:
    """Make the partitions of this month and the next ones that lack; returns their names.

    A partition's making takes a short lock on its parent; nothing is moved.
    """
    made: list[str] = []
    with connection.cursor() as cursor:
        for table in TABLES:
            for offset in range(AHEAD + 1):
                low, high = _month(now, offset), _month(now, offset + 1)
                name = f"{table}_{low:%Y%m}"
                cursor.execute("SELECT to_regclass(%s)", [name])
                if cursor.fetchone() != (None,):
                    continue
                cursor.execute(
                    f'CREATE TABLE IF NOT EXISTS "{name}" PARTITION OF "{table}" '
                    f"FOR VALUES FROM ('{uuid7_floor(low)}') TO ('{uuid7_floor(high)}')"
                    f"{STORAGE.get(table, '')}"
                )
                made.append(name)
    return made
