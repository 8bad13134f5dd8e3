"""Built messages: what was put in is what two independent readers take out."""

import email
import email.policy
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.wire.header import HeaderError, encode_unstructured, split_headers
from transactional.wire.mime import (
    Attachment,
    MimeError,
    build,
    format_date,
    is_reserved,
    safe_filename,
)
from transactional.wire.parts import scan

HEADERS = [
    ("From", b"Shop <noreply@shop.example>"),
    ("To", b"a@x.example"),
    ("Subject", b"Receipt"),
    ("Date", b"Mon, 23 Nov 2026 16:00:00 +0000"),
    ("Message-ID", b"<1@shop.example>"),
]
BODY = st.text(st.characters(blacklist_categories=("Cs",)), max_size=400)


def make(
    *, text: str | None = None, html: str | None = None, attachments: tuple[Attachment, ...] = ()
) -> bytes:
    return build(headers=HEADERS, text=text, html=html, boundary="=_b1", attachments=attachments)


def parse(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not [part.defects for part in message.walk() if part.defects]
    return message


def assert_wire_clean(raw: bytes) -> None:
    assert raw.isascii()
    assert b"\0" not in raw
    assert raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r")
    assert all(len(line) <= 78 for line in raw.split(b"\r\n"))


def content(part: EmailMessage | None) -> str:
    assert part is not None
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


def test_both_parts_make_an_alternative() -> None:
    raw = make(text="Thank you, Zoë\n", html="<p>Thank you, Zoë 🎉</p>")
    assert_wire_clean(raw)
    message = parse(raw)
    assert message.get_content_type() == "multipart/alternative"
    assert [p.get_content_type() for p in message.iter_parts()] == ["text/plain", "text/html"]
    assert content(message.get_body(("plain",))) == "Thank you, Zoë\r\n"
    assert content(message.get_body(("html",))) == "<p>Thank you, Zoë 🎉</p>"


def test_header_list_is_the_wanted_list_for_two_readers() -> None:
    raw = make(text="x", html="<p>x")
    wanted = [*(name for name, _ in HEADERS), "MIME-Version", "Content-Type"]
    assert parse(raw).keys() == wanted
    assert [f.name for f in split_headers(raw)] == wanted


@pytest.mark.parametrize(("text", "html", "kind"), [("a", None, "plain"), (None, "<a>", "html")])
def test_one_part_alone_is_no_multipart(text: str | None, html: str | None, kind: str) -> None:
    message = parse(make(text=text, html=html))
    assert message.get_content_type() == f"text/{kind}"
    assert content(message) == (text or html)


def test_neither_part_is_an_empty_text() -> None:
    assert content(parse(make())) == ""


def test_encoding_is_the_shorter_one() -> None:
    assert b"Transfer-Encoding: quoted-printable" in make(text="plain words, one é")
    assert b"Transfer-Encoding: base64" in make(text="Привет, мир " * 20)


def test_same_input_same_bytes() -> None:
    files = (Attachment("a.pdf", b"x" * 999),)
    assert make(text="a", html="b", attachments=files) == make(
        text="a", html="b", attachments=files
    )


def test_attachments_and_inline_images() -> None:
    pdf, png = bytes(range(256)) * 9, b"\x89PNG"
    raw = make(
        text="t",
        html='<img src="cid:logo@x">',
        attachments=(
            Attachment("Rechnung für Zoë.pdf", pdf, "application/pdf"),
            Attachment("logo.png", png, "image/png", content_id="logo@x"),
        ),
    )
    assert_wire_clean(raw)
    message = parse(raw)
    assert [p.get_content_type() for p in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ]
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == "Rechnung für Zoë.pdf"
    assert attached.get_payload(decode=True) == pdf
    image = next(p for p in message.walk() if p.get_content_type() == "image/png")
    assert (image["content-id"], image.get_content_disposition()) == ("<logo@x>", "inline")


@given(BODY, BODY)
def test_round_trip_through_two_readers(text: str, html: str) -> None:
    raw = make(text=text, html=html)
    assert_wire_clean(raw)
    message = parse(raw)
    assert content(message.get_body(("plain",))) == lines(text)
    assert content(message.get_body(("html",))) == lines(html)
    ours = [part for part in scan(raw).parts if not part.is_container]
    assert [part.decoded() for part in ours] == [lines(text).encode(), lines(html).encode()]


@given(st.text(max_size=80))
def test_any_subject_is_one_header_or_refused(subject: str) -> None:
    try:
        value = encode_unstructured(subject)
    except HeaderError:
        return
    raw = build(headers=[("Subject", value)], text="x", html=None, boundary="b")
    wanted = ["Subject", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"]
    assert parse(raw).keys() == wanted
    assert [f.name for f in split_headers(raw)] == wanted


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("X-A", b"a\r\nBcc: x@evil.example", "control"),
        ("X-A", b"a\nBcc: x@evil.example", "control"),
        ("X-A\r\nBcc", b"x", "name"),
        ("X:A", b"x", "name"),
        ("", b"x", "name"),
        ("Bcc", b"x@x.example", "reserved"),
        ("Content-Type", b"text/html", "reserved"),
        ("mime-version", b"1.0", "reserved"),
        ("From", b"b@evil.example", "duplicate"),
        ("SUBJECT", b"b", "duplicate"),
        ("X-A", "é".encode(), "8bit"),
    ],
)
def test_headers_that_break_out_are_refused(name: str, value: bytes, code: str) -> None:
    with pytest.raises(HeaderError) as refused:
        build(headers=[*HEADERS, (name, value)], text="x", html=None, boundary="b")
    assert refused.value.code == code


@pytest.mark.parametrize("boundary", ["", "a b", 'a"', "a\r\nX: y", "é", "x" * 61])
def test_boundary_must_be_safe(boundary: str) -> None:
    with pytest.raises(MimeError):
        build(headers=HEADERS, text="x", html="y", boundary=boundary)


def test_boundary_in_the_content_is_refused() -> None:
    with pytest.raises(MimeError):
        build(headers=HEADERS, text="x\n--ba\n", html="y", boundary="b")


@pytest.mark.parametrize(
    ("attachment", "code"),
    [
        (Attachment("a", b"", "multipart/mixed"), "attachment-type"),
        (Attachment("a", b"", "message/rfc822"), "attachment-type"),
        (Attachment("a", b"", "text/plain\r\nX: y"), "attachment-type"),
        (Attachment("a", b"", "text/plain; charset=x"), "attachment-type"),
        (Attachment("a", b"", "text/plain\n"), "attachment-type"),
        (Attachment("a", b"", "image/png", "a>\r\nX: <b"), "content-id"),
    ],
)
def test_attachments_that_break_out_are_refused(attachment: Attachment, code: str) -> None:
    with pytest.raises(MimeError) as refused:
        make(text="x", attachments=(attachment,))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.doc", "a.doc"),
        ("a.pdf\0.exe", "a.pdf.exe"),
        ("x\r\ny.txt", "xy.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        (".htaccess", "htaccess"),
        ('a"b.txt', "a_b.txt"),
        ("", "attachment"),
        ("...", "attachment"),
        ("é" * 300 + ".pdf", "é" * 98 + ".pdf"),
        ("a." + "x" * 300, ("a." + "x" * 300)[:200]),
    ],
)
def test_safe_filename(name: str, safe: str) -> None:
    assert safe_filename(name) == safe


@given(st.text(max_size=120))
def test_any_filename_is_read_back_as_its_safe_form(name: str) -> None:
    raw = make(text="x", attachments=(Attachment(name, b"x"),))
    assert_wire_clean(raw)
    (attached,) = parse(raw).iter_attachments()
    assert attached.get_filename() == safe_filename(name)


@pytest.mark.parametrize("name", ["Bcc", "DKIM-Signature", "ARC-Seal", "Content-Type", "resent-to"])
def test_reserved_names(name: str) -> None:
    assert is_reserved(name)
    assert not is_reserved("X-Order-Number")


def test_format_date() -> None:
    moment = datetime(2026, 11, 3, 4, 5, 6, 789, tzinfo=UTC)
    assert format_date(moment) == "Tue, 03 Nov 2026 04:05:06 +0000"
    west = moment.astimezone(timezone(-timedelta(hours=3, minutes=30)))
    assert format_date(west) == "Tue, 03 Nov 2026 00:35:06 -0330"
    with pytest.raises(ValueError):
        format_date(moment.replace(tzinfo=None))


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(1971, 1, 1)))
def test_any_date_is_read_back(moment: datetime) -> None:
    read = parsedate_to_datetime(format_date(moment))
    assert abs(read - moment) < timedelta(seconds=61)  # zones of the past had seconds
