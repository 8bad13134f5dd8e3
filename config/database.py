"""Connections to the database below the ORM: alive when they are used, in threads of their own
where a process lives in an event loop.
"""

import asyncio
import select
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import psycopg
from django.db import close_old_connections, connection, connections
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


def refresh() -> None:
    """Before a piece of work: this thread's connection is used no more if it is old or has failed, or if the
    server has left it.

    Django's `close_old_connections` would have the next statement wait for a trip that asks whether anybody
    is there; whoever has hung up is known here without.
    """
    close_old_connections()
    raw = connection.connection
    if raw is None or connection.in_atomic_block:
        return
    if _stirs(raw):
        connection.close()
    else:
        connection.health_check_done = True  # type: ignore[attr-defined]  # unknown to the stubs


def cursor() -> psycopg.Cursor[Any]:
    """A cursor of psycopg's own on this thread's connection, for statements the ORM is too slow for.

    Django asks a kept connection whether it is alive with a trip to the server, and this with a look
    at its socket: one that the server has left has something to read. Raises django.db.Error where
    there is no way to the database.
    """
    raw = connection.connection
    if raw is not None and not connection.in_atomic_block and _stirs(raw):
        connection.close()
    connection.ensure_connection()
    return psycopg.Cursor(connection.connection)


def ask(text: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
    """The rows of a question that is asked again and again: planned once. Raises django.db.Error."""
    with connection.wrap_database_errors, cursor() as one:
        one.execute(text, values)
        return one.fetchall()


def keep_plans(*, connection: BaseDatabaseWrapper, **_: object) -> None:
    """Receiver: have a new connection plan each prepared statement once.

    By its own choice PostgreSQL plans look-ups of a few addresses anew each time, which costs more than
    the look-up. The ORM's statements are not prepared, so they are planned for their values as ever.
    """
    raw = connection.connection
    if raw is not None:
        with psycopg.Cursor(raw) as cursor:
            cursor.execute("SET plan_cache_mode = force_generic_plan")


def _stirs(raw: "psycopg.Connection[Any]") -> bool:
    if raw.closed:
        return True
    watch = select.poll()
    watch.register(raw.fileno(), select.POLLIN)
    return bool(watch.poll(0))


def parameters() -> dict[str, Any]:
    """How to reach the database the ORM uses, for psycopg itself (an event loop's connections)."""
    given = connections["default"].get_connection_params()
    names = (
        "host", "port", "user", "password", "dbname", "sslmode", "options", "keepalives_idle",
        "keepalives_interval", "keepalives_count", "tcp_user_timeout",
    )  # fmt: skip
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
