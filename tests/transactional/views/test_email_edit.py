"""The editor and the preview: nothing typed is lost, nothing shown can run."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.cast import Cast, make_email
from tests.transactional.views.test_emails import XSS, url
from tokens.models import User
from transactional.compose import versions
from transactional.models import Email, EmailVersion, Kind, Lane

SignedIn = Callable[[User], Client]


def form(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Receipt",
        "subject": "Order {{ custom.order_id }}",
        "preview_text": "Thanks",
        "html": "<p>Hello {{ contact.firstname }}</p>",
        "text": "",
        "from_name": "Shop",
        "from_address": "orders@shop.example",
        "reply_to": "",
        "kind": "transactional",
        "lane": "1",
        "track_clicks": "on",
        "sample": '{"custom": {"order_id": "A-1"}}',
        "revision": "1",
        **changes,
    }


def test_a_save_keeps_every_field(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account)
    data = form(lane="0", kind="marketing", reply_to="help@elsewhere.example", html="a\r\nb  ")
    response = signed_in(cast.alice).post(url(cast.account, email, "edit/"), data)
    assert response.headers["Location"] == url(cast.account, email, "edit/")
    email.refresh_from_db()
    assert (email.html, email.kind, email.lane) == ("a\nb  ", Kind.MARKETING, Lane.URGENT)
    assert (email.track_opens, email.track_clicks) == (False, True)
    assert email.sample == {"custom": {"order_id": "A-1"}}
    assert (email.reply_to, email.revision) == ("help@elsewhere.example", 2)


@pytest.mark.parametrize(("then", "tail"), [("preview", "preview/"), ("publish", "")])
def test_a_save_may_go_on_to_something(
    cast: Cast, signed_in: SignedIn, then: str, tail: str
) -> None:
    email = make_email(cast.account)
    response = signed_in(cast.alice).post(url(cast.account, email, "edit/"), form(then=then))
    assert response.headers["Location"] == url(cast.account, email, tail)
    email.refresh_from_db()
    assert (email.published is not None) == (then == "publish")


def test_a_stale_save_keeps_what_was_typed_and_may_be_forced(
    cast: Cast, signed_in: SignedIn
) -> None:
    email = make_email(cast.account)
    alice = signed_in(cast.alice)
    alice.post(url(cast.account, email, "edit/"), form(html="<p>first</p>"))
    late = form(html="<p>typed for an hour</p>")
    response = alice.post(url(cast.account, email, "edit/"), late)
    assert response.status_code == 409
    page = response.content.decode()
    assert "typed for an hour" in page and "alice@shop.example changed this email" in page
    assert 'name="overwrite" value="2"' in page
    email.refresh_from_db()
    assert email.html == "<p>first</p>"
    alice.post(url(cast.account, email, "edit/"), {**late, "overwrite": "2"})
    email.refresh_from_db()
    assert (email.html, email.revision) == ("<p>typed for an hour</p>", 3)


@pytest.mark.parametrize("overwrite", ["1", "abc", "²", "-1", "99999999999999999999"])
def test_only_the_revision_one_was_told_of_is_overwritten(
    cast: Cast, signed_in: SignedIn, overwrite: str
) -> None:
    email = make_email(cast.account, revision=5)
    data = form(revision="1", overwrite=overwrite)
    assert signed_in(cast.alice).post(url(cast.account, email, "edit/"), data).status_code == 409


def test_a_broken_template_is_saved_and_its_line_named(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account)
    data = form(html="<p>\n\n{{ custom.a }</p>", then="publish")
    response = signed_in(cast.alice).post(url(cast.account, email, "edit/"), data, follow=True)
    page = response.content.decode()
    assert "line 3" in page and "can be saved, but neither published nor sent" in page
    email.refresh_from_db()
    assert "{{ custom.a }<" in email.html and email.published is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"from_address": "me@elsewhere.example"}, "from_address"),
        ({"from_address": "not an address"}, "from_address"),
        ({"from_address": "Me <me@shop.example>"}, "from_address"),
        ({"from_address": "me@shop.example\r\nBcc: x@y.example"}, "from_address"),
        ({"from_address": "me@stranger.example"}, "from_address"),
        ({"from_name": "Shop\r\nBcc: x@y.example"}, "from_name"),
        ({"from_name": "=?utf-8?q?=0ABcc:?="}, "from_name"),
        ({"subject": "a\nBcc: x@y.example"}, "subject"),
        ({"subject": "a\0b"}, "subject"),
        ({"reply_to": "a@b.example, c@d.example"}, "reply_to"),
        ({"kind": "spam"}, "kind"),
        ({"lane": "2"}, "lane"),
        ({"lane": "x"}, "lane"),
        ({"name": " "}, "name"),
        ({"html": "a\0b"}, "html"),
        ({"html": "x" * 1_000_001}, "html"),
        ({"sample": "{"}, "sample"),
        ({"sample": "[]"}, "sample"),
        ({"sample": '{"custom": []}'}, "sample"),
        ({"sample": '{"a": "\\u0000"}'}, "sample"),
        ({"sample": '{"a": NaN}'}, "sample"),
        ({"sample": '{"a": "\\ud800"}'}, "sample"),
        ({"sample": '{"a":' * 60 + "1" + "}" * 60}, "sample"),
        ({"sample": "[" * 100_000}, "sample"),
        ({"revision": "0"}, "revision"),
        ({"revision": "9" * 30}, "revision"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words_and_nothing_is_lost(
    cast: Cast, signed_in: SignedIn, changes: dict[str, str], field: str
) -> None:
    email = make_email(cast.account)
    data = form(**{"preview_text": "typed by hand", **changes})
    response = signed_in(cast.alice).post(url(cast.account, email, "edit/"), data)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert "typed by hand" in response.content.decode()
    email.refresh_from_db()
    assert email.revision == 1


def test_a_domain_that_is_not_verified_cannot_be_written_from(
    cast: Cast, signed_in: SignedIn
) -> None:
    cast.account.domains.update(verified_at=None, state="pending")
    email = make_email(cast.account)
    response = signed_in(cast.alice).post(url(cast.account, email, "edit/"), form())
    assert "from_address" in response.context["form"].errors
    assert "No domain is verified yet" in response.content.decode()


def test_the_preview_shows_the_sample_and_runs_nothing(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(
        cast.account,
        html="<body><script>alert(1)</script><p>{{ custom.note }}</p></body>",
        sample={"custom": {"note": XSS, "order_id": "A-1"}},
    )
    response = signed_in(cast.alice).get(url(cast.account, email, "preview/html/"))
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'none'" in policy
    assert policy.endswith("; sandbox") and "frame-ancestors 'self'" in policy
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert response.headers["Cache-Control"] == "no-store"
    html = response.content.decode()
    assert "&lt;script&gt;alert(1)" in html  # what came as data is escaped
    assert "{{ 7*7 }}" in html or "{{ 7*7 }}" in html.replace("&#x2f;", "/")
    page = signed_in(cast.alice).get(url(cast.account, email, "preview/")).content.decode()
    assert "<iframe" in page and " sandbox" in page and "<script>alert" not in page


def test_the_preview_tells_what_the_sample_lacks(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account, sample={})
    alice = signed_in(cast.alice)
    assert "custom.order_id" in alice.get(url(cast.account, email, "preview/")).content.decode()
    assert alice.get(url(cast.account, email, "preview/html/")).content == b""


@pytest.mark.parametrize("query", ["", "?as=phone", "?as=text", "?as=nonsense&which=nonsense"])
def test_every_form_of_the_preview(cast: Cast, signed_in: SignedIn, query: str) -> None:
    email = make_email(cast.account, sample={"custom": {"order_id": "A-1042"}})
    page = signed_in(cast.alice).get(url(cast.account, email, "preview/") + query)
    assert "Order A-1042" in page.content.decode()
    assert ("<iframe" in page.content.decode()) == (query != "?as=text")


def test_draft_and_published_version_are_told_apart(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account, html="<p>old</p>", sample={"custom": {"order_id": "1"}})
    versions.publish(email, by="alice@shop.example")
    Email.objects.of(cast.account).filter(pk=email.pk).update(html="<p>new</p>")
    alice = signed_in(cast.alice)
    page = url(cast.account, email, "preview/html/")
    assert b"new" in alice.get(page).content
    assert b"old" in alice.get(page + "?which=published").content
    assert EmailVersion.objects.filter(email=email).count() == 1
