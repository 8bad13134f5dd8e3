"""A person's data as a file, and their erasure after the address was typed; nobody else's."""

from collections.abc import Callable

import orjson
import pytest
from django.test import Client

from tests.cast import Cast
from tests.transactional.test_contact_changes import make_contact
from tests.transactional.views.test_messages import make_message
from tokens.models import User
from transactional.models import Contact, Recipient

SignedIn = Callable[[User], Client]


def test_the_file_is_json(cast: Cast, signed_in: SignedIn) -> None:
    contact = make_contact(cast, firstname="Ann")
    make_message(cast.account, contact.email)
    answer = signed_in(cast.alice).get(f"/a/{cast.account.pk}/contacts/{contact.pk}/data/")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Cache-Control"] == "no-store"
    told = orjson.loads(b"".join(answer.streaming_content))  # type: ignore[attr-defined]
    assert told["contact"]["email"] == contact.email and len(told["messages"]) == 1


@pytest.mark.parametrize("typed", ["", "ben@reader.example", "ann@reader.exampl"])
def test_nobody_is_erased_by_a_slip(cast: Cast, signed_in: SignedIn, typed: str) -> None:
    contact = make_contact(cast)
    client, path = signed_in(cast.alice), f"/a/{cast.account.pk}/contacts/{contact.pk}/erase/"
    assert client.get(path).status_code == 200
    answer = client.post(path, {"typed": typed})
    assert answer.status_code == 200 and b'class="error"' in answer.content
    assert Contact.objects.of(cast.account).exists()


def test_a_person_is_erased(
    cast: Cast, signed_in: SignedIn, caplog: pytest.LogCaptureFixture
) -> None:
    contact = make_contact(cast)
    client, path = signed_in(cast.alice), f"/a/{cast.account.pk}/contacts/{contact.pk}/erase/"
    make_message(cast.account, contact.email, status="queued")
    waits = client.post(path, {"typed": contact.email})
    assert waits.status_code == 200 and b"still under way" in waits.content
    assert Contact.objects.of(cast.account).exists()
    Recipient.objects.of(cast.account).update(status="delivered")
    answer = client.post(path, {"typed": " Ann@Reader.example "}, follow=True)
    assert answer.redirect_chain == [(f"/a/{cast.account.pk}/contacts/", 302)]
    assert not Contact.objects.of(cast.account).exists()
    assert "ann@" not in caplog.text.lower()
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["data/", "erase/"])
def test_a_stranger_and_a_viewer_may_not(cast: Cast, signed_in: SignedIn, path: str) -> None:
    contact = make_contact(cast)
    form = {"typed": contact.email}
    for account_id in (cast.account.pk, cast.other_account.pk):
        url = f"/a/{account_id}/contacts/{contact.pk}/{path}"
        assert signed_in(cast.charlie).get(url).status_code == 404
        assert signed_in(cast.charlie).post(url, form).status_code in (404, 405)
    url = f"/a/{cast.account.pk}/contacts/{contact.pk}/{path}"
    assert signed_in(cast.bob).get(url).status_code == 403
    assert signed_in(cast.bob).post(url, form).status_code in (403, 405)
    assert Client().get(url).status_code == 302
    assert Contact.objects.of(cast.account).exists()
