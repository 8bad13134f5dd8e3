"""The command palette's search: what is found, bounded, and only in one's own account."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from domains.models import Domain
from tests.cast import Cast, make_email
from tests.transactional.mail import delivered_mail
from tokens.models import User
from transactional import contact_changes
from transactional.models import Email

SignedIn = Callable[[User], Client]
OPTIONS = {"HX-Request": "true"}


def found(cast: Cast, client: Client, query: str) -> str:
    url = f"/a/{cast.account.pk}/jump/?q={quote(query)}"
    return client.get(url, headers=OPTIONS).content.decode()


def test_each_kind_is_found(cast: Cast, signed_in: SignedIn) -> None:
    client, account = signed_in(cast.alice), cast.account.pk
    email = make_email(cast.account, name="Order receipt")
    mail = delivered_mail(cast.account, "reader@far.example")
    contact, _ = contact_changes.create(account, "reader@far.example", {}, by="alice")
    domain = Domain.objects.of(cast.account).get()
    assert f"/a/{account}/emails/{email.pk}/" in found(cast, client, "RECEIPT")
    assert f"/a/{account}/emails/{email.pk}/" in found(cast, client, str(email.pk))
    assert f"/a/{account}/messages/{mail.message_id}/" in found(cast, client, str(mail.message_id))
    own = f"<{mail.message_id.hex}@shop.example>"
    assert f"/a/{account}/messages/{mail.message_id}/" in found(cast, client, own)
    assert f"/a/{account}/messages/{mail.message_id}/" in found(cast, client, str(mail.pk))
    people = found(cast, client, "Reader@")
    assert f"/a/{account}/contacts/{contact.pk}/" in people
    assert f"/a/{account}/messages/?address=reader%40far.example" in people
    assert f"/a/{account}/domains/{domain.pk}/" in found(cast, client, "shop.ex")
    assert f"/a/{account}/settings/" in found(cast, client, "settings")


def test_pages_are_those_of_the_role(cast: Cast, signed_in: SignedIn) -> None:
    seen = found(cast, signed_in(cast.bob), "")
    assert "/messages/" in seen
    assert "/settings/" not in seen and "/emails/new/" not in seen


def test_nothing_of_another_account(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.other_account, name="Secret plans")
    mail = delivered_mail(cast.other_account, "hidden@far.example")
    client = signed_in(cast.alice)
    for query in ("Secret", str(email.pk), str(mail.message_id), "hidden", "stranger.example"):
        text = found(cast, client, query)
        assert f"/a/{cast.other_account.pk}/" not in text and "role=" not in text.replace(
            'role="option"', ""
        )
        assert str(mail.message_id) not in text and "Secret" not in text
    assert client.get(f"/a/{cast.other_account.pk}/jump/?q=x").status_code == 404


@pytest.mark.parametrize(
    "query",
    ["%", "_", "\\", "'; --", "\x00", "a" * 5000, "<script>", "9" * 40, "１２", "é" * 300, "-"],
)
def test_odd_input_is_only_text(cast: Cast, signed_in: SignedIn, query: str) -> None:
    make_email(cast.account, name="Plain", subject="Words")
    url = f"/a/{cast.account.pk}/jump/"
    answer = signed_in(cast.alice).get(url, {"q": query})
    assert answer.status_code == 200
    assert b"<script>alert" not in answer.content
    assert b">Plain<" not in answer.content


def test_queries_and_answers_are_bounded(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in(cast.alice)
    for number in range(12):
        make_email(cast.account, name=f"anna {number}")
        delivered_mail(cast.account, f"anna{number:02}@far.example")
        contact_changes.create(cast.account.pk, f"anna{number:02}@far.example", {}, by="a")
    with CaptureQueriesContext(connection) as captured:
        text = found(cast, client, "anna")
    assert text.count('role="option"') == 15
    assert len(captured) <= 12
    assert Email.objects.of(cast.account).count() == 12


def test_it_works_as_a_page_without_scripts(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account, name="Order receipt")
    page = signed_in(cast.bob).get(f"/a/{cast.account.pk}/jump/?q=order").content.decode()
    assert f'href="/a/{cast.account.pk}/emails/{email.pk}/"' in page and "<form" in page
