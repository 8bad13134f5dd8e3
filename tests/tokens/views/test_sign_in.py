"""Signing in and out, preferences, and what a stranger's browser may do."""

import uuid
from collections.abc import Callable

import pytest
from django.test import Client

from tests.cast import PASSWORD, Cast
from tokens import throttle
from tokens.models import User

SignedIn = Callable[[User], Client]


@pytest.fixture
def browser() -> Client:
    """A browser from an address of its own, so that no test meets another's failed attempts."""
    octets = uuid.uuid4().bytes
    return Client(REMOTE_ADDR=f"10.{octets[0]}.{octets[1]}.{octets[2]}")


def test_a_member_signs_in_and_lands_on_the_dashboard(cast: Cast, browser: Client) -> None:
    form = {"username": "ALICE@shop.example", "password": PASSWORD}
    response = browser.post("/login/", form, follow=True)
    assert response.redirect_chain[-1][0] == f"/a/{cast.account.pk}/"
    assert response.status_code == 200


def test_signing_in_changes_the_session_key(cast: Cast, browser: Client) -> None:
    session = browser.session
    session["planted"] = "by somebody else"
    session.save()
    before = session.session_key
    browser.cookies["sessionid"] = before
    browser.post("/login/", {"username": cast.alice.email, "password": PASSWORD})
    assert browser.session.session_key != before


def test_a_wrong_password_is_refused_without_saying_which_part_was_wrong(
    cast: Cast, browser: Client
) -> None:
    answers = [
        browser.post("/login/", {"username": name, "password": "wrong"}).content.decode()
        for name in (cast.alice.email, "nobody@shop.example")
    ]
    assert all("The e-mail address or the password is wrong." in text for text in answers)


def test_ten_failures_block_the_eleventh_even_with_the_right_password(
    cast: Cast, browser: Client
) -> None:
    name = cast.charlie.email
    for _ in range(throttle.PAIR[0]):
        browser.post("/login/", {"username": name, "password": "wrong"})
    response = browser.post("/login/", {"username": name, "password": PASSWORD})
    assert response.status_code == 200
    assert b"Too many failed attempts" in response.content
    elsewhere = Client(REMOTE_ADDR="10.99.99.99")
    assert elsewhere.post("/login/", {"username": name, "password": PASSWORD}).status_code == 302


def test_sign_in_never_leads_to_another_site(cast: Cast, browser: Client) -> None:
    form = {"username": cast.alice.email, "password": PASSWORD, "next": "https://evil.example/"}
    assert browser.post("/login/", form).headers["Location"] == "/"


def test_sign_out_needs_a_post_and_ends_the_session(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in(cast.alice)
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert client.get(f"/a/{cast.account.pk}/emails/").status_code == 302


def test_pages_send_anonymous_browsers_to_the_sign_in_page(cast: Cast) -> None:
    response = Client().get(f"/a/{cast.account.pk}/emails/")
    assert response.headers["Location"] == f"/login/?next=/a/{cast.account.pk}/emails/"


def test_a_member_of_no_account_is_told_so(db: None, signed_in: SignedIn) -> None:
    response = signed_in(User.objects.create_user("new@shop.example", PASSWORD)).get("/")
    assert response.status_code == 200
    assert b"not a member of any account" in response.content


def test_an_unknown_host_is_refused(db: None) -> None:
    assert Client(headers={"host": "evil.example"}).get("/login/").status_code == 400


@pytest.mark.parametrize("path", ["/login/", "/logout/", "/preferences/", "/language/"])
def test_every_form_needs_its_token(cast: Cast, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice)
    assert client.post(path, {"theme": "dark"}).status_code == 403


def test_theme_and_language_are_kept_and_used(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in(cast.alice)
    page = f"/a/{cast.account.pk}/emails/"
    assert client.post("/preferences/", {"theme": "dark", "next": page}).headers["Location"] == page
    client.post("/preferences/", {"language": "it"})
    cast.alice.refresh_from_db()
    assert (cast.alice.theme, cast.alice.language) == ("dark", "it")
    html = client.get(page, headers={"accept-language": "en"}).content.decode()
    assert '<html lang="it" data-theme="dark">' in html


@pytest.mark.parametrize("form", [{"theme": '"><script>'}, {"language": "xx"}, {"theme": "black"}])
def test_unknown_preferences_change_nothing(
    cast: Cast, signed_in: SignedIn, form: dict[str, str]
) -> None:
    signed_in(cast.alice).post("/preferences/", form)
    cast.alice.refresh_from_db()
    assert (cast.alice.theme, cast.alice.language) == ("", "")


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"]
)
def test_preferences_lead_back_only_to_our_own_pages(
    cast: Cast, signed_in: SignedIn, target: str
) -> None:
    response = signed_in(cast.alice).post("/preferences/", {"theme": "dark", "next": target})
    assert response.headers["Location"] == "/"


def test_the_language_can_be_chosen_before_signing_in(db: None) -> None:
    client = Client()
    client.post("/language/", {"language": "it", "next": "/login/"})
    assert '<html lang="it"' in client.get("/login/").content.decode()


def test_every_page_carries_the_strict_policy(cast: Cast, signed_in: SignedIn) -> None:
    response = signed_in(cast.alice).get(f"/a/{cast.account.pk}/emails/")
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
    assert response.headers["X-Frame-Options"] == "DENY"
    html = response.content.decode()
    assert "style=" not in html and "onclick" not in html and "<style" not in html


def test_pages_that_do_not_exist_say_so(db: None) -> None:
    response = Client().get("/a/1/nothing-here/")
    assert response.status_code == 404
    assert b"This page does not exist" in response.content


def test_a_crash_is_answered_with_a_page_that_needs_nothing(
    cast: Cast, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("transactional.views.email_list.with_changed", broken)
    client = signed_in(cast.alice)
    client.raise_request_exception = False
    response = client.get(f"/a/{cast.account.pk}/emails/")
    assert response.status_code == 500
    text = response.content.decode()
    assert "Something broke on our side" in text and "planted" not in text
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]


def test_a_form_without_its_token_gets_a_page_that_says_what_to_do(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice)
    response = client.post("/preferences/", {"theme": "dark"})
    assert b"This form has expired" in response.content
