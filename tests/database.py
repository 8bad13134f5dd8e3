"""The only place where a test lets the database fail in the middle of a transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def breaking(where: str) -> Iterator[None]:
    """Meanwhile a statement like "INSERT ON table" or "UPDATE OF column ON table" loses the database."""
    with connection.cursor() as cursor:
        cursor.execute(f"""
            CREATE FUNCTION breaks() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'away' USING ERRCODE = '57P01'; END $$;
            CREATE TRIGGER breaks BEFORE {where} FOR EACH ROW EXECUTE FUNCTION breaks()
        """)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION breaks CASCADE")
