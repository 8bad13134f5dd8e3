"""The pages of single From addresses: who may, the link's page, and bad input."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.cast import Cast
from tests.transactional.submission.test_senders import OUTSIDE, SEEN, ask, later, link_in_the_mail
from tokens.models import User
from transactional.models import Message, SenderAddress, SenderState
from transactional.submission import senders

SignedIn = Callable[[User], Client]


def url(cast: Cast, rest: str = "", account: int = 0) -> str:
    return f"/a/{account or cast.account.pk}/domains/senders/{rest}"


def test_an_address_is_added_from_the_page(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in(cast.alice)
    assert "shop.example" in client.get(url(cast, "new/")).content.decode()
    data = {"address": OUTSIDE, "sends_as": SEEN}
    page = client.post(url(cast, "new/"), data, follow=True).content.decode()
    assert "A link is on its way to anna@gmail.com." in page and "Waits for the click" in page
    row = SenderAddress.objects.of(cast.account).get()
    assert row.asked_by == cast.alice.email
    page = client.post(url(cast, f"{row.pk}/resend/"), follow=True).content.decode()
    assert "wait two minutes" in page
    later()
    page = client.post(url(cast, f"{row.pk}/resend/"), follow=True).content.decode()
    assert "the old one has ended" in page and Message.objects.count() == 2
    page = client.post(url(cast, f"{row.pk}/remove/"), follow=True).content.decode()
    assert "was removed" in page and not SenderAddress.objects.exists()


@pytest.mark.parametrize(
    ("address", "sends_as", "word"),
    [
        ("<script>", SEEN, "not one email address"),
        ("a@shop.example", SEEN, "This domain is connected"),
        (OUTSIDE, "a@b.test", "not on one of your verified domains"),
        ("", "", "required"),
    ],
)
def test_what_is_wrong_is_said(
    cast: Cast, signed_in: SignedIn, address: str, sends_as: str, word: str
) -> None:
    data = {"address": address, "sends_as": sends_as}
    page = signed_in(cast.alice).post(url(cast, "new/"), data).content.decode()
    assert word in page and "<script>" not in page.replace("<script ", "")
    assert not SenderAddress.objects.exists()


def test_viewers_look_and_strangers_find_nothing(cast: Cast, signed_in: SignedIn) -> None:
    row = ask(cast.account)
    for path in ("new/", f"{row.pk}/resend/", f"{row.pk}/remove/"):
        assert signed_in(cast.bob).post(url(cast, path)).status_code == 403
        assert signed_in(cast.charlie).post(url(cast, path)).status_code == 404
    own = cast.other_account.pk
    for path in (f"{row.pk}/resend/", f"{row.pk}/remove/"):
        assert signed_in(cast.charlie).post(url(cast, path, own)).status_code == 404
    page = signed_in(cast.bob).get(f"/a/{cast.account.pk}/domains/").content.decode()
    assert OUTSIDE in page and "Mail again" not in page


def test_a_look_at_the_link_never_confirms(cast: Cast) -> None:
    row = ask(cast.account)
    link = f"/confirm/{link_in_the_mail()}/"
    client = Client()
    for method in (client.get, client.head):
        assert method(link).status_code == 200
    row.refresh_from_db()
    assert row.state == SenderState.PENDING
    asked = client.get(link)
    assert "Is this address yours?" in asked.content.decode()
    assert asked["X-Robots-Tag"] == "noindex" and "no-store" in asked["Cache-Control"]
    assert Client(enforce_csrf_checks=True).post(link).status_code == 403
    assert "The address is confirmed" in client.post(link).content.decode()
    row.refresh_from_db()
    assert row.state == SenderState.CONFIRMED
    assert Client().get("/confirm/nonsense/").status_code == 404


def test_an_ended_link_says_so(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(senders, "LASTS", -senders.LASTS)
    ask(cast.account)
    page = Client().post(f"/confirm/{link_in_the_mail()}/")
    assert page.status_code == 410 and "This link has ended" in page.content.decode()
    assert SenderAddress.objects.get().state == SenderState.PENDING
