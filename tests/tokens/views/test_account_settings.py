"""The account's settings: who may change them, what is refused, what they change elsewhere."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from tests.cast import Cast, make_email, make_user
from tokens import audit
from tokens.models import Account, Role, User

SignedIn = Callable[[User], Client]
GOOD = {
    "name": "Shop", "company_name": "Shop S.r.l.", "street": "Via Roma 1", "street_2": "",
    "postcode": "42121", "city": "Reggio nell’Emilia", "region": "RE", "country": "Italia",
    "language": "it", "time_zone": "Asia/Tokyo", "hard_bounce_scope": "all",
    "complaint_scope": "marketing", "filter_machines": "True",
}  # fmt: skip


def page(cast: Cast) -> str:
    return f"/a/{cast.account.pk}/settings/"


def test_an_owner_saves_the_company(cast: Cast, signed_in: SignedIn) -> None:
    answer = signed_in(cast.alice).post(page(cast), GOOD, follow=True)
    assert "Saved." in answer.content.decode()
    account = Account.objects.get(pk=cast.account.pk)
    assert account.company == "Shop S.r.l."
    assert account.postal_address == "Via Roma 1, 42121 Reggio nell’Emilia, RE, Italia"
    assert (account.language, account.time_zone) == ("it", "Asia/Tokyo")
    [entry] = audit.page(account, audit.Filters())
    assert (entry.what, entry.by) == ("settings.changed", cast.alice.email)
    assert "street" in entry.data["changed"] and "Via Roma" not in str(entry.data)


def test_an_owner_chooses_whether_machines_count(cast: Cast, signed_in: SignedIn) -> None:
    assert Account.objects.get(pk=cast.account.pk).filter_machines
    client = signed_in(cast.alice)
    client.post(page(cast), GOOD | {"filter_machines": "False"})
    assert not Account.objects.get(pk=cast.account.pk).filter_machines
    shown = client.get(page(cast)).content.decode()
    chosen = [tag for tag in re.findall(r"<input[^>]+>", shown) if "filter_machines" in tag]
    assert ["checked" in tag for tag in chosen] == [False, True]
    client.post(page(cast), GOOD)
    assert Account.objects.get(pk=cast.account.pk).filter_machines
    entries = audit.page(cast.account, audit.Filters())
    assert ["filter_machines" in entry.data["changed"] for entry in entries] == [True, True]


def test_half_an_address_is_none() -> None:
    assert Account(name="Shop", street="Via Roma 1").postal_address == ""
    assert Account(name="Shop").company == "Shop"


def test_nobody_but_an_owner_changes_them(cast: Cast, signed_in: SignedIn) -> None:
    developer = make_user("dev@shop.example", cast.account, Role.DEVELOPER)
    for user, status in ((cast.bob, 403), (developer, 403), (cast.charlie, 404)):
        client = signed_in(user)
        assert client.get(page(cast)).status_code == status
        assert client.post(page(cast), GOOD).status_code == status
    assert Account.objects.get(pk=cast.account.pk).company_name == ""
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.alice)
    assert strict.post(page(cast), GOOD).status_code == 403


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 201),
        ("street", "Via\r\nBcc: x@evil.example"),
        ("city", "a\x00b"),
        ("company_name", "a\u2028b"),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../../etc/passwd"),
        ("language", "tlh"),
        ("complaint_scope", "nobody"),
        ("filter_machines", "perhaps"),
        ("filter_machines", ""),
    ],
)
def test_what_is_refused_changes_nothing(
    cast: Cast, signed_in: SignedIn, field: str, value: str
) -> None:
    answer = signed_in(cast.alice).post(page(cast), {**GOOD, field: value})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "Via Roma 1" in text or field == "street"
    account = Account.objects.get(pk=cast.account.pk)
    assert (account.company_name, account.time_zone) == ("", "UTC")


def test_more_than_the_form_names_is_ignored(cast: Cast, signed_in: SignedIn) -> None:
    Account.objects.filter(pk=cast.account.pk).update(transactional_enabled=False)
    signed_in(cast.alice).post(page(cast), {**GOOD, "transactional_enabled": "on", "id": "1"})
    assert not Account.objects.get(pk=cast.account.pk).transactional_enabled


def test_pages_show_times_in_the_accounts_zone(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account)
    client = signed_in(cast.bob)
    url = f"/a/{cast.account.pk}/emails/"
    before = client.get(url).content.decode()
    Account.objects.filter(pk=cast.account.pk).update(time_zone="Asia/Tokyo")
    after = client.get(url).content.decode()
    assert email.name in after
    assert "+00:00" in before and "+09:00" in after
    Account.objects.filter(pk=cast.account.pk).update(time_zone="Not/AZone")
    assert "+00:00" in client.get(url).content.decode()
