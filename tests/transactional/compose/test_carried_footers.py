"""Company and address that brand kits kept, carried into the accounts they belong to."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

import transactional.migrations
from tokens.models import Account
from transactional.compose import brand
from transactional.compose.document.look import footer_html
from transactional.models import BrandKit

[NAME] = [
    found.stem
    for found in Path(transactional.migrations.__path__[0]).glob("*_carry_footers_to_accounts.py")
]
STEP: Any = import_module(f"transactional.migrations.{NAME}")


def carry() -> None:
    """Run the step on rows as the tables had them then."""
    state = MigrationLoader(connection).project_state(("transactional", NAME))
    STEP.carry(state.apps, None)


@pytest.fixture
def kits(db: None) -> dict[str, Account]:
    """An account for each case, with what its kit said before the columns went."""
    cases = {
        "plain": ("Tea & Co", "Via Roma 1\n42121 Reggio"),
        "own": ("Tea & Co", "Via Roma 1\n42121 Reggio"),
        "same": ("same", ""),
    }
    made = {}
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for column in ("company", "address"):
            cursor.execute(
                f"ALTER TABLE transactional_brandkit ADD {column} text NOT NULL DEFAULT ''"
            )
        for name, values in cases.items():
            made[name] = Account.objects.create(name=name)
            BrandKit.objects.create(account=made[name], updated_by="alice")
            cursor.execute(
                "UPDATE transactional_brandkit SET company = %s, address = %s WHERE account_id = %s",
                [*values, made[name].pk],
            )
    own = made["own"]
    own.company_name, own.street, own.city = "Own S.r.l.", "Via Po 2", "Torino"
    own.save()
    return made


def test_only_what_is_empty_is_filled(kits: dict[str, Account]) -> None:
    for _ in range(2):  # again changes nothing
        carry()
        for account in kits.values():
            account.refresh_from_db()
        plain, own, same = kits.values()
        assert (plain.company_name, plain.street, plain.postcode, plain.city) == (
            "Tea & Co", "Via Roma 1", "42121", "Reggio",
        )  # fmt: skip
        assert brand.footer(plain) == footer_html("Tea & Co", "Via Roma 1\n42121 Reggio")
        assert (own.company, own.postal_address) == ("Own S.r.l.", "Via Po 2, Torino")
        former = BrandKit.objects.get(account=own).former
        assert former == [footer_html("Tea & Co", "Via Roma 1\n42121 Reggio")]
        assert (same.company_name, same.postal_address) == ("", "")


@pytest.mark.parametrize(
    "typed",
    [
        "Via Roma 1\n42121 Reggio", "Via Roma 1\n42121 Reggio\nRE\nItalia",
        "Haus 3\nUnter den Linden 1\nD-10115 Berlin\nDeutschland", "Dam 1\n1012 AB Amsterdam",
        "1 High Street\nLondon\nSW1A 1AA", "100 Main Street\nSpringfield, IL 62701", "Via Roma 1",
        "a\nb\nc\nd\ne",
    ],
)  # fmt: skip
def test_an_address_keeps_its_words_in_their_order(typed: str) -> None:
    found = Account(name="Shop", **STEP.parts_of(typed))
    shown = " ".join(found.address_lines).replace(",", "").split()
    assert shown == typed.replace(",", "").split()
    assert bool(found.postal_address) == ("\n" in typed)


@pytest.mark.parametrize("typed", ["Via Roma 1, 42121 Reggio, Italia", "1 High Street, London, UK"])
def test_a_single_line_is_read_too(typed: str) -> None:
    assert Account(name="Shop", **STEP.parts_of(typed)).postal_address == typed


@pytest.mark.parametrize("typed", ["", " \n ", ",", ", ,"])
def test_no_address_is_none(typed: str) -> None:
    assert STEP.parts_of(typed) == {}


def test_the_footer_that_drafts_got_is_known_again() -> None:
    for company, address in (("Tea & Co", "Via <Roma> 1\n {{ x }}\n42121"), ("", ""), ("A", "")):
        assert STEP.footer_of(company, address) == footer_html(company, address)
