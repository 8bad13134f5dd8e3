"""Contacts are merged, never doubled, and consent is withdrawn once."""

import threading
from typing import Any

import pytest
from django.db import connection, connections

from tests.cast import Cast, make_account
from transactional import contacts
from transactional.models import Contact
from transactional.models.contact import LISTED

pytestmark = pytest.mark.django_db


def properties(account_id: int, email: str) -> dict[str, Any]:
    found: dict[str, Any] = Contact.objects.of(account_id).get(email=email).properties
    return found


def test_contacts_are_made_and_merged_in_one_statement(
    cast: Cast, django_assert_num_queries: Any
) -> None:
    one, two = cast.account.pk, cast.other_account.pk
    rows = [
        (one, "ann@a.example", {"firstname": "Ann", "city": "Rome"}),
        (two, "ann@a.example", {"firstname": "Anna"}),
        (one, "ben@a.example", {}),
        (one, "Ann@A.example", {"city": "Oslo"}),
    ]
    assert contacts.upsert_many(rows) == 3
    assert properties(one, "ann@a.example") == {"firstname": "Ann", "city": "Oslo"}
    assert properties(two, "ann@a.example") == {"firstname": "Anna"}
    assert properties(one, "ben@a.example") == {}
    contacts.upsert_many([(one, "ann@a.example", {"lang": "it"})])
    assert properties(one, "ann@a.example") == {
        "firstname": "Ann", "city": "Oslo", "lang": "it",
    }  # fmt: skip


def test_a_contact_that_says_it_already_is_not_written_again(cast: Cast) -> None:
    row = (cast.account.pk, "ann@a.example", {"firstname": "Ann"})
    assert contacts.upsert_many([row]) == 1
    before = Contact.objects.of(cast.account).get().updated_at
    assert contacts.upsert_many([row, (cast.account.pk, "ann@a.example", {})]) == 0
    assert Contact.objects.of(cast.account).get().updated_at == before
    assert contacts.upsert_many([]) == 0


def test_awkward_properties_are_kept(cast: Cast) -> None:
    given = {"a": "x\x00y", "b": '"\\u0000 {"', "c\x00": "è 💌", "d": "\\\\u0000", "'": "%s"}
    contacts.upsert_many([(cast.account.pk, "ann@a.example", given)])
    assert properties(cast.account.pk, "ann@a.example") == {
        "a": "xy", "b": '"\\u0000 {"', "c": "è 💌", "d": "\\\\u0000", "'": "%s",
    }  # fmt: skip


def test_facts(cast: Cast) -> None:
    account = cast.account.pk
    contacts.upsert_many([(account, "ann@a.example", {"firstname": "Ann"})])
    contacts.quarantine(account, "Ben@a.example")
    found = contacts.facts(
        [(account, "ann@a.example"), (account, "ben@a.example"), (account, "no@a.example"),
         (cast.other_account.pk, "ann@a.example")]
    )  # fmt: skip
    assert set(found) == {(account, "ann@a.example"), (account, "ben@a.example")}
    ann, ben = found[account, "ann@a.example"], found[account, "ben@a.example"]
    assert dict(ann.properties) == {"firstname": "Ann"}
    assert (ann.unsubscribed, ann.quarantined, ann.opt_in) == (False, False, "none")
    assert (ben.unsubscribed, ben.quarantined) == (False, True)
    assert contacts.facts([]) == {}


def test_quarantine_is_idempotent(cast: Cast) -> None:
    assert contacts.quarantine(cast.account.pk, "ann@a.example") is True
    assert contacts.quarantine(cast.account.pk, "ann@a.example") is False


@pytest.mark.django_db(transaction=True)
def test_parallel_batches_in_opposite_order_make_each_contact_once() -> None:
    account = make_account("Busy", domain="busy.example", address="127.0.0.20").pk
    addresses = [f"r{number}@a.example" for number in range(60)]
    barrier = threading.Barrier(4)
    failed: list[BaseException] = []

    def write(order: list[str], name: str) -> None:
        try:
            barrier.wait()
            for _ in range(5):
                contacts.upsert_many([(account, one, {name: "1"}) for one in order])
        except Exception as err:  # noqa: BLE001 — told by the main thread
            failed.append(err)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=write, args=(addresses[:: (1 if n % 2 else -1)], f"p{n}"))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    rows = Contact.objects.of(account)
    assert rows.count() == 60
    assert all(set(row.properties) == {"p0", "p1", "p2", "p3"} for row in rows)
    assert connection.in_atomic_block is False


@pytest.mark.parametrize("told", ["never looked at", "found empty"])
def test_an_address_is_looked_up_by_itself_before_the_table_is_known(told: str, cast: Cast) -> None:
    """Every index of a table without rows seems as good as another, and plans are kept."""

    def plan(statement: str, values: tuple[Any, ...]) -> str:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
            cursor.execute(f"EXPLAIN {statement}", values)
            return "\n".join(line for (line,) in cursor.fetchall())

    if told == "found empty":
        Contact.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE transactional_contact")
    account = cast.account.pk
    assert "one_contact_per_address" in plan(contacts.FACTS, ([account], ["ann@a.example"]))
    upsert = plan(contacts.UPSERT, ([account], ["ann@a.example"], ["{}"]))
    assert "one_contact_per_address" in upsert and "contact_newest" not in upsert
    rows = Contact.objects.of(account).filter(LISTED).order_by("-pk")[:50]
    assert "Index Scan using contact_newest" in plan(*rows.query.sql_with_params())
