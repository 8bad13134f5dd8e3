"""The only place that knows what PostgreSQL must be set to, for a promise to outlast a power cut.

A process that is killed leaves to the kernel what it has written; a machine without power does not.
"""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import Error, connections

WANTED = ("fsync", "full_page_writes", "synchronous_commit")
_ASK = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s) AND setting = 'off'"


def off() -> list[str]:
    """Which of them are off in the database we use. Raises django.db.Error."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_ASK, [list(WANTED)])
        return sorted(name for name, _ in cursor.fetchall())


@register(Tags.database)
def check(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """What `migrate`, which each start runs, says about it."""
    if not databases or "default" not in databases:
        return []
    try:
        found = off()
    except Error:
        return []  # whoever asked will hear of it
    return [
        Warning(
            f"PostgreSQL's {name} is off: accepted mail can be lost when the machine loses power.",
            hint=f"Set {name} = on in postgresql.conf, or for the role that Postino signs in as.",
            id="config.W001",
        )
        for name in found
    ]
