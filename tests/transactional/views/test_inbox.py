"""The sandbox's inbox: only one's own mail, and nothing in it can run."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from tests.cast import Cast
from tests.transactional.mail import delivered_mail
from tokens.models import Account, User
from transactional.sandbox import inbox, sink
from transactional.sandbox.maildir import Maildir

SignedIn = Callable[[User], Client]
XSS = "<script>alert(1)</script>"


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Maildir:
    settings.DATA_DIR, settings.SANDBOX = tmp_path, True
    sink.maildir().make()
    return sink.maildir()


def put(store: Maildir, account: Account, subject: str = "Hi", html: str = "<p>hello</p>") -> str:
    one = delivered_mail(account)
    return store.deliver(
        (
            f"Return-Path: <x@y>\r\nDelivered-To: reader@a.sandbox.test\r\nX-Postino-Id: {one.pk}\r\n"
            f"From: Shop <orders@shop.example>\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
            'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
            "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nplain words\r\n"
            f"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n"
            '--b\r\nContent-Type: application/pdf; name="bill.pdf"\r\n\r\nx\r\n--b--\r\n'
        ).encode()
    )


def url(account: Account, tail: str = "") -> str:
    return f"/a/{account.pk}/sandbox/{tail}"


def test_a_member_sees_the_accounts_mail_newest_first(
    cast: Cast, signed_in: SignedIn, store: Maildir
) -> None:
    put(store, cast.account, "=?utf-8?q?Gr=C3=BC=C3=9Fe?=")
    put(store, cast.other_account, "Not yours")
    put(store, cast.account, "Newest")
    store.deliver(b"Subject: nobody's\r\n\r\nx\r\n")
    text = signed_in(cast.bob).get(url(cast.account)).content.decode()
    assert text.index("Newest") < text.index("Grüße")
    assert "Not yours" not in text and "nobody" not in text


def test_the_plain_address_leads_to_the_first_account(
    cast: Cast, signed_in: SignedIn, store: Maildir
) -> None:
    assert signed_in(cast.alice).get("/sandbox/").headers["Location"] == url(cast.account)
    assert "/login/" in Client().get("/sandbox/").headers["Location"]


def test_a_stranger_gets_404(cast: Cast, signed_in: SignedIn, store: Maildir) -> None:
    name = put(store, cast.account)
    charlie = signed_in(cast.charlie)
    for account in (cast.account, cast.other_account):
        for tail in (f"{name}/", f"{name}/html/", f"{name}/?as=source"):
            assert charlie.get(url(account, tail)).status_code == 404
    assert charlie.get(url(cast.account)).status_code == 404
    assert signed_in(cast.alice).get(url(cast.account, "1.nothing.sandbox/")).status_code == 404


def test_outside_the_sandbox_there_is_no_inbox(
    cast: Cast, signed_in: SignedIn, store: Maildir, settings: Settings
) -> None:
    name = put(store, cast.account)
    settings.SANDBOX = False
    for path in ("/sandbox/", url(cast.account), url(cast.account, f"{name}/")):
        assert signed_in(cast.alice).get(path).status_code == 404


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ("text", "plain words"),
        ("headers", "<dt>X-Postino-Id</dt>"),
        ("source", "Content-Type: multipart/mixed"),
        ("html", "<iframe"),
        ("nonsense", "<iframe"),
    ],
)
def test_a_message_has_four_faces(
    cast: Cast, signed_in: SignedIn, store: Maildir, shape: str, wanted: str
) -> None:
    name = put(store, cast.account, XSS, html=XSS)
    response = signed_in(cast.alice).get(url(cast.account, f"{name}/?as={shape}"))
    text = response.content.decode()
    assert wanted in text and "bill.pdf" in text
    assert XSS not in text


def test_the_html_is_as_it_came_and_nothing_in_it_runs(
    cast: Cast, signed_in: SignedIn, store: Maildir
) -> None:
    name = put(store, cast.account, html=f"<b>x</b>{XSS}")
    response = signed_in(cast.alice).get(url(cast.account, f"{name}/html/"))
    assert response.content.decode() == f"<b>x</b>{XSS}"
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'none'" in policy and "; sandbox " in policy
    assert "allow-scripts" not in policy and "allow-same-origin" not in policy
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_the_list_goes_on_page_by_page(cast: Cast, store: Maildir) -> None:
    mine = [put(store, cast.account, str(n)) for n in range(inbox.PAGE + 7)]
    for _ in range(30):
        put(store, cast.other_account)
    seen: list[str] = []
    before = ""
    while True:
        page = inbox.page(store, cast.account, before=before)
        seen += [one.name for one in page.messages]
        before = page.older
        if not before:
            break
    assert seen == mine[::-1]
