"""Who a submitted message says it is from: one answer, or a refusal (spoofing table A10)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.wire.mime import MimeError
from transactional.wire.rewrite import inspect, received_count


@pytest.mark.parametrize(
    ("value", "spec", "name"),
    [
        (b"a@x.example", "a@x.example", ""),
        (b"Alice <a@x.example>", "a@x.example", "Alice"),
        (b"\r\n a@x.example", "a@x.example", ""),
        (b"=?utf-8?q?Zo=C3=AB?=\r\n <a@x.example>", "a@x.example", "Zoë"),
        ("Zoë <a@x.example>".encode(), "a@x.example", "Zoë"),
        (b"Zo\xeb <a@x.example>", "a@x.example", "Zoë"),
        (b"a@x.example (Alice)", "a@x.example", ""),
        (b'"b@y.example" <a@x.example>', "a@x.example", "b@y.example"),
    ],
)
def test_reads_the_one_from(value: bytes, spec: str, name: str) -> None:
    seen = inspect(b"From: " + value + b"\r\n\r\n")
    assert (seen.from_.spec, seen.from_.name) == (spec, name)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (b"Subject: x\r\n", "no-from"),
        (b"From: a@x.example\r\nFrom: b@y.example\r\n", "bad-from"),
        (b"From: a@x.example\r\nfRoM: b@y.example\r\n", "bad-from"),
        (b"From: a@x.example\nFROM: b@y.example\n", "bad-from"),
        (b"From: a@x.example\rFrom: b@y.example\r", "bad-from"),
        (b"From: a@x.example, b@y.example\r\n", "bad-from"),
        (b"From: a@x.example,\r\n b@y.example\r\n", "bad-from"),
        (b"From: \r\n", "bad-from"),
        (b"From:\0a@x.example\r\n", "nul"),
        (b"From: a@x.example\0\r\n", "nul"),
        (b"From : b@y.example\r\nFrom: a@x.example\r\n", "malformed"),
        (b"From\t: a@x.example\r\n", "malformed"),
        (b" From: b@y.example\r\nFrom: a@x.example\r\n", "malformed"),
        (b"From a@x.example\r\nFrom: b@y.example\r\n", "malformed"),
        (b"From: a@=?utf-8?q?x=2Eexample?=\r\n", "bad-from"),
        (b"From: =?utf-8?q?a=40x=2Eexample?=\r\n", "bad-from"),
        (b"From: =?utf-8?q?a=40x=2Eexample?= <b@y.example>\r\n", "bad-from"),
        (b"From: =?utf-8?q?=0D=0AFrom=3A?= <b@y.example>\r\n", "bad-from"),
        (b"From: Team: a@x.example;\r\n", "bad-from"),
        (b"From: undisclosed:;\r\n", "bad-from"),
        (b"From: x@x.example (y@y.example)\r\n", "bad-from"),
        (b"From: x@x.example <y@y.example>\r\n", "bad-from"),
        (b"From: <@x.example:y@y.example>\r\n", "bad-from"),
        (b"From: a@[192.0.2.1]\r\n", "bad-from"),
        (b"From: a\x0b@x.example\r\n", "bad-from"),
        ("From: \u202ea <a@x.example>\r\n".encode(), "bad-from"),
        (b"From: a@x.example\r\nSender: b@y.example, c@z.example\r\n", "bad-sender"),
        (b"From: a@x.example\r\nSender: nobody\r\n", "bad-sender"),
        (b"From: a@x.example\r\nReply-To: <b@y.example\r\n", "bad-reply-to"),
        (b"From: a@x.example\r\nSubject: 1\r\nsubject: 2\r\n", "duplicate-header"),
        (b"From: a@x.example\r\nMessage-ID: 1\r\nMessage-Id: 2\r\n", "duplicate-header"),
        (b"From: a@x.example\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n", "duplicate-header"),
    ],
)
def test_refuses_two_meanings(header: bytes, code: str) -> None:
    with pytest.raises(MimeError) as refused:
        inspect(header + b"\r\nbody")
    assert refused.value.code == code


def test_tells_the_rest() -> None:
    seen = inspect(
        b"Received: 1\r\nReceived: 2\r\nFrom: a@x.example\r\nSender: s@x.example\r\n"
        b'Reply-To: r@x.example, "R" <q@x.example>\r\nTo: t@x.example, Team: u@x.example;\r\n'
        b"Cc: broken @@\r\nSubject: =?utf-8?q?Re=C3=A7u?=\r\n folded\r\nMessage-ID: <1@x>\r\n"
        b"Date: Mon, 23 Nov 2026 16:00:00 +0000\r\nX-Tag: v\r\n"
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n"
        b"--b\r\n\r\ntext\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b--\r\n"
    )
    assert seen.sender is not None
    assert seen.sender.spec == "s@x.example"
    assert [a.spec for a in seen.reply_to] == ["r@x.example", "q@x.example"]
    assert [a.spec for a in seen.to] == ["t@x.example", "u@x.example"]
    assert seen.cc == ()
    assert seen.subject == "Reçu folded"
    assert (seen.message_id, seen.received) == ("<1@x>", 2)
    assert seen.date == "Mon, 23 Nov 2026 16:00:00 +0000"
    assert (seen.has_html, seen.has_text, seen.text_only) == (True, True, False)
    assert seen.has("x-TAG")
    assert not seen.has("X-Ta")


def test_bare_message_has_nothing_more() -> None:
    seen = inspect(b"From: a@x.example\r\n\r\nplain")
    assert (seen.sender, seen.reply_to, seen.to, seen.cc) == (None, (), (), ())
    assert (seen.subject, seen.message_id, seen.date, seen.received) == ("", None, None, 0)
    assert seen.text_only
    assert seen.has_text


def test_an_attached_page_is_not_shown_html() -> None:
    seen = inspect(
        b"From: a@x.example\r\nContent-Type: text/html\r\nContent-Disposition: attachment\r\n\r\n<p>"
    )
    assert not seen.has_html


def test_received_count() -> None:
    assert received_count(b"Received: x\r\n" * 51 + b"\r\nReceived: body") == 51


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "header",
    [
        b"From: " + b"(" * 100_000,
        b"From: " + b"a@x.example," * 8_000,
        b"From: " + b"=?utf-8?q?a?= " * 7_000,
        b"From: a@x.example\r\nTo: " + b"t@x.example, " * 7_000,
        b"From: a@x.example\r\nTo: " + b"(" * 100_000,
        b"From: a@x.example\r\nSubject: " + b"=?" * 50_000,
        b"A: b\r\n" * 16_000,
    ],
)
def test_hostile_headers_end_quickly(header: bytes) -> None:
    try:
        seen = inspect(header + b"\r\n\r\n")
    except MimeError as error:
        seen = None
        refused = error.code
    assert seen is not None or refused in ("bad-from", "no-from")


@given(st.binary(max_size=200) | st.text('From: a@x.<>(),;"\\\r\n=?', max_size=80).map(str.encode))
def test_any_header_is_read_or_refused(block: bytes) -> None:
    try:
        seen = inspect(block + b"\r\n\r\n")
    except MimeError:
        return
    assert "@" in seen.from_.spec
    assert sum(h.name.lower() == "from" for h in seen.headers) == 1
