"""The page API keys & SMTP tokens: secrets once, roles, strangers."""

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from config.errors import PostinoError
from tests.cast import Cast, make_user
from tokens import auth, credentials
from tokens.models import Account, ApiKey, Role, SmtpCredential, User
from transactional.models import Campaign

SignedIn = Callable[[User], Client]


def url(account: Account, rest: str = "") -> str:
    return f"/a/{account.pk}/keys/{rest}"


def shown(page: str, name: str) -> str:
    found = re.search(rf'id="made-{name}">([^<]+)<', page)
    assert found, page
    return found[1]


@pytest.fixture
def token(account: Account) -> SmtpCredential:
    row, _ = credentials.create_smtp(
        account, campaign_name="Receipts", create_contact=False, by="alice"
    )
    Campaign.objects.open_for(row)
    return row


@pytest.fixture
def key(account: Account) -> ApiKey:
    scopes = ["transactional-email"]
    return credentials.create_api_key(account, name="Web shop", scopes=scopes, by="alice")[0]


def test_an_api_key_is_shown_once(cast: Cast, signed_in: SignedIn) -> None:
    browser = signed_in(cast.alice)
    form = {"name": "Web shop", "scopes": ["transactional-email"], "expires": ""}
    response = browser.post(url(cast.account, "api/new/"), form)
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    secret = shown(response.content.decode(), "secret")
    assert auth.authenticate_api_key(secret).account_id == cast.account.pk
    again = browser.get(url(cast.account)).content.decode()
    row = ApiKey.objects.get()
    assert row.prefix in again and "Web shop" in again
    assert secret not in again and secret[-20:] not in again
    assert all(secret not in str(one.get_decoded()) for one in Session.objects.all())


def test_an_smtp_token_opens_its_campaign_and_signs_in(cast: Cast, signed_in: SignedIn) -> None:
    form = {"smtp-campaign_name": "Receipts <b>", "smtp-create_contact": "on"}
    response = signed_in(cast.alice).post(url(cast.account, "smtp/new/"), form)
    page = response.content.decode()
    principal = auth.authenticate_smtp(shown(page, "user"), shown(page, "secret"))
    row = SmtpCredential.objects.get(pk=principal.credential_id)
    assert row.create_contact and row.expires_at is None
    assert row.created_by == cast.alice.email
    assert row.campaign.name == "Receipts <b>"
    assert f"--auth-user {row.username}" in page and "--from hello@shop.example" in page
    assert "Receipts <b>" not in page and "Receipts &lt;b&gt;" in page


def test_a_reset_shows_a_new_password_and_the_old_one_is_refused(
    cast: Cast, signed_in: SignedIn
) -> None:
    row, old = credentials.create_smtp(
        cast.account, campaign_name="Receipts", create_contact=False, by="alice"
    )
    browser = signed_in(cast.alice)
    address = url(cast.account, f"smtp/{row.pk}/reset/")
    assert "Reset the password?" in browser.get(address).content.decode()
    assert auth.authenticate_smtp(row.username, old), "asking has changed nothing"
    page = browser.post(address).content.decode()
    assert shown(page, "user") == row.username
    assert auth.authenticate_smtp(row.username, shown(page, "secret"))
    with pytest.raises(PostinoError):
        auth.authenticate_smtp(row.username, old)


@pytest.mark.parametrize("kind", ["api", "smtp"])
def test_deleting_asks_first_and_leaves_the_row(
    cast: Cast, signed_in: SignedIn, key: ApiKey, token: SmtpCredential, kind: str
) -> None:
    row = key if kind == "api" else token
    browser = signed_in(cast.alice)
    address = url(cast.account, f"{kind}/{row.pk}/delete/")
    assert browser.get(address).status_code == 200
    row.refresh_from_db()
    assert row.deleted_at is None
    assert browser.post(address, follow=True).status_code == 200
    row.refresh_from_db()
    assert row.deleted_at is not None
    assert Campaign.objects.of(cast.account).filter(name="Receipts").exists()
    assert browser.post(address).status_code == 404


def test_a_viewer_sees_the_lists_and_changes_nothing(
    cast: Cast, signed_in: SignedIn, key: ApiKey, token: SmtpCredential
) -> None:
    browser = signed_in(cast.bob)
    page = browser.get(url(cast.account)).content.decode()
    assert "Web shop" in page and token.username in page
    assert "New API key" not in page and "/delete/" not in page
    assert browser.post(url(cast.account, "api/new/"), {"name": "x"}).status_code == 403
    assert browser.post(url(cast.account, f"smtp/{token.pk}/reset/")).status_code == 403
    assert browser.post(url(cast.account, f"api/{key.pk}/delete/")).status_code == 403
    assert ApiKey.objects.get().deleted_at is None


def test_a_developer_may_and_a_marketer_may_not(cast: Cast, signed_in: SignedIn) -> None:
    form = {"smtp-campaign_name": "x"}
    for role, status in ((Role.DEVELOPER, 201), (Role.MARKETER, 403)):
        person = make_user(f"{role}@shop.example", cast.account, role)
        response = signed_in(person).post(url(cast.account, "smtp/new/"), form)
        assert response.status_code == status


def test_a_stranger_gets_404(
    cast: Cast, signed_in: SignedIn, key: ApiKey, token: SmtpCredential
) -> None:
    browser = signed_in(cast.charlie)
    actions = (f"api/{key.pk}/delete/", f"smtp/{token.pk}/delete/", f"smtp/{token.pk}/reset/")
    for account in (cast.account, cast.other_account):
        for action in actions:
            assert browser.get(url(account, action)).status_code == 404
            assert browser.post(url(account, action)).status_code == 404
    assert browser.get(url(cast.account)).status_code == 404
    assert "Web shop" not in browser.get(url(cast.other_account)).content.decode()
    assert not ApiKey.objects.exclude(deleted_at=None).exists()


def test_nobody_gets_in_without_signing_in(cast: Cast) -> None:
    response = Client().get(url(cast.account))
    assert response.status_code == 302 and response.headers["Location"].startswith("/login/")


@pytest.mark.parametrize(
    "form",
    [
        {"name": "", "scopes": ["transactional-email"]},
        {"name": "x" * 201, "scopes": ["transactional-email"]},
        {"name": "a\x00b", "scopes": ["transactional-email"]},
        {"name": "a\x1b[31mb", "scopes": ["transactional-email"]},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["admin"]},
        {"name": "x", "scopes": ["transactional-email"], "expires": "yesterday"},
        {"name": "x", "scopes": ["transactional-email"], "expires": "0001-01-01"},
        {"name": "x", "scopes": ["transactional-email"], "expires": "9999-12-31T25:00"},
    ],
)
def test_bad_forms_are_told_and_make_nothing(
    cast: Cast, signed_in: SignedIn, form: dict[str, object]
) -> None:
    response = signed_in(cast.alice).post(url(cast.account, "api/new/"), form)
    assert response.status_code == 422
    assert "made-secret" not in response.content.decode()
    assert not ApiKey.objects.exists()


def test_an_expiry_is_the_end_of_its_day(cast: Cast, signed_in: SignedIn) -> None:
    day = date.today() + timedelta(days=2)
    form = {"name": "x", "scopes": ["marketing-email"], "expires": day.isoformat()}
    assert signed_in(cast.alice).post(url(cast.account, "api/new/"), form).status_code == 201
    expires = ApiKey.objects.get().expires_at
    assert expires is not None and expires.date() == day and expires.hour == 23


def test_extra_fields_change_nothing(cast: Cast, signed_in: SignedIn) -> None:
    form = {
        "name": "x",
        "scopes": ["marketing-email"],
        "account_id": cast.other_account.pk,
        "created_by": "somebody",
        "secret_hash": "x",
    }
    signed_in(cast.alice).post(url(cast.account, "api/new/"), form)
    row = ApiKey.objects.get()
    assert (row.account_id, row.created_by) == (cast.account.pk, cast.alice.email)


def test_numbers_out_of_range_are_404(cast: Cast, signed_in: SignedIn) -> None:
    browser = signed_in(cast.alice)
    assert browser.get(url(cast.account, f"api/{10**30}/delete/")).status_code == 404


def test_long_lists_come_in_pages(
    account: Account, alice: User, signed_in: Callable[[User], Client]
) -> None:
    SmtpCredential.objects.bulk_create(
        SmtpCredential(
            account=account,
            username=f"user{n}@{account.pk}.smtp",
            secret_hash=b"x",
            campaign_name=f"Campaign {n}.",
            created_by="a",
        )
        for n in range(51)
    )
    client = signed_in(alice)
    first = client.get(f"/a/{account.pk}/keys/")
    assert "Campaign 50." in first.content.decode()
    assert "Campaign 0." not in first.content.decode()
    cursor = first.context["older_tokens"]
    second = client.get(f"/a/{account.pk}/keys/?tokens_before={cursor}").content.decode()
    assert "Campaign 0." in second
    assert "Campaign 50." not in second
    assert client.get(f"/a/{account.pk}/keys/?tokens_before=x%00").status_code == 200
