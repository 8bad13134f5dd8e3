"""A database that does not wait for its disk is told of."""

import pytest
from django.core import checks
from django.db import connection

from config import durability

pytestmark = pytest.mark.django_db


def told() -> set[str]:
    found = checks.run_checks(tags=[checks.Tags.database], databases=["default"])
    return {one.msg.split("'s ")[1].split(" is")[0] for one in found if one.id == "config.W001"}


def test_what_is_off_is_told_at_each_start() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = on")
        before = told()
        assert "synchronous_commit" not in before
        cursor.execute("SET LOCAL synchronous_commit = off")
        assert told() == before | {"synchronous_commit"}
        assert set(durability.off()) == told()


def test_nothing_is_asked_of_a_database_that_is_not_checked() -> None:
    assert durability.check(databases=None) == []
