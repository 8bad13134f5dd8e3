"""The Preview tab: every guise, every source of data, nobody else's."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.cast import Cast, make_email
from tests.transactional.views.test_email_compose import block_email
from tests.transactional.views.test_emails import XSS
from tokens.auth import Principal
from tokens.models import User
from transactional.compose import samples
from transactional.models import Contact, Email, SampleSet, Source
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, TemplateSubmission

SignedIn = Callable[[User], Client]


def page(client: Client, email: Email, name: str = "email_preview", **asked: str) -> Any:
    return client.get(reverse(name, args=[email.account_id, email.pk]), asked)


@pytest.mark.parametrize("as_html", [True, False])
def test_every_guise_of_both_kinds_of_email(cast: Cast, signed_in: SignedIn, as_html: bool) -> None:
    sample = {"contact": {"firstname": "Anna"}, "custom": {"order_id": "A-1"}}
    email = make_email(cast.account, sample=sample) if as_html else block_email(cast)
    client = signed_in(cast.bob)
    for shape in ("desktop", "phone", "dark", "images-off", "text", "all", "nonsense"):
        answer = page(client, email, **{"as": shape})
        assert answer.status_code == 200 and not answer.context["problem"]
    assert answer.context["shape"] == "desktop"
    dark = page(client, email, "email_preview_html", guise="dark")
    assert b"color-scheme:dark" in dark.content and b"prefers-color-scheme" not in dark.content
    off = page(client, email, "email_preview_html", images="off")
    assert "img-src 'none'" in off.headers["Content-Security-Policy"]
    assert "sandbox" in off.headers["Content-Security-Policy"]


def test_filled_with_a_set_a_contact_and_a_past_message(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account, sample={"custom": {"order_id": "S-0"}})
    row = samples.create(email, name="Two", data={"custom": {"order_id": "T-2"}}, by="alice")
    known = {"firstname": "Zoe"}
    Contact.objects.create(account=cast.account, email="zoe@cliente.example", properties=known)
    who = Principal(cast.account.pk, "user", cast.alice.pk, cast.alice.email)
    asked = TemplateSubmission(
        principal=who, source=Source.APP, email_id=email.pk, to="zoe@cliente.example",
        custom={"order_id": "M-3"},
    )  # fmt: skip
    (sent,) = accept_many([asked])
    assert isinstance(sent, Accepted)
    client = signed_in(cast.alice)
    for how, subject, name in (
        ({}, "Order S-0", ""),
        ({"data": f"set-{row.pk}"}, "Order T-2", ""),
        ({"data": "contact-zoe@cliente.example"}, "Order S-0", "Zoe"),
        ({"person": "ZOE@cliente.example"}, "Order S-0", "Zoe"),
        ({"person": str(sent.message_id)}, "Order M-3", "Zoe"),
        ({"data": f"message-{sent.message_id}"}, "Order M-3", "Zoe"),
    ):
        answer = page(client, email, **how)
        assert answer.context["rendered"].subject == subject, how
        assert name in page(client, email, "email_preview_html", **how).content.decode()
    assert [one.id for one in answer.context["recent"]] == [sent.message_id]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"person": XSS}, "There is no contact"),
        ({"person": "0190a0a0-0000-7000-8000-000000000000"}, "no such message"),
        ({"data": "message-x"}, ""),
        ({"data": "set-99999999999999999999"}, ""),
        ({"data": "set-1"}, ""),
        ({"data": "contact-%00"}, "There is no contact"),
    ],
)
def test_data_that_is_not_there(
    cast: Cast, signed_in: SignedIn, asked: dict[str, str], words: str
) -> None:
    email = make_email(cast.account, sample={"custom": {"order_id": "S"}})
    answer = page(signed_in(cast.alice), email, **asked)
    text = answer.content.decode()
    assert answer.status_code == 200 and words in text and "<script>alert" not in text
    frame = page(signed_in(cast.alice), email, "email_preview_html", **asked)
    assert (frame.content == b"") == bool(words)


def test_a_set_is_made_changed_and_deleted(cast: Cast, signed_in: SignedIn) -> None:
    email, client = block_email(cast), signed_in(cast.alice)
    create = reverse("sample_create", args=[cast.account.pk, email.pk])
    made = client.post(create, {"name": "20 items", "start": "many"})
    row = SampleSet.objects.of(cast.account).get()
    path = reverse("sample_set", args=[cast.account.pk, email.pk, row.pk])
    assert made.headers["Location"] == path and len(row.data["custom"]["items"]) == 20
    fields = {name: value for name, _label, value in client.get(path).context["fields"]}
    fields["f:/custom/items/0/name"] = XSS
    saved = client.post(path, {"name": "Many", **fields})
    assert saved.headers["Location"].endswith(f"?data=set-{row.pk}")
    row.refresh_from_db()
    assert (row.name, row.data["custom"]["items"][0]["name"]) == ("Many", XSS)
    shown = client.get(saved.headers["Location"]).content.decode()
    assert "<script>alert" not in shown
    for bad in ("{", "[]", '{"custom": 1}', "x" * 200_001, '{"a": "\\u0000"}'):
        refused = client.post(path, {"name": "Many", "json": bad})
        assert refused.status_code == 422 and b"Not saved." in refused.content
    client.post(path, {"name": "Many", "json": '{"custom": {"order_id": 1}}'})
    row.refresh_from_db()
    assert row.data == {"custom": {"order_id": 1}}
    assert client.post(create, {"name": "Many"}, follow=True).content.count(b"is taken") == 1
    client.post(path, {"delete": "1"})
    assert not SampleSet.objects.exists()


def test_strangers_and_viewers(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account)
    row = samples.create(email, name="One", data={}, by="alice")
    charlie, bob = signed_in(cast.charlie), signed_in(cast.bob)
    for name, args in (
        ("email_preview", []), ("email_preview_html", []), ("sample_create", []),
        ("sample_set", [row.pk]),
    ):  # fmt: skip
        for account in (cast.account, cast.other_account):
            path = reverse(name, args=[account.pk, email.pk, *args])
            assert charlie.get(path).status_code in (404, 405)
            assert charlie.post(path, {"name": "x"}).status_code in (404, 405)
    for name, args in (("sample_create", []), ("sample_set", [row.pk])):
        path = reverse(name, args=[cast.account.pk, email.pk, *args])
        assert bob.post(path, {"name": "x"}).status_code == 403
    mine = make_email(cast.other_account)
    borrowed = page(charlie, mine, data=f"set-{row.pk}")
    assert borrowed.context["filling"].key == "sample"
