"""The operator's pages: everything is there, no secret is, and the switch works."""

from collections.abc import Callable

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

import config.urls  # noqa: F401 — which loads the pages of the admin
from tests.cast import Cast
from tokens import credentials
from tokens.models import Account, ApiKey, AuditEntry, Membership, SmtpCredential, User

SignedIn = Callable[[User], Client]
MODELS = (Account, User, Membership, ApiKey, AuditEntry, SmtpCredential)


@pytest.fixture
def operator(db: None, signed_in: SignedIn) -> Client:
    return signed_in(User.objects.create_superuser("ops@example.com", "a password of theirs"))


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_its_list(cast: Cast, operator: Client, model: type) -> None:
    assert model in admin.site._registry
    url = reverse(f"admin:tokens_{model.__name__.lower()}_changelist")
    assert operator.get(url, {"q": "shop"}).status_code == 200


def test_an_owner_of_an_account_is_no_operator(cast: Cast, signed_in: SignedIn) -> None:
    assert signed_in(cast.alice).get("/admin/tokens/account/").status_code == 302


def test_the_switch_is_turned_for_chosen_accounts(cast: Cast, operator: Client) -> None:
    for action, on in (("disable_transactional", False), ("enable_transactional", True)):
        form = {"action": action, "_selected_action": [cast.account.pk]}
        operator.post("/admin/tokens/account/", form)
        cast.account.refresh_from_db()
        assert cast.account.transactional_enabled is on


def test_credentials_are_read_and_ended_but_never_shown_or_made(
    cast: Cast, operator: Client
) -> None:
    row, key = credentials.create_api_key(
        cast.account, name="shop", scopes=["transactional-email"], by="alice"
    )
    page = operator.get(f"/admin/tokens/apikey/{row.pk}/change/")
    assert page.status_code == 200
    text = page.content.decode()
    assert row.prefix in text
    assert key not in text and bytes(row.secret_hash).hex() not in text
    assert "secret_hash" not in text
    assert operator.get("/admin/tokens/apikey/add/").status_code == 403
    form = {"action": "end", "_selected_action": [row.pk]}
    operator.post("/admin/tokens/apikey/", form)
    row.refresh_from_db()
    assert row.deleted_at is not None


def test_a_person_is_added_with_an_address(operator: Client) -> None:
    form = {
        "email": "new@example.com",
        "password1": "long enough pass",
        "password2": "long enough pass",
    }
    response = operator.post("/admin/tokens/user/add/", form)
    assert response.status_code == 302, response.content
    assert User.objects.get(email="new@example.com").check_password("long enough pass")
