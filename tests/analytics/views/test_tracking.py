"""Pixel, links and unsubscribe, asked as mail programs, browsers, scanners and strangers do."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.middleware import SessionMiddleware
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from analytics import spool
from analytics.spool import Hit
from analytics.views.tracking import PIXEL, location
from tests.analytics.conftest import Sent
from tokens.models import User
from transactional import signing
from transactional.models import Contact, Event

RECIPIENT = uuid.UUID("0192f3a4-0000-7000-8000-00000000002a")
URL = "https://shop.example/o/1?a=1&b=%20x+y&amp;c=%C3%A8#frag?ment"
TOKEN = signing.click_token(RECIPIENT, 2, URL) or ""
OPEN = f"/o/{signing.open_token(RECIPIENT)}.gif"


@pytest.fixture
def hits(spool_dir: Path) -> Callable[[], list[Hit]]:
    def read() -> list[Hit]:
        found: list[Hit] = []
        spool.drain(found.extend)
        return found

    return read


@pytest.fixture
def client() -> Client:
    """Without the database: a pixel or a link that asked for it would fail the test."""
    return Client(raise_request_exception=True)


def test_the_pixel_is_a_picture_and_a_hit(client: Client, hits: Any) -> None:
    answer = client.get(OPEN, HTTP_USER_AGENT="Mozilla/5.0", REMOTE_ADDR="192.0.2.9")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/gif")
    assert answer.content == PIXEL and PIXEL[:6] == b"GIF89a" and len(PIXEL) == 43
    (hit,) = hits()
    assert (hit.kind, hit.recipient_id) == ("open", RECIPIENT)
    assert (hit.ip, hit.user_agent, hit.link_index) == ("192.0.2.9", "Mozilla/5.0", None)


def test_the_pixel_is_no_oracle(client: Client, hits: Any) -> None:
    ours = client.get(OPEN)
    assert len(hits()) == 1
    good = OPEN.removeprefix("/o/").removesuffix(".gif")
    for name in (
        "x.gif", ".gif", good, f"{good}.GIF", f"{good}=.gif", f"{good[:-1]}.gif", f"/{good}.gif",
        f"{good}.gif.gif", f"{good}.gif/", "%00.gif", "é.gif", f"{TOKEN}.gif", "a/../b.gif",
    ):  # fmt: skip
        other = client.get(f"/o/{name}")
        assert (other.status_code, other.content) == (200, ours.content), name
        assert dict(other.headers) == dict(ours.headers), name
    assert hits() == []


def test_a_link_leads_exactly_where_it_says(client: Client, hits: Any) -> None:
    answer = client.get(f"/c/{TOKEN}", HTTP_USER_AGENT="UA")
    assert (answer.status_code, answer["Location"]) == (302, URL)
    (hit,) = hits()
    assert (hit.kind, hit.recipient_id, hit.link_index, hit.url) == ("click", RECIPIENT, 2, URL)


def test_what_others_append_to_a_link_is_ignored(client: Client, hits: Any) -> None:
    answer = client.get(f"/c/{TOKEN}?fbclid=1&url=https://evil.example&token=x")
    assert (answer.status_code, answer["Location"]) == (302, URL)
    assert len(hits()) == 1


def test_a_link_that_is_not_exactly_ours_is_404(client: Client, hits: Any) -> None:
    flipped = TOKEN[:30] + ("A" if TOKEN[30] != "A" else "B") + TOKEN[31:]
    for token in (
        flipped, TOKEN + "=", TOKEN + "==", TOKEN[:-1], TOKEN + "A", TOKEN.swapcase(), TOKEN + "/",
        "/" + TOKEN, TOKEN + "%0A", TOKEN + "%00", "%20" + TOKEN, "https://evil.example/", "x",
        signing.open_token(RECIPIENT), signing.unsubscribe_token(RECIPIENT), TOKEN + "%2F..",
        TOKEN.replace("-", "%2B") + "+",
    ):  # fmt: skip
        answer = client.get(f"/c/{token}")
        assert answer.status_code == 404, token
        assert "Location" not in answer.headers
    assert client.get("/c/").status_code == 404
    assert hits() == []


def test_head_is_answered_and_is_no_person(client: Client, hits: Any) -> None:
    assert client.head(OPEN).status_code == 200
    assert hits() == []
    assert client.head(f"/c/{TOKEN}")["Location"] == URL
    (hit,) = hits()
    assert (hit.kind, hit.hint, hit.link_index) == ("click", "head", 2)
    for method in (client.post, client.put, client.delete, client.patch):
        assert method(f"/c/{TOKEN}").status_code == 405
        assert method(OPEN).status_code == 405
    assert hits() == []


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("HTTP_SEC_PURPOSE", "prefetch;prerender", "prefetch"), ("HTTP_PURPOSE", "Prefetch", "prefetch"),
        ("HTTP_X_MOZ", "prefetch", "prefetch"), ("HTTP_X_PURPOSE", "preview", "prefetch"),
        ("HTTP_SEC_PURPOSE", "x" * 9000, ""), ("HTTP_SEC_FETCH_MODE", "navigate", ""),
    ],
)  # fmt: skip
def test_what_is_asked_for_ahead_says_so(
    client: Client, hits: Any, name: str, value: str, hint: str
) -> None:
    client.get(OPEN, **{name: value})
    client.get(f"/c/{TOKEN}", **{name: value})
    assert [hit.hint for hit in hits()] == [hint, hint]


def test_answers_tell_nobody_and_keep_nothing(client: Client, hits: Any) -> None:
    for path in (OPEN, f"/c/{TOKEN}", "/c/x"):
        answer = client.get(path, HTTP_COOKIE="sessionid=abc; csrftoken=def")
        assert not answer.cookies
        assert answer["Cache-Control"] == "no-store, max-age=0"
        assert answer["Referrer-Policy"] == "no-referrer"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert "Vary" not in answer.headers


def test_a_full_disk_stops_no_reader(client: Client, hits: Any, spool_dir: Path) -> None:
    spool_dir.write_text("no folder can be made here")
    assert client.get(f"/c/{TOKEN}")["Location"] == URL
    assert client.get(OPEN).content == PIXEL


def test_a_signed_in_readers_click_asks_for_no_session(
    client: Client, hits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError("a session was asked for")

    monkeypatch.setattr(SessionMiddleware, "process_request", refuse)
    client.cookies["sessionid"] = "abc"
    assert client.get(f"/c/{TOKEN}").status_code == 302
    assert client.get(OPEN).status_code == 200


@pytest.mark.parametrize("host", ["t1.shop.example", "evil.example", "a_b", "", "x" * 300])
def test_any_host_reaches_tracking_and_nothing_else(client: Client, hits: Any, host: str) -> None:
    assert client.get(f"/c/{TOKEN}", HTTP_HOST=host).status_code == 302
    assert client.get(OPEN, HTTP_HOST=host).status_code == 200
    for path in ("/", "/login/", "/admin/", "/a/1/emails/", "/c", "/ux/"):
        assert client.get(path, HTTP_HOST=host).status_code in (400, 404), path
    assert client.get("/login/", HTTP_HOST=host).status_code == 400


def test_only_a_trusted_proxy_names_the_reader(client: Client, hits: Any, settings: Any) -> None:
    told = {"HTTP_X_FORWARDED_FOR": "198.51.100.7, 203.0.113.4", "REMOTE_ADDR": "10.0.0.1"}
    client.get(OPEN, **told)
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    client.get(OPEN, **told)
    assert [hit.ip for hit in hits()] == ["10.0.0.1", "203.0.113.4"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example/è?x=è#ö", "https://shop.example/%C3%A8?x=%C3%A8#%C3%B6"),
        ("https://shop.example/a b", "https://shop.example/a%20b"),
        ('https://shop.example/%7E|{}^`"<>\\', 'https://shop.example/%7E|{}^`"<>\\'),
        ("https://münchen.example/x", "https://xn--mnchen-3ya.example/x"),
        ("https://u@MÜNCHEN.example:8443/ü", "https://u@xn--mnchen-3ya.example:8443/%C3%BC"),
        ("https://shop.example/a\r\nSet-Cookie: x=1", "https://shop.example/aSet-Cookie:%20x=1"),
        ("https://shop.example/\u2028\x85\x0b", "https://shop.example/%E2%80%A8%C2%85%0B"),
    ],
)
def test_location(url: str, expected: str) -> None:
    assert location(url) == expected


@given(st.text(max_size=60))
def test_no_text_breaks_out_of_a_location(rest: str) -> None:
    for url in (f"https://shop.example/{rest}", f"https://{rest}/"):
        try:
            found = location(url)
        except UnicodeEncodeError:
            assert any(0xD800 <= ord(c) < 0xE000 for c in rest)  # a token never holds one
            continue
        assert found.startswith("https://")
        assert all(0x20 < ord(c) < 0x7F for c in found)


@pytest.fixture
def page(sent: Sent) -> str:
    return f"/u/{signing.unsubscribe_token(sent.recipients[0].pk)}"


def is_unsubscribed(sent: Sent, index: int = 0) -> bool:
    contacts = Contact.objects.of(sent.campaign.account_id)
    email = sent.recipients[index].address
    return contacts.filter(email=email, unsubscribed_at__isnull=False).exists()


def test_looking_at_the_unsubscribe_page_changes_nothing(
    client: Client, sent: Sent, page: str
) -> None:
    answer = client.get(page)
    assert answer.status_code == 200
    assert "ann@reader.example" in answer.content.decode()
    assert client.head(page).status_code == 200
    assert not answer.cookies and answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert not is_unsubscribed(sent)


@pytest.mark.parametrize("body", [{}, {"List-Unsubscribe": "yes"}, {"x": "One-Click"}])
def test_a_post_that_does_not_ask_for_it_changes_nothing(
    client: Client, sent: Sent, page: str, body: dict[str, str]
) -> None:
    assert client.post(page, body).status_code == 400
    assert not is_unsubscribed(sent)


def test_one_click_unsubscribes_exactly_that_reader_once(sent: Sent, page: str) -> None:
    provider = Client(enforce_csrf_checks=True)
    for host in ("testserver", "t1.shop.example"):
        answer = provider.post(
            page,
            "List-Unsubscribe=One-Click",
            content_type="application/x-www-form-urlencoded",
            HTTP_HOST=host,
            HTTP_ORIGIN="https://mail.provider.example",
        )
        assert answer.status_code == 200
        assert not answer.cookies
    assert is_unsubscribed(sent)
    assert not is_unsubscribed(sent, 1) and not is_unsubscribed(sent, 2)
    events = Event.objects.of(sent.campaign.account_id).filter(type="unsubscribed")
    (event,) = events
    assert event.recipient_id == sent.recipients[0].pk
    assert event.campaign_id == sent.campaign.pk
    assert event.data == {"source": "link"}
    assert "have unsubscribed" in provider.get(page).content.decode()


def test_the_form_of_the_page_and_multipart_work_too(client: Client, sent: Sent, page: str) -> None:
    assert 'name="List-Unsubscribe" value="One-Click"' in client.get(page).content.decode()
    assert client.post(page, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert is_unsubscribed(sent)


def test_a_foreign_unsubscribe_link_is_404(client: Client, db: None) -> None:
    for token in ("x", signing.open_token(RECIPIENT), signing.unsubscribe_token(RECIPIENT)):
        assert client.get(f"/u/{token}").status_code == 404
        assert client.post(f"/u/{token}", {"List-Unsubscribe": "One-Click"}).status_code == 404


def test_the_unsubscribe_page_escapes_the_address(client: Client, sent: Sent, page: str) -> None:
    recipient = sent.recipients[0]
    recipient.address = '"<script>alert(1)</script>"@reader.example'
    recipient.save()
    assert "<script>alert" not in client.get(page).content.decode()


def test_a_signed_in_member_gets_no_further_than_a_reader(
    sent: Sent, page: str, charlie: User, signed_in: Callable[[User], Client]
) -> None:
    assert signed_in(charlie).get(page, HTTP_HOST="t1.shop.example").status_code == 200
