"""The pages of lists and subscription types, and what a contact's page changes about both."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.cast import Cast
from tests.transactional.test_subscriptions import make_type, status
from tokens.models import User
from transactional import contact_lists, contacts
from transactional.models import (
    Contact,
    ContactList,
    Subscription,
    SubscriptionChange,
    SubscriptionType,
)

pytestmark = pytest.mark.django_db
SignedIn = Callable[[User], Client]


@pytest.fixture
def alice(cast: Cast, signed_in: SignedIn) -> Client:
    return signed_in(cast.alice)


@pytest.fixture
def contact(cast: Cast) -> Contact:
    made: Contact = Contact.objects.create(account=cast.account, email="ann@x.example")
    return made


def test_a_static_list(cast: Cast, alice: Client) -> None:
    base = f"/a/{cast.account.pk}/lists/"
    assert "No lists yet" in alice.get(base).content.decode()
    made = alice.post(f"{base}new/", {"name": "Friends", "kind": "static"}, follow=True)
    assert "Friends" in made.content.decode()
    one = ContactList.objects.get()
    put = alice.post(
        f"{base}{one.pk}/members/", {"add": "a@x.example, b@x.example\nnobody"}, follow=True
    ).content.decode()
    assert "2 people were put on the list." in put and "left out: nobody" in put
    alice.post(f"{base}{one.pk}/members/", {"remove": "a@x.example"})
    assert "1 person" in alice.get(f"{base}{one.pk}/").content.decode()
    again = alice.post(f"{base}new/", {"name": "Friends", "kind": "static"})
    assert again.status_code == 422 and "of this name already" in again.content.decode()
    alice.post(f"{base}{one.pk}/edit/", {"name": "Dear friends"})
    assert ContactList.objects.get().name == "Dear friends"
    assert "stays a contact" in alice.get(f"{base}{one.pk}/delete/").content.decode()
    alice.post(f"{base}{one.pk}/delete/")
    assert not ContactList.objects.exists() and Contact.objects.count() == 2


def test_a_filter(cast: Cast, alice: Client) -> None:
    contacts.upsert_many([(cast.account.pk, "a@x.example", {"city": "Rome"})])
    base = f"/a/{cast.account.pk}/lists/"
    asked: dict[str, Any] = {"name": "Romans", "kind": "filter", "match": "all"}
    none = alice.post(f"{base}new/", asked)
    assert none.status_code == 422 and "at least one condition" in none.content.decode()
    asked |= {"property-0": "city", "operator-0": "is", "value-0": ""}
    lacking = alice.post(f"{base}new/", asked)
    assert "lacks its value" in lacking.content.decode() and "Romans" in lacking.content.decode()
    more = alice.post(f"{base}new/", {**asked, "more": "1"})
    assert more.status_code == 200 and "property-2" in more.content.decode()
    page = alice.post(f"{base}new/", {**asked, "value-0": "rome"}, follow=True).content.decode()
    assert "1 person" in page and "a@x.example" in page
    one = ContactList.objects.get()
    alice.post(
        f"{base}{one.pk}/edit/",
        {"name": "Romans", "match": "any", "property-0": "email", "operator-0": "known"},
    )
    one.refresh_from_db()
    assert one.conditions["rules"][0]["property"] == "email"
    refused = alice.post(f"{base}{one.pk}/members/", {"add": "b@x.example"}, follow=True)
    assert "This list is a filter" in refused.content.decode()


def test_types(cast: Cast, alice: Client) -> None:
    base = f"/a/{cast.account.pk}/subscription-types/"
    assert "Marketing information" in alice.get(base).content.decode()
    alice.post(f"{base}new/", {"name": "Offers", "name_it": "Offerte", "is_active": "on"})
    one = SubscriptionType.objects.of(cast.account).get(name="Offers")
    assert (one.name_it, one.is_active) == ("Offerte", True)
    again = alice.post(f"{base}new/", {"name": "Offers"})
    assert again.status_code == 422 and "of this name already" in again.content.decode()
    alice.post(f"{base}{one.pk}/", {"name": "Offers"})
    one.refresh_from_db()
    assert not one.is_active
    default = SubscriptionType.objects.default(cast.account)
    off = alice.post(f"{base}{default.pk}/", {"name": "Marketing information"})
    assert off.status_code == 422 and "always offered" in off.content.decode()


def test_a_contacts_subscriptions_and_lists(cast: Cast, alice: Client, contact: Contact) -> None:
    offers = make_type(cast.account)
    base = f"/a/{cast.account.pk}/contacts/{contact.pk}/"
    asked = {"type": offers.pk, "status": "subscribed"}
    told = alice.post(f"{base}subscription/", asked, follow=True).content.decode()
    assert "Say on which legal basis" in told and not Subscription.objects.exists()
    asked |= {"legal_basis": "PERFORMANCE_OF_CONTRACT", "explanation": "Signed on Monday"}
    page = alice.post(f"{base}subscription/", asked, follow=True).content.decode()
    assert "Signed on Monday" in page and "Performance of a contract" in page
    assert status(cast.account, offers, contact.email) == "subscribed"
    change = SubscriptionChange.objects.get()
    assert (change.source, change.by) == ("member", cast.alice.email)
    friends = contact_lists.create(cast.account.pk, name="Friends", by="a")
    alice.post(f"{base}lists/", {"list": friends.pk, "act": "add"})
    assert contact_lists.count(cast.account.pk, friends) == 1
    assert "Friends" in alice.get(base).content.decode()
    alice.post(f"{base}lists/", {"list": friends.pk, "act": "remove"})
    assert contact_lists.count(cast.account.pk, friends) == 0


def test_nonsense_changes_nothing(cast: Cast, alice: Client, contact: Contact) -> None:
    theirs = make_type(cast.other_account)
    offers = make_type(cast.account)
    foreign = contact_lists.create(cast.other_account.pk, name="X", by="c")
    base = f"/a/{cast.account.pk}/contacts/{contact.pk}/"
    for path, data in (
        ("subscription/", {"type": theirs.pk, "status": "unsubscribed"}),
        ("subscription/", {"type": "x", "status": "unsubscribed"}),
        ("subscription/", {"type": offers.pk, "status": "maybe"}),
        ("subscription/", {"type": offers.pk, "status": "subscribed", "legal_basis": "X"}),
        ("opt-in/", {"type": theirs.pk}),
        ("lists/", {"list": foreign.pk, "act": "add"}),
        ("lists/", {"list": "9" * 30}),
    ):
        assert alice.post(base + path, data).status_code == 404, (path, data)
    assert not SubscriptionChange.objects.exists()


def test_roles_and_strangers(cast: Cast, signed_in: SignedIn, contact: Contact) -> None:
    bob, charlie = signed_in(cast.bob), signed_in(cast.charlie)
    one = contact_lists.create(cast.account.pk, name="Friends", by="a")
    type_ = make_type(cast.account)
    here, there = f"/a/{cast.account.pk}/", f"/a/{cast.other_account.pk}/"
    reading = ("lists/", f"lists/{one.pk}/", "subscription-types/")
    writing = (
        "lists/new/", f"lists/{one.pk}/edit/", f"lists/{one.pk}/members/",
        f"lists/{one.pk}/delete/", "subscription-types/new/", f"subscription-types/{type_.pk}/",
        f"contacts/{contact.pk}/subscription/", f"contacts/{contact.pk}/lists/",
        f"contacts/{contact.pk}/opt-in/",
    )  # fmt: skip
    for path in reading:
        assert bob.get(here + path).status_code == 200
        assert charlie.get(here + path).status_code == 404
    for path in writing:
        assert bob.post(here + path).status_code == 403, path
        assert charlie.post(here + path).status_code == 404, path
        if "new" not in path:
            assert charlie.post(there + path, {"name": "Mine"}).status_code == 404, path
    assert charlie.get(f"{there}lists/{one.pk}/").status_code == 404
    assert ContactList.objects.get().name == "Friends"
