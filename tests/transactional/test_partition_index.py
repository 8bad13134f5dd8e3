"""An index of a partitioned table is made beside running traffic, and goes on where it was cut."""

from django.db import connection, models
from django.db.migrations.state import ProjectState

from transactional.models import Event
from transactional.models.partition_index import AddPartitionedIndex

TABLE = "transactional_event"
STATE = """
SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relname LIKE '%%event_trial' ORDER BY c.relname
"""


def state() -> dict[str, bool]:
    with connection.cursor() as cursor:
        cursor.execute(STATE)
        return dict(cursor.fetchall())


def test_every_partition_gets_its_part_and_a_broken_one_is_made_anew(
    transactional_db: None,
) -> None:
    index = models.Index(fields=["account", "at"], name="event_trial", condition=models.Q(at=None))
    operation = AddPartitionedIndex("event", index)
    before = ProjectState.from_apps(Event._meta.apps)
    after = before.clone()
    operation.state_forwards("transactional", after)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass",
            [TABLE],
        )
        partitions = {row[0] for row in cursor.fetchall()}
        # A run that was killed left a part that holds nothing, and one that is not attached
        cursor.execute(
            f"CREATE INDEX event_trial ON ONLY {TABLE} (account_id, at) WHERE at IS NULL"
        )
        broken, single = sorted(partitions)[:2]
        for name in (broken, single):
            cursor.execute(
                f"CREATE INDEX {name}_event_trial ON {name} (account_id, at) WHERE at IS NULL"
            )
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass",
            [f"{broken}_event_trial"],
        )
    assert state() == {
        "event_trial": False,
        f"{broken}_event_trial": False,
        f"{single}_event_trial": True,
    }
    try:
        with connection.schema_editor(atomic=False) as editor:
            operation.database_forwards("transactional", editor, before, after)
        assert state() == {
            "event_trial": True,
            **{f"{one}_event_trial": True for one in partitions},
        }
        with connection.schema_editor(atomic=False) as editor:
            operation.database_forwards("transactional", editor, before, after)
        with connection.schema_editor(atomic=False) as editor:
            operation.database_backwards("transactional", editor, after, before)
        assert state() == {}
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX IF EXISTS event_trial")
