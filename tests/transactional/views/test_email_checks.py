"""The Checks tab and the API of the same checks."""

from collections.abc import Callable
from typing import Any

from django.test import Client
from django.urls import reverse

from tests.cast import Cast, make_email
from tests.transactional.compose.document.test_checks import draft, one
from tests.transactional.views.test_emails import XSS
from tokens import credentials
from tokens.models import Account, User
from transactional.models import DismissedProblem, Email

SignedIn = Callable[[User], Client]
HTTP = one("button", label="Go", url="http://shop.example/")


def page(client: Client, email: Email, name: str = "email_checks", **form: str) -> Any:
    path = reverse(name, args=[email.account_id, email.pk])
    return client.post(path, form, follow=True) if form else client.get(path)


def test_each_problem_leads_to_its_block(cast: Cast, signed_in: SignedIn) -> None:
    email = draft(cast, HTTP, one("button", label="Go", url="") | {"id": "y"})
    text = page(signed_in(cast.alice), email).content.decode()
    assert "It cannot be published yet." in text and "Blocks publishing" in text
    assert f"/emails/{email.pk}/compose/?code=LINK_HTTP&amp;block=x" in text
    bob = page(signed_in(cast.bob), email).content.decode()
    assert "A link leads nowhere" in bob and "Let pass" not in bob
    html = make_email(cast.account, html=f"<p>{XSS}</p>")
    text = page(signed_in(cast.alice), html).content.decode()
    assert f"/emails/{html.pk}/edit/" in text and "<script>alert" not in text


def test_a_warning_is_let_pass_and_shown_again(cast: Cast, signed_in: SignedIn) -> None:
    email, client = draft(cast, HTTP), signed_in(cast.alice)
    form = {"code": "LINK_HTTP", "block": "x"}
    assert (
        "Write why it may pass" in page(client, email, "email_check_pass", **form).content.decode()
    )
    text = page(client, email, "email_check_pass", why=XSS, **form).content.decode()
    assert "Everything that can be checked here is in order." in text
    assert "alice@shop.example" in text and "<script>alert" not in text
    row = DismissedProblem.objects.of(cast.account).get()
    again = page(client, email, "email_check_pass", withdraw=str(row.pk)).content.decode()
    assert "It is shown again." in again and "not encrypted" in again
    for odd in ("x", "9" * 30, str(row.pk)):
        assert (
            "shown already"
            in page(client, email, "email_check_pass", withdraw=odd).content.decode()
        )
    path = reverse("email_check_pass", args=[cast.account.pk, email.pk])
    as_json = {"headers": {"Accept": "application/json"}}
    assert client.post(path, {**form, "why": ""}, **as_json).status_code == 422
    assert client.post(path, {**form, "why": "Old"}, **as_json).status_code == 200


def test_strangers_and_viewers(cast: Cast, signed_in: SignedIn) -> None:
    email = draft(cast, HTTP)
    charlie = signed_in(cast.charlie)
    for name in ("email_checks", "email_check_pass"):
        for account in (cast.account, cast.other_account):
            path = reverse(name, args=[account.pk, email.pk])
            assert charlie.get(path).status_code in (404, 405)
            assert charlie.post(path, {"code": "LINK_HTTP"}).status_code in (404, 405)
    path = reverse("email_check_pass", args=[cast.account.pk, email.pk])
    assert signed_in(cast.bob).post(path, {"code": "LINK_HTTP"}).status_code == 403
    assert not DismissedProblem.objects.exists()


def _api(account: Account, email: Email | str, scope: str = "transactional-email") -> Any:
    _row, key = credentials.create_api_key(account, name="CI", scopes=[scope], by="alice")
    number = email if isinstance(email, str) else email.pk
    headers = {"Authorization": f"Bearer {key}"}
    return Client().get(f"/api/v1/emails/{number}/checks", headers=headers)


def test_the_api_tells_the_same(cast: Cast, signed_in: SignedIn) -> None:
    email = draft(cast, HTTP, one("button", label="Go", url="") | {"id": "y"})
    answer = _api(cast.account, email)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["emailId"], body["revision"], body["publishable"]) == (str(email.pk), 1, False)
    told = [
        (one["level"], one["code"], one["blockId"], one["dismissed"]) for one in body["results"]
    ]
    assert told == [
        ("BLOCKS_PUBLISHING", "LINK_EMPTY", "y", None), ("WARNING", "LINK_HTTP", "x", None),
    ]  # fmt: skip
    form = {"code": "LINK_HTTP", "block": "x", "why": "Old server"}
    page(signed_in(cast.alice), email, "email_check_pass", **form)
    last = _api(cast.account, email).json()["results"][-1]
    assert last["dismissed"]["by"] == "alice@shop.example"
    assert last["dismissed"]["reason"] == "Old server"


def test_the_api_knows_whose_email_it_is(cast: Cast) -> None:
    email = draft(cast)
    assert _api(cast.other_account, email).status_code == 404
    assert _api(cast.account, "x").status_code == _api(cast.account, "9" * 30).status_code == 404
    assert _api(cast.account, email, "domains").status_code == 403
    assert Client().get(f"/api/v1/emails/{email.pk}/checks").status_code == 401
