"""Times of checks and of key rotations, after the database's clock was set back."""

from datetime import timedelta

from django.db import connection

# Set forward, they are merely early
_BACK = tuple(
    f"UPDATE {table} SET {column} = {column} + make_interval(secs => %s) WHERE {column} > now()"  # noqa: S608 — names of our own tables
    for table, column in (
        ("domains_domain", "next_check_at"),
        ("domains_domain", "checked_at"),
        ("domains_domain", "asked_at"),
        ("domains_domain", "keys_due_at"),
        ("domains_egresssource", "next_check_at"),
        ("domains_egresssource", "checked_at"),
        ("domains_egresssource", "asked_at"),
    )
)


def move(by: timedelta) -> None:
    """Bring what would come too late back by as much. Does nothing where the clock went forward."""
    if by >= timedelta(0):
        return
    with connection.cursor() as cursor:
        for statement in _BACK:
            cursor.execute(statement, [by.total_seconds()])
