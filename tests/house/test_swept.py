"""Between tests that commit, the tables are emptied as Django's own way would."""

import psycopg
import pytest
from django.contrib.auth.models import Permission
from django.db import OperationalError, connection
from django.test import TransactionTestCase

from config.ids import uuid7
from tests import swept
from tests.cast import Cast
from tokens.models import Account, User
from transactional.models import Body, partitions

pytestmark = pytest.mark.django_db(transaction=True)


class Case(TransactionTestCase):
    """A test that has ended."""


@pytest.fixture(autouse=True)
def left_to_django(monkeypatch: pytest.MonkeyPatch) -> list[TransactionTestCase]:
    """Those that were emptied in its own way."""
    found: list[TransactionTestCase] = []
    flush = swept._flush

    def counted(case: TransactionTestCase) -> None:
        found.append(case)
        flush(case)

    monkeypatch.setattr(swept, "_flush", counted)
    return found


def full() -> set[str]:
    """Every table that has a row, whose ever it is, but for what is the same after each test."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = current_schema()::regnamespace"
        )
        names = {name for (name,) in cursor.fetchall()} - swept.SAME - {"django_migrations"}
        asked = " UNION ALL ".join(
            f"SELECT '{n}' WHERE EXISTS (SELECT FROM \"{n}\")" for n in names
        )
        cursor.execute(asked)
        return {name for (name,) in cursor.fetchall()}


def test_no_row_is_left_and_permissions_stay(
    cast: Cast, left_to_django: list[TransactionTestCase]
) -> None:
    may = dict(Permission.objects.values_list("codename", "pk"))
    cast.alice.user_permissions.add(*may.values())
    Body.objects.create(id=uuid7(), raw=b"x")
    assert {"tokens_account", "tokens_user_user_permissions"} < full()
    swept.sweep(Case())
    assert full() == set()
    assert left_to_django == []
    assert may and dict(Permission.objects.values_list("codename", "pk")) == may


def test_much_is_left_to_a_truncation(
    cast: Cast,
    left_to_django: list[TransactionTestCase],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(swept, "LARGE", 0)
    swept.sweep(Case())
    assert len(left_to_django) == 1 and full() == set()


def test_a_partition_that_was_dropped_is_there_again() -> None:
    before = partitions.listing()
    partitions.detach(before[-1])
    partitions.drop_detached()
    assert len(partitions.listing()) == len(before) - 1
    swept.sweep(Case())
    assert partitions.listing() == before


def test_it_waits_for_who_has_yet_to_commit() -> None:
    connection.ensure_connection()
    facts = connection.get_connection_params()
    with psycopg.connect(
        host=facts["host"], port=facts["port"], dbname=facts["dbname"], user=facts["user"],
        password=facts["password"],
    ) as other:  # fmt: skip
        User.objects.create_user("late@shop.example", "x")
        other.execute("INSERT INTO django_session VALUES ('late', '', now())")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
        with pytest.raises(OperationalError):
            swept.sweep(Case())
        assert Account.objects.count() == 0 and User.objects.count() == 1
    assert "django_session" in full()
    swept.sweep(Case())
    assert full() == set()
