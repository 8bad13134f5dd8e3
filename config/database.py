"""Connections beside the ORM's, and how long a server process waits for the database."""

from typing import Any

from django.db import connections

CONNECT_SECONDS = 2  # the smallest that libpq honours


def bound_waits(*, statement_seconds: int) -> None:
    """Have this process's later connections give up, so that its peers hear of it.

    Call before the first query.
    """
    options = connections.settings["default"].setdefault("OPTIONS", {})
    options["connect_timeout"] = CONNECT_SECONDS
    limits = f"-c statement_timeout={statement_seconds}s -c lock_timeout={statement_seconds}s"
    options["options"] = f"{options.get('options', '')} {limits}".strip()


def parameters() -> dict[str, Any]:
    """How to reach the database the ORM uses, for psycopg itself (an event loop's connections)."""
    given = connections["default"].get_connection_params()
    names = ("host", "port", "user", "password", "dbname", "sslmode", "options")
    return {name: given[name] for name in names if given.get(name)}
