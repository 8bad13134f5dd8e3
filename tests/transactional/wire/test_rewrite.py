"""Submitted messages: the HTML changes, nothing else does, and bombs are refused quickly."""

import email
import email.policy
from base64 import b64encode
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.wire.header import HeaderError
from transactional.wire.mime import Attachment, MimeError, build
from transactional.wire.parts import scan
from transactional.wire.rewrite import normalise_eol, to_7bit, transform

HEADERS = [("From", b"a@x.example"), ("Subject", b"s")]
HTML_CTE = b"Content-Type: text/html; charset=%b\r\nContent-Transfer-Encoding: %b\r\n"


def mark(html: str) -> str:
    return html + "<!-- seen -->"


def same(html: str) -> str:
    return html


def single(body: bytes, *, charset: bytes = b"utf-8", cte: bytes = b"8bit") -> bytes:
    return b"From: a@x.example\r\n" + HTML_CTE % (charset, cte) + b"\r\n" + body


def html_of(raw: bytes) -> str:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    part = message.get_body(("html",))
    assert part is not None
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode(part.get_content_charset() or "ascii")


def mixed(*parts: bytes, boundary: bytes = b"b1", kind: bytes = b"mixed") -> bytes:
    head = b'From: a@x.example\r\nContent-Type: multipart/%b; boundary="%b"\r\n\r\n' % (
        kind,
        boundary,
    )
    body = b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts)
    return head + b"preamble\r\n" + body + b"--%b--\r\nepilogue\r\n" % boundary


CHARSETS = [
    (b"utf-8", "utf-8", "Zoë 🎉 <b>x</b> = \t\r\nend"),
    (b"iso-8859-1", "latin-1", "Zoë £\r\nend\r\n"),
    (b'"windows-1252"', "cp1252", "Zoë € “q”\r\n"),
    (b"iso-2022-jp", "iso2022_jp", "こんにちは世界 <b>\r\n"),
    (b"koi8-r", "koi8-r", "Привет"),
    (b"shift_jis", "shift_jis", "こんにちは"),
    (b"us-ascii", "ascii", "plain\r\n"),
]
CTES = [b"7bit", b"8bit", b"binary", b"quoted-printable", b"base64"]
UTF_16 = ((b"utf-16", "utf-16", "Zoë €\r\n"), b"base64")  # has NULs, so nothing else carries it


@pytest.mark.parametrize(
    ("text_in_charset", "cte"), [*((text, cte) for text in CHARSETS for cte in CTES), UTF_16]
)
def test_html_is_changed_in_its_own_charset(
    text_in_charset: tuple[bytes, str, str], cte: bytes
) -> None:
    charset, codec, text = text_in_charset
    data = text.encode(codec)
    if cte == b"base64":
        data = b64encode(data)
    elif cte == b"quoted-printable":
        data = b"".join(bytes((b,)) if b in b"\r\n" else b"=%02X" % b for b in data)
    for raw in (
        single(data, charset=charset, cte=cte),
        mixed(HTML_CTE % (charset, cte) + b"\r\n" + data),
    ):
        changed = transform(raw, html=mark)
        assert changed.isascii()
        read = html_of(changed)
        # a part's last line end may be one more or less
        assert read.replace("\r\n", "") == mark(text).replace("\r\n", "")
        assert charset.strip(b'"') in changed


def test_what_the_charset_cannot_say_becomes_a_reference() -> None:
    raw = single("é".encode("latin-1"), charset=b"iso-8859-1")
    assert html_of(transform(raw, html=lambda html: html + "€🎉")) == "é&#8364;&#127881;"


def test_bytes_wrong_in_their_charset_survive() -> None:
    for charset in (b"utf-8", b"us-ascii"):
        raw = single(b"\xff\xfe<p>", charset=charset)
        body = scan(transform(raw, html=mark)).parts[0].decoded()
        assert body == b"\xff\xfe<p><!-- seen -->"


@pytest.mark.parametrize(
    "raw",
    [
        single(b"x", charset=b"no-such-charset"),
        single(b"x", charset=b"idna"),
        single(b"\x1b$Bz", charset=b"iso-2022-jp"),
        single(b"x", cte=b"x-uuencode"),
        single(b"x").replace(b"\r\n\r\n", b"\r\nContent-Type: text/plain\r\n\r\n"),
        b"From: a@x.example\r\n\r\n<a href='http://x'>",
        single(b"x").replace(b"From", b"Content-Disposition: attachment\r\nFrom"),
        single(b"x").replace(b"From", b'Content-Disposition: inline; filename="a.html"\r\nFrom'),
        single(b"x").replace(b"text/html;", b'text/html; name="a.html";'),
    ],
)
def test_unreadable_parts_and_attachments_stay_byte_equal(raw: bytes) -> None:
    assert transform(raw, html=mark) == raw


def test_only_the_shown_html_of_a_large_message_changes() -> None:
    inner = single(b"<p>enclosed").replace(b"\r\n", b"\r\n")
    signed = mixed(b"Content-Type: text/html\r\n\r\n<p>signed", boundary=b"s", kind=b"signed")
    signed = signed.removeprefix(b"From: a@x.example\r\n")
    parts = [
        b"\r\nplain with no header",
        b"Content-Type: text/html\r\nX-Odd:   kept \r\n\r\n<p>shown",
        b"Content-Type: text/html\r\nContent-Disposition: attachment\r\n\r\n<p>attached",
        b"Content-Type: message/rfc822\r\n\r\n" + inner,
        signed,
        b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\nAw==",
    ]
    raw = mixed(*parts)
    wanted = mixed(
        parts[0],
        b"Content-Type: text/html\r\nX-Odd:   kept \r\n\r\n<p>shown<!-- seen -->",
        *parts[2:],
    )
    assert transform(raw, html=mark) == wanted


def test_wholly_signed_message_keeps_its_body() -> None:
    raw = mixed(b"Content-Type: text/html\r\n\r\n<p>", kind=b"signed")
    assert transform(raw, html=mark) == raw


def test_unchanged_html_leaves_every_byte() -> None:
    raw = build(
        headers=HEADERS, text="t é", html="<p>é", boundary="b", attachments=(Attachment("a", b"x"),)
    )
    assert transform(raw, html=same) == raw
    assert transform(raw, html=None) == raw


def test_headers_are_dropped_and_missing_ones_added() -> None:
    raw = (
        b"Return-Path: <a@x>\r\nFrom: a@x.example\r\nbcc: one@x,\r\n two@x\r\nDate: kept\r\n"
        b"Subject: kept\r\n  folded\r\n\r\nbody\r\n"
    )
    changed = transform(
        raw,
        html=mark,
        drop_headers=frozenset({"bcc", "return-path"}),
        add_headers=[("Date", b"new"), ("Message-ID", b"<1@x>"), ("MIME-Version", b"1.0")],
    )
    assert changed == (
        b"From: a@x.example\r\nDate: kept\r\nSubject: kept\r\n  folded\r\n"
        b"Message-ID: <1@x>\r\nMIME-Version: 1.0\r\n\r\nbody\r\n"
    )


def test_a_dropped_header_can_be_replaced() -> None:
    changed = transform(
        b"Date: old\r\nFrom: a@x\r\n\r\n",
        html=None,
        drop_headers=frozenset({"date"}),
        add_headers=[("Date", b"new")],
    )
    assert changed == b"From: a@x\r\nDate: new\r\n\r\n"


def test_message_without_body_takes_headers() -> None:
    for raw in (b"From: a@x", b"From: a@x\r\n"):
        assert (
            transform(raw, html=None, add_headers=[("Date", b"d")]) == b"From: a@x\r\nDate: d\r\n"
        )


def test_added_headers_cannot_break_out() -> None:
    with pytest.raises(HeaderError):
        transform(b"From: a@x\r\n\r\n", html=None, add_headers=[("X", b"a\r\nBcc: b")])


@pytest.mark.parametrize("raw", [b"A: b\n\nx\n", b"A: b\r\rx\r", b"A: b\r\n\r\nx\n.\ny\r.\r"])
def test_normalise_eol(raw: bytes) -> None:
    made = normalise_eol(raw)
    assert made.count(b"\r\n") == made.count(b"\n") == made.count(b"\r")
    assert made.replace(b"\r\n", b"\n") == raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert normalise_eol(made) is made


def test_nul_is_refused() -> None:
    with pytest.raises(MimeError) as refused:
        normalise_eol(b"From: a\0b\r\n")
    assert refused.value.code == "nul"


def test_long_lines_are_encoded_not_cut() -> None:
    words = b"word " * 400
    raw = mixed(
        b"Content-Type: text/plain\r\n\r\n" + words,
        b"Content-Type: text/html\r\n\r\n" + words,
        b"Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + b64encode(words),
        b"Content-Type: text/plain\r\n\r\nshort",
    )
    changed = transform(raw, html=same)
    assert max(map(len, changed.split(b"\r\n"))) <= 78
    assert [p.decoded() for p in scan(changed).leaves()] == [words, words, words, b"short"]
    assert b"Content-Type: text/plain\r\n\r\nshort\r\n" in changed


@pytest.mark.parametrize(
    "raw",
    [
        b"X: " + b"a" * 999 + b"\r\n\r\n",
        mixed(b"Content-Type: text/plain\r\n\r\n" + b"a" * 999, kind=b"signed"),
        mixed(b"Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\n" + b"a" * 999),
    ],
)
def test_long_lines_that_may_not_change_are_refused(raw: bytes) -> None:
    with pytest.raises(MimeError) as refused:
        transform(raw, html=mark)
    assert refused.value.code == "line-too-long"


def test_lines_of_exactly_998_pass() -> None:
    raw = b"X: " + b"a" * 995 + b"\r\n\r\n" + b"b" * 998 + b"\r\n" + b"c" * 998
    assert transform(raw, html=mark) == raw


def test_7bit_stays_7bit_until_a_line_grows_too_long_or_needs_more_bits() -> None:
    raw = mixed(b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>a=b\r\n.dot</p>")
    kept = transform(raw, html=mark)
    assert b"\r\n\r\n<p>a=b\r\n.dot</p><!-- seen -->\r\n" in kept
    assert b"Content-Transfer-Encoding" not in kept
    for grown in ("x" * 999, "é"):
        changed = transform(raw, html=lambda html, more=grown: html + more)
        assert b"Content-Transfer-Encoding: quoted-printable\r\n" in changed
        assert changed.isascii()
        assert max(map(len, changed.split(b"\r\n"))) <= 998


def test_to_7bit_encodes_what_is_8bit_and_nothing_else() -> None:
    inner = b"From: b@x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + "größe".encode()
    raw = mixed(
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nZoë".encode(),
        b"Content-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\xff\xfe",
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + inner,
        b"Content-Type: text/plain\r\n\r\nplain",
    )
    changed = to_7bit(raw)
    assert changed.isascii()
    decoded = [p.decoded() for p in scan(changed, into_messages=True).leaves()]
    assert decoded == ["Zoë".encode(), b"\xff\xfe", "größe".encode(), b"plain"]
    assert b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n" in changed
    assert b"Content-Type: text/plain\r\n\r\nplain\r\n" in changed
    assert to_7bit(changed) is changed


def test_to_7bit_refuses_to_break_a_signature() -> None:
    with pytest.raises(MimeError) as refused:
        to_7bit(mixed("Content-Type: text/plain\r\n\r\né".encode(), kind=b"signed"))
    assert refused.value.code == "needs-8bitmime"


TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=300)


@given(TEXT, TEXT, st.binary(max_size=200))
def test_built_messages_are_changed_in_the_html_only(text: str, html: str, data: bytes) -> None:
    files = (Attachment("a.bin", data),)
    raw = build(headers=HEADERS, text=text, html=html + "x", boundary="=_b", attachments=files)
    changed = transform(raw, html=mark)
    before, after = list(scan(raw).leaves()), list(scan(changed).leaves())
    assert len(before) == len(after) == 3
    for kind, old, new in zip(("text", "html", "file"), before, after, strict=True):
        if kind == "html":
            assert new.decoded() == (old.decoded() or b"") + b"<!-- seen -->"
        else:
            assert raw[old.start : old.end] == changed[new.start : new.end]


@given(
    st.binary(max_size=300)
    | st.text("--b\r\n:; Content-Type: multipart/mixed; boundary=b\r\n").map(str.encode)
)
def test_any_bytes_are_changed_or_refused(raw: bytes) -> None:
    for work in (lambda: transform(raw, html=mark), lambda: to_7bit(normalise_eol(raw))):
        try:
            result = work()
        except MimeError:
            continue
        assert isinstance(result, bytes)
        assert normalise_eol(result) is result
