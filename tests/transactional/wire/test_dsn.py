"""Delivery reports: what servers of all kinds say about each recipient, and bombs that say nothing."""

import email
import email.policy
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.wire.dsn import DsnRecipient, build_dsn, original_headers, parse_dsn
from transactional.wire.header import HeaderError

NOW = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
ORIGINAL = b"Message-ID: <1@shop.example>\r\nSubject: Receipt\r\n\r\nthe body\r\n"
FAILED = DsnRecipient(
    original_recipient="Alice@x.example",
    final_recipient="alice@x.example",
    action="failed",
    status="5.1.1",
    diagnostic="550 5.1.1 no such user",
    remote_mta="mx.x.example",
)


def make(
    *recipients: DsnRecipient, headers_only: bool = True, text: str = "Not delivered."
) -> bytes:
    return build_dsn(
        from_="mailer-daemon@mx.x.example",
        to="b-abc@bounce.shop.example",
        subject="Undelivered Mail Returned to Sender",
        date=NOW,
        message_id="<r1@mx.x.example>",
        boundary="=_r",
        reporting_mta="mx.x.example",
        recipients=recipients,
        text=text,
        original=ORIGINAL,
        headers_only=headers_only,
        envelope_id="abc",
    )


def status(
    block: bytes, *, kind: bytes = b"message/delivery-status", newline: bytes = b"\r\n"
) -> bytes:
    raw = (
        b"From: MAILER-DAEMON\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nSorry\r\n"
        b"--b\r\nContent-Type: %b\r\n\r\n%b\r\n--b--\r\n" % (kind, block)
    )
    return raw.replace(b"\r\n", newline)


@pytest.mark.parametrize("headers_only", [True, False])
def test_what_is_built_is_read(headers_only: bool) -> None:
    delayed = DsnRecipient(final_recipient="bob@x.example", action="delayed", status="4.2.2")
    raw = make(FAILED, delayed, headers_only=headers_only, text="Größe\nzwei")
    assert parse_dsn(raw) == [FAILED, delayed]
    assert [h.name for h in original_headers(raw)] == ["Message-ID", "Subject"]
    assert (b"the body" in raw) is not headers_only


def test_the_standard_library_reads_it_too() -> None:
    message = email.message_from_bytes(make(FAILED), policy=email.policy.default)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert [p.get_content_type() for p in message.iter_parts()] == [
        "text/plain",
        "message/delivery-status",
        "text/rfc822-headers",
    ]
    groups = message.get_payload()[1].get_payload()
    assert groups[0]["Reporting-MTA"] == "dns; mx.x.example"
    assert groups[1]["Status"] == "5.1.1"
    assert groups[1]["Diagnostic-Code"] == "smtp; 550 5.1.1 no such user"


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
@pytest.mark.parametrize(
    ("block", "wanted"),
    [
        (
            b"Reporting-MTA: dns; mx\r\n\r\nFinal-Recipient: RFC822;a@x.example\r\nAction: Failed (bad user)"
            b"\r\nStatus: 5.1.1 (unknown)\r\nDiagnostic-Code: X-Postfix; unknown user",
            DsnRecipient("", "a@x.example", "failed", "5.1.1", "unknown user", ""),
        ),
        (
            b"\r\n\r\nReporting-MTA: dns;mx\r\n\r\n\r\nFinal-Recipient: rfc822;<a@x.example>\r\n"
            b"Action: failed\r\nStatus: 5.0.0\r\nRemote-MTA: dns;mx2\r\n"
            b"Diagnostic-Code: smtp;550 5.7.1\r\n  blocked;\r\n\tsee list\r\n",
            DsnRecipient(
                "", "a@x.example", "failed", "5.0.0", "550 5.7.1  blocked;\tsee list", "mx2"
            ),
        ),
        (
            b"Final-Recipient: a@x.example\r\nAction: exploded\r\nDiagnostic-Code: 552 5.2.2; full",
            DsnRecipient("", "a@x.example", "", "5.2.2", "552 5.2.2; full", ""),
        ),
        (
            b"Original-Recipient: rfc822;user+42@x.example\r\nAction: delayed\r\nStatus: 4.4.1",
            DsnRecipient("user+42@x.example", "", "delayed", "4.4.1", "", ""),
        ),
        (
            b"Final-Recipient: utf-8; \xc3\xa9@x.example\r\nAction: failed\r\nStatus: nonsense",
            DsnRecipient("", "é@x.example", "failed", "", "", ""),
        ),
    ],
)
def test_reports_of_many_servers(block: bytes, wanted: DsnRecipient, newline: bytes) -> None:
    assert parse_dsn(status(block, newline=newline)) == [wanted]


def test_global_and_encoded_status_parts() -> None:
    block = b"Final-Recipient: rfc822;a@x.example\r\nAction: failed\r\nStatus: 5.1.1"
    assert parse_dsn(status(block, kind=b"message/global-delivery-status"))[0].status == "5.1.1"
    quoted = block.replace(b"5", b"=35")
    kind = b"message/delivery-status\r\nContent-Transfer-Encoding: quoted-printable"
    assert parse_dsn(status(quoted, kind=kind))[0].status == "5.1.1"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"From: a@x\r\n\r\nFinal-Recipient: rfc822;a@x.example",
        status(b"Reporting-MTA: dns; mx"),
        status(b"Final-Recipient: rfc822;a@x.example\r\nAction: failed", kind=b"text/plain"),
    ],
)
def test_no_report(raw: bytes) -> None:
    assert parse_dsn(raw) == []
    assert original_headers(raw) == ()


def test_damaged_header_and_nul_do_not_hide_a_report() -> None:
    raw = b"From MAILER-DAEMON Mon Nov 23\r\n" + status(b"Final-Recipient: rfc822;a@\0x.example")
    assert parse_dsn(raw)[0].final_recipient == "a@x.example"


def test_fields_cannot_break_out_of_a_built_report() -> None:
    with pytest.raises(HeaderError):
        make(DsnRecipient(final_recipient="a@x.example\r\nStatus: 2.0.0"))
    with pytest.raises(HeaderError):
        make(DsnRecipient(final_recipient="é@x.example"))


def test_long_fields_are_cut() -> None:
    raw = status(b"Final-Recipient: rfc822;a@x.example\r\nDiagnostic-Code: smtp; " + b"x" * 50_000)
    assert len(parse_dsn(raw)[0].diagnostic) <= 4_096


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "raw",
    [
        status(b"Final-Recipient: rfc822;a@x\r\n\r\n" * 60_000),
        status(b"\r\n" * 500_000),
        status(b"Action: failed\r\n" * 100_000),
        status(b"Status: " + b"5." * 500_000),
        status(b"Diagnostic-Code: " + b"a" * 500_000 + b"\r\nAction: failed"),
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n" * 50_000,
        b"Content-Type: message/rfc822\r\n\r\n" * 50_000,
        b"\0" * 3_000_000,
    ],
)
def test_bombs_are_read_in_time(raw: bytes) -> None:
    assert len(parse_dsn(raw)) <= 1_001
    original_headers(raw)


@given(st.binary(max_size=200) | st.text("Final-RecptAo: ;@\r\n\t=+x5.1").map(str.encode))
def test_any_status_part_is_read(block: bytes) -> None:
    for recipient in parse_dsn(status(block)):
        assert recipient.action == "" or recipient.action in {"failed", "delayed", "delivered"} | {
            "relayed",
            "expanded",
        }


FIELD = st.from_regex(r"[a-z0-9+.=]{1,20}@[a-z]{1,9}\.example", fullmatch=True)


@given(
    st.lists(FIELD, min_size=1, max_size=5),
    st.from_regex(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True),
)
def test_round_trip(addresses: list[str], code: str) -> None:
    wanted = [
        DsnRecipient(a, a, "failed", code, f"550 {code} no; really", "mx.example")
        for a in addresses
    ]
    assert parse_dsn(make(*wanted)) == wanted
