"""The only place where the tests' tables are emptied after a test that commits.

Django's `flush` truncates every table and makes each permission anew: a quarter of a second for the few
rows of a test. Here rows are deleted from the tables that have had some; what is the same after each
test stays, content types and permissions.
"""

from django.db import connections, transaction
from django.test import TransactionTestCase
from django.utils import timezone

from transactional.models import partitions

SAME = frozenset({"django_content_type", "auth_permission"})
LARGE = 4 << 20  # octets: of more than that, a truncation is the quicker way
# Those of our tables, or of their partitions, that have had a row since they were truncated
_USED = """
WITH ours AS (SELECT oid, relkind FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relname = ANY(%s)),
leaves AS (SELECT oid FROM ours WHERE relkind = 'r'
    UNION ALL SELECT inhrelid FROM pg_inherits JOIN ours ON ours.oid = inhparent)
SELECT oid::regclass::text, pg_relation_size(oid) FROM leaves WHERE pg_relation_size(oid) > 0
ORDER BY oid
"""
_flush = TransactionTestCase._fixture_teardown


def sweep(case: TransactionTestCase) -> None:
    """Leave no row of the test that has ended, in place of Django's own way."""
    if case.available_apps is None and all(
        _swept(alias) for alias in case._databases_names(include_mirrors=False)
    ):
        partitions.ensure(timezone.now())  # as after each `migrate`: a test may have dropped some
    else:
        _flush(case)


def _swept(alias: str) -> bool:
    """False, with nothing done, where there is much to empty.

    As a truncation does, it waits for those who have rows here that are yet to be committed.
    """
    connection = connections[alias]
    names = set(connection.introspection.django_table_names(include_views=False)) - SAME
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        cursor.execute(_USED, [sorted(names)])
        used = dict(cursor.fetchall())
        if sum(used.values()) > LARGE:
            return False
        if used:
            cursor.execute(
                "DO $$ BEGIN SET LOCAL session_replication_role = replica;"  # no trigger, no foreign key
                f" LOCK TABLE {', '.join(used)} IN ACCESS EXCLUSIVE MODE;"
                + "".join(f" DELETE FROM {name};" for name in used)
                + " END $$"
            )
    return True
