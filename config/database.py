"""The database in processes that live in an event loop: threads of their own, bounded waits."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

CONNECT_SECONDS = 2  # the smallest that libpq honours

P = ParamSpec("P")
T = TypeVar("T")


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


class DatabaseThreads:
    """A few threads, each with a database connection that it keeps."""

    def __init__(self, number: int, *, name: str) -> None:
        self._connections: list[BaseDatabaseWrapper] = []
        self._pool = ThreadPoolExecutor(
            number, thread_name_prefix=name, initializer=self._remember_connection
        )

    def run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Do this in a thread; call from the event loop."""
        return asyncio.wrap_future(self._pool.submit(work, *args, **kwargs))

    async def close(self) -> None:
        """Wait for what is running, end the threads, close their connections."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._pool.shutdown()
        for one in self._connections:
            one.close()

    def _remember_connection(self) -> None:
        mine = connections["default"]
        mine.inc_thread_sharing()  # `close` runs in another thread
        self._connections.append(mine)
