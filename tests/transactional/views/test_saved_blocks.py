"""Saved blocks as the editor and their page see them."""

from collections.abc import Callable

from django.test import Client
from django.urls import reverse

from tests.cast import Cast, make_user
from tests.transactional.compose.test_saved import kept, section, text
from tests.transactional.views.test_emails import XSS
from tokens.models import Role, User
from transactional.models import SavedBlock

SignedIn = Callable[[User], Client]


def test_the_editor_keeps_and_gets_copies(cast: Cast, signed_in: SignedIn) -> None:
    client, path = (
        signed_in(cast.alice),
        reverse("saved_blocks_json", args=[cast.account.pk]),
    )
    body = {"name": XSS, "section": section(text()), "whole": True}
    answer = client.post(path, body, content_type="application/json")
    assert answer.status_code == 201
    (listed,) = client.get(path).json()["blocks"]
    assert (listed["name"], listed["whole"]) == (XSS, True)
    assert listed["section"]["blocks"][0][0]["props"]["html"] == "<p>Hi</p>"
    again = client.post(path, body, content_type="application/json")
    assert again.status_code == 409 and "is taken" in again.json()["errors"][0]["message"]
    for bad in (
        b"",
        b"[]",
        b'{"name": 5}',
        b"\xff",
        b'{"name": "x"}',
        b'{"name":"x","section":[]}',
    ):
        assert client.post(path, bad, content_type="application/json").status_code == 422
    page = client.get(reverse("saved_blocks", args=[cast.account.pk])).content.decode()
    assert "<script>alert" not in page and "<img src=x" not in page


def test_they_are_renamed_and_deleted(cast: Cast, signed_in: SignedIn) -> None:
    one, two = kept(cast), kept(cast, "Other")
    client = signed_in(cast.alice)
    path = reverse("saved_block", args=[cast.account.pk, one.pk])
    assert "is taken" in client.post(path, {"name": "Other"}, follow=True).content.decode()
    assert b"Renamed." in client.post(path, {"name": "Hello"}, follow=True).content
    client.post(path, {"delete": "1"})
    assert list(SavedBlock.objects.all()) == [two]


def test_strangers_viewers_and_marketers(cast: Cast, signed_in: SignedIn) -> None:
    html = section({"id": "b", "type": "html", "props": {"code": "<b>x</b>"}})
    one = kept(cast, section=html, may_html=True)
    marketer = signed_in(make_user("dora@shop.example", cast.account, Role.MARKETER))
    path = reverse("saved_blocks_json", args=[cast.account.pk])
    assert marketer.get(path).json() == {"blocks": []}
    charlie, bob = signed_in(cast.charlie), signed_in(cast.bob)
    change = reverse("saved_block", args=[cast.account.pk, one.pk])
    stolen = reverse("saved_block", args=[cast.other_account.pk, one.pk])
    assert charlie.get(path).status_code == charlie.post(change).status_code == 404
    assert charlie.post(stolen, {"delete": "1"}).status_code == 404
    assert charlie.get(reverse("saved_blocks", args=[cast.account.pk])).status_code == 404
    assert bob.get(path).status_code == bob.post(change, {"delete": "1"}).status_code == 403
    assert b"Delete" not in bob.get(reverse("saved_blocks", args=[cast.account.pk])).content
    assert SavedBlock.objects.count() == 1
