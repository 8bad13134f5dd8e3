"""How a migration gives a partitioned table an index while mail goes on being written to it."""

from typing import Any

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState

_CHILDREN = """
SELECT c.relname, i.indexrelid::regclass::text, i.indisvalid
FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
LEFT JOIN pg_class n ON n.relname = c.relname || %s AND n.relnamespace = c.relnamespace
LEFT JOIN pg_index i ON i.indexrelid = n.oid
WHERE h.inhparent = %s::regclass ORDER BY c.relname
"""


class AddPartitionedIndex(migrations.AddIndex):
    """AddIndex that locks nothing for long: PostgreSQL has no CONCURRENTLY for a whole table.

    The table's index is made empty, each partition's concurrently, then attached; the last makes
    the whole valid. Begun and broken off, it goes on where it stood.
    """

    atomic = False

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Create the index of the table and of every partition there is."""
        model = to_state.apps.get_model(app_label, self.model_name)
        table, name = model._meta.db_table, self.index.name
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
            if not cursor.fetchone()[0]:
                schema_editor.execute(_statement(self.index, model, schema_editor, name, table))
            cursor.execute(_CHILDREN, [f"_{name}", table])
            for partition, known, valid in cursor.fetchall():
                own = f"{partition}_{name}"
                if known and not valid:
                    schema_editor.execute(f'DROP INDEX CONCURRENTLY "{own}"')
                if not known or not valid:
                    made = _statement(self.index, model, schema_editor, own, table)
                    schema_editor.execute(
                        made.replace(f' ON ONLY "{table}"', f' ON "{partition}"', 1).replace(
                            "CREATE INDEX", "CREATE INDEX CONCURRENTLY", 1
                        )
                    )
                schema_editor.execute(f'ALTER INDEX "{name}" ATTACH PARTITION "{own}"')


def _statement(
    index: models.Index, model: Any, schema_editor: BaseDatabaseSchemaEditor, name: str, table: str
) -> str:
    """CREATE INDEX of the table alone, under this name."""
    plain = str(index.create_sql(model, schema_editor))
    return plain.replace(f'"{index.name}"', f'"{name}"', 1).replace(
        f' ON "{table}"', f' ON ONLY "{table}"', 1
    )
