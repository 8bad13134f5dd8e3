"""The Settings page: variables in a table, the line in the inbox, plain text by hand, type and footers."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.cast import Cast, make_email
from tests.transactional.views.test_email_edit import form
from tests.transactional.views.test_emails import XSS, url
from tokens.models import User
from transactional.compose import drafts
from transactional.compose.document import schema
from transactional.models import Email, Kind
from transactional.views import starter

SignedIn = Callable[[User], Client]


def table(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A posted form with these rows of variables."""
    sent = form(**changes) | {"variables": str(len(rows))}
    for at, row in enumerate(rows):
        sent |= {f"var-{at}-{key}": value for key, value in {"type": "string", **row}.items()}
    return sent


def composed(cast: Cast, key: str = "receipt", kind: Kind = Kind.TRANSACTIONAL) -> Email:
    fields = starter.from_template(
        cast.account, key, name="E", kind=kind, language="en", domains=["shop.example"]
    )
    return drafts.create(cast.account, fields, by="alice")


def test_the_table_becomes_the_contract_and_the_sample(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account, sample={"custom": {"order_id": "A-1", "items": [{"p": 1}]}})
    sent = table(
        {"name": "custom.order_id", "required": "on", "sample": "B-2"},
        {"name": "code", "secret": "on", "sample": "123"},
        {"name": "total", "type": "number", "sample": "12.50"},
        {"name": "items", "type": "list"},
        {"name": "items.p", "type": "number", "sample": "9"},
        {"name": "gone", "remove": "1"},
        {"name": ""},
        sample='{"custom": {"order_id": "A-1", "items": [{"p": 1}]}}',
    )
    alice = signed_in(cast.alice)
    assert alice.post(url(cast.account, email, "edit/"), sent).status_code == 302
    email.refresh_from_db()
    assert [(one["name"], one["required"], one["secret"]) for one in email.contract] == [
        ("order_id", True, False),
        ("code", False, True),
        ("total", False, False),
        ("items", False, False),
    ]
    assert email.contract[3]["fields"][0]["name"] == "p"
    assert email.sample["custom"] == {
        "order_id": "B-2", "items": [{"p": 1}], "code": "123", "total": 12.5,
    }  # fmt: skip
    page = alice.get(url(cast.account, email, "edit/")).content.decode()
    assert 'value="items.p"' in page and 'name="variables" value="6"' in page


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([{"name": "1a"}], "begins with a letter"),
        ([{"name": "a"}, {"name": "a"}], "used twice"),
        ([{"name": "items.price"}], "Declare “items” first"),
        ([{"name": "a", "type": "float"}], "A type is one of"),
        ([{"name": "n", "type": "number", "sample": "many"}], "not of this type"),
        ([{"name": XSS}], "begins with a letter"),
        ([{"name": f"v{n}"} for n in range(300)], "at most 200"),
    ],
)
def test_a_wrong_row_is_said_beside_it_and_nothing_is_lost(
    cast: Cast, signed_in: SignedIn, rows: list[dict[str, Any]], sentence: str
) -> None:
    email = make_email(cast.account)
    sent = table(*rows, subject="Typed for an hour")
    response = signed_in(cast.alice).post(url(cast.account, email, "edit/"), sent)
    assert response.status_code == 422
    page = response.content.decode()
    assert sentence in page and "Typed for an hour" in page and "<script>alert" not in page
    email.refresh_from_db()
    assert email.contract == [] and email.revision == 1


def test_a_form_without_the_table_keeps_the_contract(cast: Cast, signed_in: SignedIn) -> None:
    contract = [{"name": "order_id", "type": "string", "required": True, "secret": False}]
    email = make_email(cast.account, contract=contract)
    signed_in(cast.alice).post(url(cast.account, email, "edit/"), form())
    email.refresh_from_db()
    assert (email.contract, email.revision) == (contract, 2)


def test_a_contract_is_proposed_from_the_draft_and_not_saved(
    cast: Cast, signed_in: SignedIn
) -> None:
    email = composed(cast)
    sent = table(then="propose", subject="Typed before")
    response = signed_in(cast.alice).post(url(cast.account, email, "edit/"), sent)
    page = response.content.decode()
    names = [row.name for row in response.context["rows"]]
    assert response.status_code == 200 and "Typed before" in page
    assert {"order_id", "items", "items.name", "items.price", "order_url"} <= set(names)
    types = {row.name: row.type for row in response.context["rows"]}
    assert (types["items"], types["order_url"]) == ("list", "url")
    required = {row.name: row.required for row in response.context["rows"]}
    assert required["order_id"] and not required["note"]
    email.refresh_from_db()
    assert email.contract == []


@pytest.mark.parametrize(("key", "name"), [("code", "code"), ("reset", "reset_url")])
def test_what_lets_somebody_in_is_secret_and_uncounted_from_the_start(
    cast: Cast, signed_in: SignedIn, key: str, name: str
) -> None:
    sent = {"name": "New", "kind": "transactional", "start": key, "language": "en"}
    signed_in(cast.alice).post(url(cast.account, tail="new/"), sent)
    email = Email.objects.of(cast.account).get()
    assert [one["name"] for one in email.contract if one["secret"]] == [name]
    assert not email.track_opens and not email.track_clicks


def test_language_lifetime_folder_and_tags(cast: Cast, signed_in: SignedIn) -> None:
    email = composed(cast)
    alice = signed_in(cast.alice)
    sent = form(language="it", lifetime="900", folder="  Shop  mail ", tags="a, b ,a,,c c")
    alice.post(url(cast.account, email, "edit/"), sent)
    email.refresh_from_db()
    assert (email.language, email.lifetime, email.folder) == ("it", 900, "Shop mail")
    assert email.tags == ["a", "b", "c c"]
    assert email.document is not None
    assert email.document["settings"]["lang"] == "it" and 'lang="it"' in email.html
    for wrong in ({"tags": "x" * 50}, {"folder": "a\r\nb"}, {"lifetime": "-1"}, {"language": "xx"}):
        response = alice.post(url(cast.account, email, "edit/"), form(revision="2", **wrong))
        assert response.status_code == 422


def test_the_type_changes_the_footer(cast: Cast, signed_in: SignedIn) -> None:
    email = composed(cast, "terms", Kind.MARKETING)
    alice = signed_in(cast.alice)
    assert "unsubscribe_link" in email.html
    alice.post(url(cast.account, email, "edit/"), form(kind="transactional"))
    email.refresh_from_db()
    assert "unsubscribe_link" not in email.html and "Unsubscribe" not in str(email.document)
    alice.post(url(cast.account, email, "edit/"), form(kind="marketing", revision="2"))
    email.refresh_from_db()
    assert email.html.count("unsubscribe_link") == 1 and ">Unsubscribe</a>" in email.html


def test_a_text_written_by_hand_stays_and_is_watched(cast: Cast, signed_in: SignedIn) -> None:
    email = composed(cast)
    alice = signed_in(cast.alice)
    alice.post(url(cast.account, email, "edit/"), form(text="Written by hand"))
    email.refresh_from_db()
    assert email.text == "Written by hand" and email.text_basis
    page = alice.get(url(cast.account, email, "edit/")).content.decode()
    assert "has changed since this text" not in page
    document = drafts.stored_document(email)
    changed = {**document.json, "settings": {**document.json["settings"]}}
    changed["sections"][0]["blocks"][0][0]["props"]["html"] = "Another heading"
    email = drafts.save_document(
        email, schema.parse(changed), {}, revision=email.revision, by="bob", may_html=True
    )
    assert email.text == "Written by hand"
    page = alice.get(url(cast.account, email, "edit/")).content.decode()
    assert "has changed since this text" in page and "Another heading" in page
    alice.post(url(cast.account, email, "edit/"), form(text="", revision=str(email.revision)))
    email.refresh_from_db()
    assert (email.text, email.text_basis) == ("", "")


def test_the_inbox_line_shows_what_is_typed(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account, sample={"custom": {"order_id": "A-7"}})
    typed = {"subject": "Hi {{ custom.order_id }} <b>", "preview_text": "", "from_name": XSS}
    alice = signed_in(cast.alice)
    page = alice.post(url(cast.account, email, "edit/line/"), typed).content.decode()
    assert "Hi A-7 &lt;b&gt;" in page and "Hello Order" in page and "<script>" not in page
    broken = {**typed, "subject": "{{ custom.nothing }}"}
    page = alice.post(url(cast.account, email, "edit/line/"), broken).content.decode()
    assert "custom.nothing" in page
    assert alice.get(url(cast.account, email, "edit/line/")).status_code == 405
    assert signed_in(cast.bob).post(url(cast.account, email, "edit/line/")).status_code == 403
    assert signed_in(cast.charlie).post(url(cast.account, email, "edit/line/")).status_code == 404


def test_a_variable_made_in_the_editor_is_declared_on_the_spot(
    cast: Cast, signed_in: SignedIn
) -> None:
    email = composed(cast)
    drafts.declare_proposed(email)
    declared = [one["name"] for one in email.contract]
    document = drafts.stored_document(email).json
    document["sections"][0]["blocks"][0][0]["props"]["html"] = (
        'Hi <span data-var="custom.voucher">x</span>'
    )
    sample = {**email.sample, "custom": {**email.sample["custom"], "voucher": "V", "unused": 1}}
    sent = {"document": document, "revision": email.revision, "sample": sample}
    alice = signed_in(cast.alice)
    page = url(cast.account, email, "compose/document/")
    response = alice.put(page, sent, content_type="application/json")
    assert response.status_code == 200, response.content
    email.refresh_from_db()
    assert [one["name"] for one in email.contract] == [*declared, "voucher"]
    listed = alice.get(url(cast.account, email, "compose/variables/")).json()["variables"]
    assert {"custom.voucher", "custom.items"} <= {one["path"] for one in listed}
    other = composed(cast)
    alice.put(
        url(cast.account, other, "compose/document/"),
        {**sent, "revision": other.revision},
        content_type="application/json",
    )
    other.refresh_from_db()
    assert other.contract == []
