"""Connections to the database: a server whose machine has vanished is given up, not waited for."""

import os
import socket

import psycopg
import pytest
from django.db import ProgrammingError, connection, connections, transaction

from config import database
from config.database import parameters

pytestmark = pytest.mark.django_db
WANTED = {"keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "4"}


def _asked(raw: psycopg.Connection[object]) -> dict[str, str]:
    return {**raw.info.get_parameters()}


@pytest.mark.django_db(transaction=True)
def test_before_a_piece_of_work_a_connection_is_looked_at_without_a_trip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask_the_server() -> bool:
        raise AssertionError

    monkeypatch.setattr(connections["default"], "is_usable", ask_the_server)
    connection.ensure_connection()
    (first,) = database.ask("SELECT pg_backend_pid()")
    database.refresh()
    with connection.cursor() as cursor:  # as the ORM's
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone() == first
    with psycopg.connect(**parameters(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", first)
    database.refresh()
    assert connection.connection is None
    assert database.ask("SELECT pg_backend_pid()") != [first]


def test_what_the_database_does_not_take_is_djangos_error() -> None:
    with pytest.raises(ProgrammingError), transaction.atomic():
        database.ask("SELECT nothing")


def test_every_connection_asks_whether_its_server_is_there() -> None:
    connection.ensure_connection()
    assert connection.connection is not None
    with psycopg.connect(**parameters()) as own:
        for raw in (connection.connection, own):
            told = _asked(raw)
            assert {name: told[name] for name in WANTED} == WANTED
            assert told["tcp_user_timeout"] == "30000"
            with socket.socket(fileno=os.dup(raw.fileno())) as link:
                if link.family in (socket.AF_INET, socket.AF_INET6):
                    assert link.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                    assert link.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
                    assert link.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
