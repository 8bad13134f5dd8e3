"""How long a server process waits for the database: the one place that bounds it."""

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
