"""The pages of contacts: found, escaped, changed by those who may, and nobody else's."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.cast import Cast, make_user
from tests.transactional.test_contact_changes import make_contact
from tests.transactional.views.test_messages import XSS, make_message
from tokens.models import Role, User
from transactional.models import Contact, ContactChange

SignedIn = Callable[[User], Client]


def listed(client: Client, cast: Cast, query: str = "") -> list[str]:
    answer = client.get(f"/a/{cast.account.pk}/contacts/{query}")
    assert answer.status_code == 200
    return [one["contact"].email for one in answer.context["rows"]]


def test_pages_do_not_overlap(
    cast: Cast, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transactional.views.contacts.PAGE", 2)
    for number in range(5):
        make_contact(cast, f"r{number}@reader.example")
    client, query, seen = signed_in(cast.bob), "", []
    for number in range(3):
        seen += listed(client, cast, query)
        query = client.get(f"/a/{cast.account.pk}/contacts/{query}").context["older"]
        make_contact(cast, f"new{number}@reader.example")
    assert seen == [f"r{number}@reader.example" for number in range(4, -1, -1)]
    assert query == ""


def test_states_and_nonsense(cast: Cast, signed_in: SignedIn) -> None:
    for number, fields in enumerate(
        (
            {},
            {"unsubscribed_at": "2026-01-01T00:00Z"},
            {"quarantined_at": "2026-01-01T00:00Z"},
            {"opt_in": "pending"},
        )
    ):
        contact = make_contact(cast, f"r{number}@reader.example")
        Contact.objects.of(cast.account).filter(pk=contact.pk).update(**fields)
    client = signed_in(cast.bob)
    for query, numbers in {
        "?state=subscribed": "30",
        "?state=unsubscribed": "1",
        "?state=quarantined": "2",
        "?state=pending": "3",
        "?state=nonsense": "3210",
        "?before=nonsense&q=%00r1": "1",
        "?before=9999999999999999999999": "3210",
        "?q=%ED%A0%80": "",
        "?state=unsubscribed&q=r2": "",
    }.items():
        assert listed(client, cast, query) == [f"r{n}@reader.example" for n in numbers], query


def test_a_contact_is_added_by_hand(cast: Cast, signed_in: SignedIn) -> None:
    client, path = signed_in(cast.alice), f"/a/{cast.account.pk}/contacts/new/"
    assert client.get(path).status_code == 200
    form = {"email": " Ann@Reader.example ", "name-0": "firstname", "value-0": "Ann\r\nB"}
    more = client.post(path, {**form, "more": "1"})
    assert more.status_code == 200 and not Contact.objects.of(cast.account).exists()
    assert b"Ann@Reader.example" in more.content and b"firstname" in more.content
    client.post(path, form)
    contact = Contact.objects.of(cast.account).get()
    assert (contact.email, contact.properties) == ("ann@reader.example", {"firstname": "Ann\nB"})
    client.post(path, {**form, "value-0": "Eve"})
    contact.refresh_from_db()
    assert contact.properties == {"firstname": "Ann\nB"}


@pytest.mark.parametrize(
    "form",
    [
        {"email": "nonsense"},
        {"email": "a@b.example, c@b.example"},
        {"email": "a\r\nBcc: x@b.example"},
        {"email": ""},
        {"email": "a@b.example", "value-0": "no name"},
        {"email": "a@b.example", "name-0": "x\ny"},
        {"email": "a@b.example", "name-0": "x" * 101},
        {"email": "a@b.example", "name-0": "x", "value-0": "y" * 5001},
        {"email": "a@b.example", "name-0": "x", "name-1": "x"},
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_stored(
    cast: Cast, signed_in: SignedIn, form: dict[str, str]
) -> None:
    answer = signed_in(cast.alice).post(f"/a/{cast.account.pk}/contacts/new/", form)
    assert answer.status_code == 200
    assert b'class="error"' in answer.content
    assert not Contact.objects.of(cast.account).exists()


def test_properties_are_renamed_removed_and_added(cast: Cast, signed_in: SignedIn) -> None:
    contact = make_contact(cast, a="1", b="2", c="3", d="4")
    client, path = signed_in(cast.alice), f"/a/{cast.account.pk}/contacts/{contact.pk}/edit/"
    page = client.get(path)
    form = {
        "seen": page.context["seen"],
        "was-0": "a", "name-0": "a", "value-0": "1!",
        "was-1": "b", "name-1": "bb", "value-1": "2",
        "was-2": "c", "name-2": "c", "value-2": "3", "remove-2": "1",
        "was-3": "d", "name-3": "", "value-3": "4",
        "name-4": "e", "value-4": "",
    }  # fmt: skip
    assert client.post(path, form).status_code == 302
    contact.refresh_from_db()
    assert contact.properties == {"a": "1!", "bb": "2", "e": ""}
    stale = client.post(path, {**form, "value-0": "mine"})  # the page is of before the save
    assert stale.status_code == 200 and stale.context["stale"] and b"mine" in stale.content
    contact.refresh_from_db()
    assert contact.properties["a"] == "1!"
    client.post(path, {**form, "value-0": "mine", "seen": stale.context["seen"]})
    contact.refresh_from_db()
    assert contact.properties["a"] == "mine"


def test_a_form_of_very_many_rows_loses_none(cast: Cast, signed_in: SignedIn) -> None:
    contact = make_contact(cast, **{f"p{n:03}": str(n) for n in range(210)})
    client, path = signed_in(cast.alice), f"/a/{cast.account.pk}/contacts/{contact.pk}/edit/"
    page = client.get(path)
    form = {"seen": page.context["seen"]}
    for number, row in enumerate(page.context["rows"]):
        name = row.name or f"new{number}"
        form |= {f"was-{number}": row.was, f"name-{number}": name, f"value-{number}": row.value}
    more = client.post(path, {**form, "more": "1"})
    assert len(more.context["rows"]) == len(page.context["rows"])  # no row that would not be read
    assert client.post(path, form).status_code == 302
    contact.refresh_from_db()
    assert len(contact.properties) == 213
    assert contact.properties["p209"] == "209" and contact.properties["new202"] == ""


def test_consent_needs_a_reason_and_is_told_in_the_timeline(
    cast: Cast, signed_in: SignedIn
) -> None:
    contact = make_contact(cast)
    client, path = signed_in(cast.alice), f"/a/{cast.account.pk}/contacts/{contact.pk}/"
    answer = client.post(f"{path}consent/", {"what": "unsubscribed", "why": " "})
    assert answer.status_code == 200 and b'class="error"' in answer.content
    client.post(f"{path}consent/", {"what": "nonsense", "why": "x"})
    contact.refresh_from_db()
    assert contact.unsubscribed_at is None
    for _n in range(2):
        client.post(f"{path}consent/", {"what": "unsubscribed", "why": f"letter {XSS}"})
    changed = Contact.objects.of(cast.account).get()
    assert changed.unsubscribed_at is not None
    assert ContactChange.objects.of(cast.account).filter(what="unsubscribed").count() == 1
    page = client.get(path).content.decode()
    assert "letter" in page and "alice@shop.example" in page and XSS not in page
    assert client.get(f"{path}consent/").status_code == 405


def test_stored_scripts_are_text(cast: Cast, signed_in: SignedIn) -> None:
    contact = make_contact(cast, **{XSS: XSS})
    make_message(cast.account, contact.email, subject=XSS)
    client = signed_in(cast.alice)
    for path in ("", f"{contact.pk}/", f"{contact.pk}/edit/"):
        page = client.get(f"/a/{cast.account.pk}/contacts/{path}").content.decode()
        assert "alert(1)" in page and "<script>alert" not in page and "<img src=x" not in page


def test_a_page_of_the_timeline_leads_to_the_next(
    cast: Cast, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transactional.views.contacts.TIMELINE", 2)
    contact = make_contact(cast)
    for number in range(4):
        make_message(cast.account, contact.email, subject=f"Number {number}")
    client, path = signed_in(cast.bob), f"/a/{cast.account.pk}/contacts/{contact.pk}/"
    first = client.get(path)
    assert [one["entry"].message.subject for one in first.context["entries"]] == [
        "Number 3", "Number 2",
    ]  # fmt: skip
    second = client.get(f"{path}?before={first.context['older']}").content.decode()
    assert "Number 1" in second and "Number 0" in second and "Number 2" not in second
    assert client.get(f"{path}?before=nonsense").status_code == 200


PATHS = ["", "new/", "{id}/", "{id}/edit/", "{id}/consent/"]


@pytest.mark.parametrize("path", PATHS)
def test_a_stranger_finds_nothing_and_a_viewer_changes_nothing(
    cast: Cast, signed_in: SignedIn, path: str
) -> None:
    contact = make_contact(cast)
    path = path.format(id=contact.pk)
    stranger = signed_in(cast.charlie)
    # In Alice's account, and Alice's contact within his own
    accounts = [cast.account.pk] + ([cast.other_account.pk] if str(contact.pk) in path else [])
    for account_id in accounts:
        url = f"/a/{account_id}/contacts/{path}"
        post = stranger.post(url, {"what": "unsubscribed", "why": "x", "email": "e@x.example"})
        assert post.status_code in (404, 405)
        assert stranger.get(url).status_code in (404, 405)
    url = f"/a/{cast.account.pk}/contacts/{path}"
    post = signed_in(cast.bob).post(url, {"what": "unsubscribed", "why": "x", "name-0": "n"})
    assert post.status_code in (403, 405)
    assert Client().get(url).status_code in (302, 405)
    contact.refresh_from_db()
    assert contact.unsubscribed_at is None and contact.properties == {}
    assert Contact.objects.count() == 1


def test_a_marketer_changes(cast: Cast, signed_in: SignedIn) -> None:
    contact = make_contact(cast)
    client = signed_in(make_user("mia@shop.example", cast.account, Role.MARKETER))
    path = f"/a/{cast.account.pk}/contacts/{contact.pk}/consent/"
    assert client.post(path, {"what": "quarantined", "why": "bounced by phone"}).status_code == 302
    contact.refresh_from_db()
    assert contact.quarantined_at is not None
