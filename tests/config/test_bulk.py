"""Statements below the ORM: what the server is given is what was written."""

import psycopg
import pytest

from config import bulk
from config.database import parameters

pytestmark = pytest.mark.django_db


def test_a_statement_is_numbered_once_and_means_the_same() -> None:
    text = (
        "SELECT %(a)s::int, %(b)s::text, %(a)s::int + 1, 7 %% 4, 'x' LIKE 'x%%', "
        "%(c)s::bigint[], %(none)s::bigint[]"
    )
    values = {"b": "% $1 %(a)s", "a": 5, "c": [1, 2**40], "none": list[int]()}
    told, names = bulk.numbered(text)
    assert names == ("a", "b", "c", "none") and "$4" in told and "$5" not in told
    with psycopg.connect(**parameters()) as connection:
        named = connection.execute(text, values).fetchone()
        cursor = psycopg.RawCursor(connection)
        cursor.execute(told, [values[name] for name in names], prepare=True, binary=True)
        assert cursor.fetchone() == named == (5, "% $1 %(a)s", 6, 3, True, [1, 2**40], [])
