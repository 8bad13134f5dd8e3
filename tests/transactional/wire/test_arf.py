"""Abuse reports: complaints of feedback loops, read leniently and never believed blindly."""

import email
import email.policy
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.wire.arf import Feedback, build_arf, parse_arf
from transactional.wire.header import HeaderError

ORIGINAL = b"From: a@shop.example\r\nMessage-ID: <1@shop.example>\r\n\r\nBuy\r\n"


def make(*, rcpt: tuple[str, ...] = ("alice@x.example",), text: str = "A complaint.") -> bytes:
    return build_arf(
        from_="fbl@x.example",
        to="fbl@shop.example",
        subject="FW: Receipt",
        date=datetime(2026, 11, 23, 16, 0, tzinfo=UTC),
        message_id="<c1@x.example>",
        boundary="=_f",
        text=text,
        original=ORIGINAL,
        original_mail_from="b-abc@bounce.shop.example",
        original_rcpt_to=rcpt,
        source_ip="192.0.2.1",
        reported_domain="shop.example",
    )


def report(fields: bytes) -> bytes:
    return (
        b"From: x@y\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
        b"Content-Type: message/feedback-report\r\n\r\n" + fields + b"\r\n--b--\r\n"
    )


def test_what_is_built_is_read() -> None:
    feedback = parse_arf(make(rcpt=("alice@x.example", "bob@x.example")))
    assert feedback is not None
    assert feedback.feedback_type == "abuse"
    assert feedback.user_agent == "Postino-Sandbox/1"
    assert feedback.original_mail_from == "b-abc@bounce.shop.example"
    assert feedback.original_rcpt_to == ("alice@x.example", "bob@x.example")
    assert feedback.source_ip == "192.0.2.1"
    assert feedback.reported_domain == ("shop.example",)
    assert feedback.arrival_date == "Mon, 23 Nov 2026 16:00:00 +0000"
    assert [(h.name, h.value) for h in feedback.headers] == [
        ("From", b" a@shop.example"),
        ("Message-ID", b" <1@shop.example>"),
    ]


def test_the_standard_library_reads_it_too() -> None:
    message = email.message_from_bytes(make(text="Größe"), policy=email.policy.default)
    assert message.get_param("report-type") == "feedback-report"
    kinds = [p.get_content_type() for p in message.iter_parts()]
    assert kinds == ["text/plain", "message/feedback-report", "message/rfc822"]
    enclosed = message.get_payload()[2].get_payload()[0]
    assert enclosed["Message-ID"] == "<1@shop.example>"


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        (b"Feedback-Type: Abuse\r\nVersion: 1", Feedback("abuse")),
        (b"Version: 0.1", Feedback("abuse")),
        (b"Feedback-Type: not-spam\r\nIncidents: 12", Feedback("not-spam", incidents=12)),
        (b"Feedback-Type: fraud\r\nIncidents: 9999999999999", Feedback("fraud")),
        (
            b"Feedback-Type: abuse\r\nReceived-Date: Mon\r\nOriginal-Rcpt-To: a@x.example",
            Feedback("abuse", arrival_date="Mon", original_rcpt_to=("a@x.example",)),
        ),
        (
            b"\r\nFeedback-Type: abuse\n\nSource-IP: 192.0.2.1",
            Feedback("abuse", source_ip="192.0.2.1"),
        ),
    ],
)
def test_reports_of_many_loops(fields: bytes, wanted: Feedback) -> None:
    assert parse_arf(report(fields)) == wanted


@pytest.mark.parametrize("raw", [b"", b"From: a@x\r\n\r\nFeedback-Type: abuse", ORIGINAL])
def test_no_report(raw: bytes) -> None:
    assert parse_arf(raw) is None


def test_fields_cannot_break_out() -> None:
    with pytest.raises(HeaderError):
        make(rcpt=("a@x.example>\r\nFeedback-Type: not-spam",))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "raw",
    [
        report(b"Original-Rcpt-To: a@x\r\n" * 80_000),
        report(b"Feedback-Type: " + b"a" * 1_500_000),
        report(b"Incidents: " + b"9" * 100_000),
        report("Incidents: ²".encode()),
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n" * 50_000,
        b"Content-Type: message/rfc822\r\n\r\n" * 50_000,
    ],
)
def test_bombs_are_read_in_time(raw: bytes) -> None:
    feedback = parse_arf(raw)
    assert feedback is None or feedback.incidents == 1


@given(st.binary(max_size=200) | st.text("Feedback-Typ: abuse\r\n<>").map(str.encode))
def test_any_fields_are_read(fields: bytes) -> None:
    feedback = parse_arf(report(fields))
    assert feedback is None or feedback.feedback_type
