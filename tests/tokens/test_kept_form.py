"""A session that ended while a form was filled in: nothing is lost, nothing is done unasked."""

import html
import re
from typing import Any

import pytest
from django.test import Client

from tests.cast import PASSWORD, Cast, make_user
from tests.transactional.broadcast.sends import csv_file, from_csv
from tokens import kept_form
from transactional.models import BroadcastRow, Contact

pytestmark = pytest.mark.django_db
FIELD = re.compile(r'name="([^"]+)"(?: value="([^"]*)"| hidden>\n([^<]*)<)')


def fields(text: str) -> dict[str, str]:
    """What the page would send again."""
    form = text[text.index("<form") : text.index("</form>")]
    return {
        name: html.unescape(short or long)
        for name, short, long in FIELD.findall(form)
        if name != "csrfmiddlewaretoken"
    }


def sign_in(client: Client, email: str, then: str) -> Any:
    data = {"username": email, "password": PASSWORD, "next": then}
    return client.post("/login/", data, follow=True)


def test_a_wizards_step_is_offered_again(cast: Cast) -> None:
    send = from_csv(cast, csv_file(2))
    path = f"/a/{cast.account.pk}/sends/{send.pk}/"
    typed = {
        "step": "columns", "column-0": "@", "column-1": "custom.order_id",
        "column-2": 'contact.nick"<name>', "note": "x\n" * 300,
    }  # fmt: skip
    client = Client()
    away = client.post(path, typed)
    assert away.status_code == 302 and away["Location"].startswith("/login/")
    page = sign_in(client, cast.alice.email, path).content.decode()
    assert "Nothing was lost" in page and "<name>" not in page
    assert fields(page) == typed
    # Looking does nothing, and is offered once
    assert BroadcastRow.objects.filter(broadcast=send).count() == 2
    assert "Nothing was lost" not in client.get(path).content.decode()
    again = client.post(path, {**fields(page), "column-2": ""}, follow=True)
    assert "Look at the numbers" in again.content.decode()


def test_a_file_is_asked_for_again(cast: Cast) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    path = f"/a/{cast.account.pk}/contacts/import/"
    client = Client()
    client.post(path, {"file": SimpleUploadedFile("p.csv", b"email\na@x.example")})
    page = sign_in(client, cast.alice.email, path).content.decode()
    assert "The file has to be chosen again." in page
    assert not Contact.objects.exists()


def test_it_is_shown_to_nobody_else_and_not_for_ever(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/a/{cast.account.pk}/contacts/new/"
    client = Client()
    client.post(path, {"email": "secret@x.example"})
    # At another address it is forgotten
    other = sign_in(client, cast.alice.email, f"/a/{cast.account.pk}/contacts/")
    assert "secret@x.example" not in other.content.decode()
    assert "secret@x.example" not in client.get(path).content.decode()
    late = Client()
    late.post(path, {"email": "secret@x.example"})
    monkeypatch.setattr(kept_form, "LIFETIME", 0.0)
    page = sign_in(late, cast.alice.email, path).content.decode()
    assert "secret@x.example" not in page
    stranger = make_user("dora@x.example")
    outside = Client()
    outside.post(path, {"email": "secret@x.example"})
    assert sign_in(outside, stranger.email, path).status_code in (200, 404)
    assert not Contact.objects.exists()


def test_what_is_too_large_is_not_kept(cast: Cast) -> None:
    path = f"/a/{cast.account.pk}/contacts/new/"
    client = Client()
    client.post(path, {"email": "x" * (kept_form.CHARACTERS_MAX + 1)})
    page = sign_in(client, cast.alice.email, path)
    assert page.status_code == 200 and "Nothing was lost" not in page.content.decode()
    checked = Client(enforce_csrf_checks=True)
    assert checked.post(path, {"email": "x"}).status_code == 403
    assert kept_form.KEY not in checked.session
