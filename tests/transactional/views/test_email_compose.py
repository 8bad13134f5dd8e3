"""The block editor's endpoints: what is saved, refused, shown, and to whom."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.cast import Cast, make_email, make_user
from tests.transactional.views.test_emails import XSS
from tokens.models import Role, User
from transactional.compose import drafts
from transactional.compose.document import starters
from transactional.models import Email, Kind, Lane
from transactional.views import starter

SignedIn = Callable[[User], Client]
PAGES = ("email_compose", "email_document", "email_canvas", "email_variables")


def block_email(cast: Cast, key: str = "receipt", *, kind: Kind = Kind.TRANSACTIONAL) -> Email:
    fields = starter.from_template(
        cast.account, key, name="Receipt", kind=kind, language="en", domains=["shop.example"]
    )
    return drafts.create(cast.account, fields, by="alice@shop.example")


def url(email: Email, page: str, account_id: int | None = None) -> str:
    return reverse(page, args=(account_id or email.account_id, email.pk))


def put(client: Client, email: Email, body: object) -> Any:
    path = url(email, "email_document")
    return client.put(path, body, content_type="application/json")


def with_block(document: dict[str, Any], block: dict[str, Any]) -> dict[str, Any]:
    changed = deepcopy(document)
    changed["sections"][0]["blocks"][0].append(block)
    return changed


def test_a_save_keeps_the_document_and_makes_its_html(cast: Cast, signed_in: SignedIn) -> None:
    email = block_email(cast)
    block = {"id": "new", "type": "text", "props": {"html": "<p>{{ custom.more }}</p>"}}
    body = {
        "revision": 1,
        "document": with_block(email.document, block),
        "subject": "New {{ custom.order_id }}",
        "sample": {**email.sample, "custom": {**email.sample["custom"], "more": "…and more"}},
    }
    response = put(signed_in(cast.alice), email, body)
    assert response.status_code == 200, response.content
    answer = response.json()
    email.refresh_from_db()
    assert (answer["revision"], answer["problems"]) == (2, [])
    assert answer["bytes"] == len(email.html.encode())
    assert (email.revision, email.subject) == (2, "New {{ custom.order_id }}")
    assert 'class="b-new ink"' in email.html and "{{ custom.more }}" in email.html
    assert "<title>New {{ custom.order_id }}</title>" in email.html
    stored = email.document["sections"][0]["blocks"][0][-1]
    assert stored["props"]["html"] == '<p><span data-var="custom.more">custom.more</span></p>'


def test_a_stale_save_is_told_who_and_when_and_changes_nothing(
    cast: Cast, signed_in: SignedIn
) -> None:
    email = block_email(cast)
    alice = signed_in(cast.alice)
    body = {"revision": 1, "document": email.document, "subject": "First"}
    assert put(alice, email, body).status_code == 200
    response = put(alice, email, {**body, "subject": "Second"})
    assert response.status_code == 409
    answer = response.json()
    email.refresh_from_db()
    assert (answer["revision"], answer["by"]) == (2, "alice@shop.example")
    assert answer["at"] and email.subject == "First"
    again = {**body, "revision": answer["revision"], "subject": "Second"}
    assert put(alice, email, again).json()["revision"] == 3


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"document": None}, "/document"),
        ({"document": {"version": 2, "sections": []}}, "/document/version"),
        ({"revision": 0}, "/revision"),
        ({"revision": True}, "/revision"),
        ({"revision": "1"}, "/revision"),
        ({"revision": None}, "/revision"),
        ({"subject": "a\r\nBcc: x@y.example"}, "/subject"),
        ({"subject": 5}, "/subject"),
        ({"from_address": "me@stranger.example"}, "/from_address"),
        ({"from_name": "x\x00"}, "/from_name"),
        ({"kind": "spam"}, "/kind"),
        ({"lane": "1"}, "/lane"),
        ({"track_opens": "yes"}, "/track_opens"),
        ({"sample": []}, "/sample"),
        ({"sample": {"custom": []}}, "/sample"),
        ({"html": "<script>"}, "/html"),
        ({"account_id": 7}, "/account_id"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_pointer(
    cast: Cast, signed_in: SignedIn, changes: dict[str, Any], pointer: str
) -> None:
    email = block_email(cast)
    body = {"revision": 1, "document": email.document, **changes}
    response = put(signed_in(cast.alice), email, body)
    assert response.status_code == 422
    assert pointer in [error["pointer"] for error in response.json()["errors"]]
    email.refresh_from_db()
    assert email.revision == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"a": NaN}', b"[" * 100_000])
def test_what_is_not_json_is_refused(cast: Cast, signed_in: SignedIn, body: bytes) -> None:
    email = block_email(cast)
    path = url(email, "email_document")
    response = signed_in(cast.alice).put(path, body, content_type="application/json")
    assert response.status_code == 422 and response.json()["errors"][0]["pointer"] == ""


def test_a_document_of_five_megabytes_is_refused(cast: Cast, signed_in: SignedIn) -> None:
    email = block_email(cast)
    block = {"id": "big", "type": "text", "props": {"html": "x" * 4_900_000}}
    body = {"revision": 1, "document": with_block(email.document, block)}
    assert put(signed_in(cast.alice), email, body).status_code == 422
    block["props"]["html"] *= 2
    body = {"revision": 1, "document": with_block(email.document, block)}
    assert put(signed_in(cast.alice), email, body).status_code in {400, 413}


def test_only_developers_write_html(cast: Cast, signed_in: SignedIn) -> None:
    email = block_email(cast)
    marketer = signed_in(make_user("mara@shop.example", cast.account, Role.MARKETER))
    block = {"id": "raw", "type": "html", "props": {"code": "<b>{{ custom.order_id }}</b>"}}
    wanted = {"revision": 1, "document": with_block(email.document, block)}
    refused = put(marketer, email, wanted)
    pointer = "/document/sections/0/blocks/0/6/props/code"
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    assert put(signed_in(cast.alice), email, wanted).status_code == 200
    # What a developer wrote, others keep, move and take out, but do not change
    assert put(marketer, email, {**wanted, "revision": 2}).status_code == 200
    block["props"]["code"] = "<i>other</i>"
    changed = {"revision": 3, "document": with_block(email.document, block)}
    assert put(marketer, email, changed).status_code == 422
    assert put(marketer, email, {"revision": 3, "document": email.document}).status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_finds_nothing(cast: Cast, signed_in: SignedIn, page: str) -> None:
    email = block_email(cast)
    charlie = signed_in(cast.charlie)
    for account in (cast.account, cast.other_account):
        path = url(email, page, account.pk)
        ask = charlie.put if page == "email_document" else charlie.get
        assert ask(path).status_code == 404


def test_who_may_do_what(cast: Cast, signed_in: SignedIn) -> None:
    email = block_email(cast)
    bob = signed_in(cast.bob)
    assert bob.get(url(email, "email_compose")).status_code == 403
    assert put(bob, email, {"revision": 1, "document": email.document}).status_code == 403
    assert bob.get(url(email, "email_canvas")).status_code == 200
    assert bob.get(url(email, "email_variables")).status_code == 200
    assert Client().get(url(email, "email_compose")).status_code == 302
    assert signed_in(cast.alice).post(url(email, "email_document")).status_code == 405
    checked = Client(enforce_csrf_checks=True)
    checked.force_login(cast.alice)
    assert put(checked, email, {"revision": 1, "document": email.document}).status_code == 403


def test_the_editor_page_holds_the_draft(cast: Cast, signed_in: SignedIn) -> None:
    email = block_email(cast)
    response = signed_in(cast.alice).get(url(email, "email_compose"))
    editor = response.context["editor"]
    assert editor["document"] == email.document and editor["revision"] == 1
    assert editor["may_html"] is True and editor["urls"]["canvas"].endswith("/compose/canvas/")
    assert editor["problems"] == [] and editor["subject"] == email.subject


def test_each_kind_of_email_has_its_own_page(cast: Cast, signed_in: SignedIn) -> None:
    alice = signed_in(cast.alice)
    written = make_email(cast.account)
    response = alice.get(url(written, "email_compose"))
    assert response.headers["Location"] == url(written, "email_edit")
    assert put(alice, written, {"revision": 1, "document": {}}).status_code == 422
    page = alice.get(url(written, "email")).content.decode()
    assert ">Design</a>" not in page and url(written, "email_edit") in page
    blocks = block_email(cast)
    page = alice.get(url(blocks, "email")).content.decode()
    assert ">Design</a>" in page and ">Settings</a>" in page
    settings = alice.get(url(blocks, "email_edit")).content.decode()
    assert 'name="from_address"' in settings and 'name="html"' not in settings


def test_the_settings_page_leaves_the_blocks_alone(cast: Cast, signed_in: SignedIn) -> None:
    email = block_email(cast)
    data = {
        "name": "Renamed", "subject": "Changed", "preview_text": "", "from_name": "Shop",
        "from_address": "a@shop.example", "reply_to": "", "kind": "transactional", "lane": "1",
        "sample": "{}", "revision": "1", "html": "<p>smuggled</p>",
    }  # fmt: skip
    response = signed_in(cast.alice).post(url(email, "email_edit"), data)
    assert response.status_code == 302
    before = email.document
    email.refresh_from_db()
    assert email.document == before and "<title>Changed</title>" in email.html
    assert "smuggled" not in email.html and email.name == "Renamed"


def test_the_canvas_shows_chips_sample_or_text_and_runs_nothing(
    cast: Cast, signed_in: SignedIn
) -> None:
    email = block_email(cast)
    alice = signed_in(cast.alice)
    chips = alice.get(url(email, "email_canvas"), {"r": "1"})
    policy = chips.headers["Content-Security-Policy"]
    assert "script-src 'none'" in policy and "frame-ancestors 'self'" in policy
    assert chips.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert chips.headers["Cache-Control"] == "no-store"
    html = chips.content.decode()
    assert 'data-var="custom.order_id"' in html and "{%" not in html and "{{" not in html
    filled = alice.get(url(email, "email_canvas"), {"sample": "1"}).content.decode()
    assert "Moka pot" in filled and "data-var" not in filled
    text = alice.get(url(email, "email_canvas"), {"as": "text"})
    assert text.headers["Content-Type"].startswith("text/plain")
    assert "Moka pot" in text.content.decode() and "<" not in text.content.decode()


def test_a_sample_that_lacks_something_is_said_on_the_canvas(
    cast: Cast, signed_in: SignedIn
) -> None:
    email = block_email(cast)
    Email.objects.of(cast.account).filter(pk=email.pk).update(sample={})
    response = signed_in(cast.alice).get(url(email, "email_canvas"), {"sample": "1"})
    assert response.headers["Content-Type"].startswith("text/html")
    assert "custom.items" in response.content.decode()


def test_the_variables_are_those_named_and_those_of_the_sample(
    cast: Cast, signed_in: SignedIn
) -> None:
    email = block_email(cast)
    sample = {"contact": {"city": "Roma"}, "custom": {"deep": {"er": 1}, "items": [{"a": 1}]}}
    Email.objects.of(cast.account).filter(pk=email.pk).update(sample=sample)
    answer = signed_in(cast.alice).get(url(email, "email_variables")).json()["variables"]
    found = {one["path"]: one for one in answer}
    assert found["contact.city"]["sample"] == "Roma" and found["custom.deep.er"]["sample"] == 1
    assert found["custom.items"]["list"] is True and found["custom.order_id"]["sample"] is None
    assert not any(path.startswith("item.") for path in found)


def test_publishing_refuses_what_the_checks_stop(cast: Cast, signed_in: SignedIn) -> None:
    email = block_email(cast)
    alice = signed_in(cast.alice)
    bad = with_block(email.document, {"id": "img", "type": "image", "props": {}})
    problems = put(alice, email, {"revision": 1, "document": bad}).json()["problems"]
    assert {one["code"] for one in problems if one["block"] == "img"} == {
        "IMAGE_EMPTY",
        "IMAGE_ALT",
    }
    page = alice.post(url(email, "email_publish"), follow=True).content.decode()
    email.refresh_from_db()
    assert email.published is None and "An image has no address yet" in page
    assert (
        put(
            alice,
            email,
            {"revision": 2, "document": email.document | {"sections": bad["sections"][:0]}},
        ).status_code
        == 200
    )
    assert (
        put(alice, email, {"revision": 3, "document": block_email(cast).document}).status_code
        == 200
    )
    alice.post(url(email, "email_publish"))
    email.refresh_from_db()
    assert email.published is not None and email.published.html == email.html


@pytest.mark.parametrize("key", [*starters.TEMPLATES, starters.BLANK])
def test_a_new_email_starts_from_a_template(cast: Cast, signed_in: SignedIn, key: str) -> None:
    data = {"name": "New", "kind": "transactional", "start": key, "language": "it"}
    response = signed_in(cast.alice).post(reverse("email_create", args=(cast.account.pk,)), data)
    email = Email.objects.of(cast.account).get()
    assert response.headers["Location"] == url(email, "email_compose")
    assert email.document["settings"]["lang"] == "it" and 'lang="it"' in email.html
    assert email.from_address == "hello@shop.example"
    secret = key in starters.SECRET
    assert (email.lane == Lane.URGENT, email.track_clicks) == (secret, not secret)


def test_html_is_offered_to_developers_alone(cast: Cast, signed_in: SignedIn) -> None:
    new = reverse("email_create", args=(cast.account.pk,))
    marketer = signed_in(make_user("mara@shop.example", cast.account, Role.MARKETER))
    assert 'value="html"' in signed_in(cast.alice).get(new).content.decode()
    assert 'value="html"' not in marketer.get(new).content.decode()
    data = {"name": "New", "kind": "transactional", "start": "html", "language": "en"}
    assert marketer.post(new, data).context["form"].errors
    response = signed_in(cast.alice).post(new, data)
    email = Email.objects.of(cast.account).get()
    assert email.document is None and response.headers["Location"] == url(email, "email_edit")
    del data["start"]
    marketer.post(new, data)
    assert Email.objects.of(cast.account).latest("pk").document is not None


def test_hostile_words_are_shown_and_never_run(cast: Cast, signed_in: SignedIn) -> None:
    email = block_email(cast)
    props: list[tuple[str, dict[str, Any]]] = [
        ("heading", {"html": XSS}), ("text", {"html": XSS}), ("footer", {"html": XSS}),
        ("image", {"alt": "<img src=x onerror=alert(1)>", "src": "https://shop.example/a.png"}),
        ("button", {"label": '"><svg onload=alert(1)>', "url": 'https://shop.example/"><script>'}),
    ]  # fmt: skip
    document = email.document
    for at, (kind, values) in enumerate(props):
        document = with_block(document, {"id": f"x{at}", "type": kind, "props": values})
    alice = signed_in(cast.alice)
    sample = {**email.sample, "contact": {"firstname": XSS}}
    body = {"revision": 1, "document": document, "preview_text": XSS, "sample": sample}
    assert put(alice, email, body).status_code == 200
    for query in ({}, {"sample": "1"}):
        html = alice.get(url(email, "email_canvas"), query).content.decode().lower()
        assert "<script" not in html and "<svg" not in html and "<img src=x" not in html
    page = alice.get(url(email, "email_compose")).content.decode()
    assert "<script>alert" not in page and "<img src=x onerror" not in page
