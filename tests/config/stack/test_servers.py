"""The servers the tests themselves stand on."""

import os

import psycopg
import pytest
import redis
from django.db import connection


def test_the_environment_names_a_postgres_that_answers() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as session:
        row = session.execute("SELECT current_setting('listen_addresses'), upper('è')").fetchone()
    assert row == ("", "È")


def test_the_environment_names_a_broker_that_answers() -> None:
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    assert client.ping()
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


@pytest.mark.django_db
def test_django_talks_to_that_postgres() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint > 0")
        assert cursor.fetchone() == (True,)
