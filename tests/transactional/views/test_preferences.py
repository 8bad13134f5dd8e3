"""The preference page: reached by a signed link alone, changed by a POST alone."""

from typing import Any

import pytest
from django.test import Client

from tests.cast import Cast
from tests.transactional.mail import delivered_mail
from tests.transactional.test_subscriptions import make_type, say, status
from transactional import signing, subscriptions
from transactional.models import Contact, Event, Subscribed, SubscriptionChange, SubscriptionType

pytestmark = pytest.mark.django_db
ANN = "ann@reader.example"


@pytest.fixture
def reader() -> Client:
    """Somebody at their provider, with no cookie of ours; a check of CSRF would refuse them."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def contact(cast: Cast) -> Contact:
    made: Contact = Contact.objects.create(account=cast.account, email=ANN)
    return made


def link(contact: Contact, rest: str = "") -> str:
    return f"/u/p/{signing.preferences_token(contact.pk)}{rest}"


def test_it_shows_every_type_and_changes_nothing_by_itself(
    cast: Cast, reader: Client, contact: Contact
) -> None:
    offers = make_type(cast.account, name_it="Offerte", description="Once a week")
    make_type(cast.account, "Old", is_active=False)
    page = reader.get(link(contact))
    text = page.content.decode()
    assert page.status_code == 200 and not page.cookies
    assert page["Referrer-Policy"] == "no-referrer" and "no-store" in page["Cache-Control"]
    assert "Offers" in text and "Once a week" in text and ANN in text and "Old" not in text
    assert reader.head(link(contact)).status_code == 200
    assert "Offerte" in reader.get(link(contact) + "?lang=it").content.decode()
    assert "Scegli che cosa" in reader.get(link(contact) + "?lang=it").content.decode()
    assert status(cast.account, offers) == "unspecified"
    assert not SubscriptionChange.objects.exists()


def test_ticks_are_kept_type_by_type(cast: Cast, reader: Client, contact: Contact) -> None:
    offers, news = make_type(cast.account), make_type(cast.account, "News")
    Contact.objects.update(quarantined_at="2026-01-01T00:00Z")
    page = reader.post(link(contact), {"type": [str(news.pk)]}).content.decode()
    assert "Saved." in page
    assert (status(cast.account, offers), status(cast.account, news)) == (
        "unsubscribed",
        "subscribed",
    )
    reader.post(link(contact), {"type": [str(news.pk)], "leave": "all"})
    assert status(cast.account, news) == "unsubscribed"
    contact.refresh_from_db()
    assert contact.unsubscribed_at is not None
    assert contact.quarantined_at is not None  # not theirs to change
    reader.post(link(contact), {"type": [str(offers.pk), "999999", "x"]})
    assert status(cast.account, offers) == "subscribed"
    assert status(cast.account, news) == "unsubscribed"
    reader.post(link(contact), {})  # no tick at all
    contact.refresh_from_db()
    assert contact.unsubscribed_at is not None


def test_one_type_or_all_is_left_after_a_press(
    cast: Cast, reader: Client, contact: Contact
) -> None:
    offers, news = make_type(cast.account), make_type(cast.account, "News")
    assert "Stop “Offers”" in reader.get(link(contact, f"/{offers.pk}")).content.decode()
    assert status(cast.account, offers) == "unspecified"
    for _ in range(2):
        assert reader.post(link(contact, f"/{offers.pk}")).status_code == 200
    assert status(cast.account, offers) == "unsubscribed"
    assert status(cast.account, news) == "unspecified"
    assert reader.post(link(contact, "/all")).status_code == 200
    assert status(cast.account, news) == "unsubscribed"
    assert SubscriptionChange.objects.count() == 2


def test_a_link_that_is_not_exactly_ours_is_404(
    cast: Cast, reader: Client, contact: Contact
) -> None:
    theirs = SubscriptionType.objects.default(cast.other_account)
    good = signing.preferences_token(contact.pk)
    flipped = good[:5] + ("A" if good[5] != "A" else "B") + good[6:]
    opt_in = signing.opt_in_token(contact.pk)
    for path in (
        f"/u/p/{flipped}", f"/u/p/{good}=", f"/u/p/{opt_in}", "/u/p/x", "/u/x/preferences",
        f"/u/{good}/preferences", f"/u/p/{signing.preferences_token(contact.pk + 1)}",
        link(contact, f"/{theirs.pk}"), link(contact, "/everything"), link(contact, "/0"),
    ):  # fmt: skip
        for method in (reader.get, reader.post):
            assert method(path).status_code == 404, path
    assert not SubscriptionChange.objects.exists()


def test_from_a_mail_it_is_an_event_of_that_mail(cast: Cast, reader: Client) -> None:
    offers = make_type(cast.account)
    one = delivered_mail(cast.account, ANN)
    page = f"/u/{signing.unsubscribe_token(one.pk)}/preferences"
    assert "Offers" in reader.get(page, HTTP_HOST="t1.shop.example").content.decode()
    default = SubscriptionType.objects.default(cast.account)
    reader.post(page, {"type": [str(default.pk)]}, HTTP_HOST="t1.shop.example")
    event = Event.objects.get(type="unsubscribed")
    assert event.data == {"source": "preferences", "subscriptions": [offers.pk]}
    reader.post(page, {"type": [str(default.pk), str(offers.pk)]})
    assert Event.objects.filter(type="unsubscribed").count() == 1
    assert status(cast.account, offers) == "subscribed"


@pytest.mark.parametrize("what", ["", "/all"])
def test_what_people_wrote_is_escaped(
    cast: Cast, reader: Client, contact: Contact, what: str
) -> None:
    cast.account.name = "<script>alert(1)</script>"
    cast.account.save()
    make_type(cast.account, "<img src=x onerror=alert(1)>", description="<b>x")
    Contact.objects.update(email='"<script>alert(1)</script>"@x.example')
    text = reader.get(link(contact, what)).content.decode()
    assert "<script>alert" not in text and "<img" not in text and "<b>x" not in text


def test_the_one_click_page_leads_to_the_preferences(cast: Cast, reader: Client) -> None:
    one = delivered_mail(cast.account, ANN)
    page = f"/u/{signing.unsubscribe_token(one.pk)}"
    assert f"{page}/preferences" in reader.get(page).content.decode()


def test_one_click_leaves_the_type_of_its_mail_and_no_other(
    cast: Cast, reader: Client, monkeypatch: Any
) -> None:
    offers = make_type(cast.account)
    one = delivered_mail(cast.account, ANN)
    mail = subscriptions.through(one.pk)
    assert mail is not None and mail.type is None
    typed = subscriptions.Through(
        mail.account_id, mail.address, mail.message_id, mail.campaign_id, offers
    )
    monkeypatch.setattr(subscriptions, "through", lambda _pk: typed)
    page = f"/u/{signing.unsubscribe_token(one.pk)}"
    assert "Stop “Offers”" in reader.get(page).content.decode()
    for _ in range(2):
        answer = reader.post(
            page,
            "List-Unsubscribe=One-Click",
            content_type="application/x-www-form-urlencoded",
            HTTP_ORIGIN="https://mail.provider.example",
        )
        assert answer.status_code == 200
    assert status(cast.account, offers) == "unsubscribed"
    assert Contact.objects.get().unsubscribed_at is None
    assert say(cast.account, offers, Subscribed.SUBSCRIBED)
    assert SubscriptionChange.objects.count() == 2
