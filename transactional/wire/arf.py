"""The only place that reads and writes abuse feedback reports (RFC 5965)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from transactional.wire.header import RawHeader
from transactional.wire.mime import format_date
from transactional.wire.report import (
    build_report,
    read_groups,
    read_parts,
    returned_headers,
)


@dataclass(frozen=True, slots=True)
class Feedback:
    """One complaint as reported; texts "" and tuples empty when not said."""

    feedback_type: str
    """`abuse`, `fraud`, `not-spam`, … in lower case."""
    user_agent: str = ""
    original_mail_from: str = ""
    original_rcpt_to: tuple[str, ...] = ()
    arrival_date: str = ""
    source_ip: str = ""
    reported_domain: tuple[str, ...] = ()
    incidents: int = 1
    headers: tuple[RawHeader, ...] = ()
    """The header of the message complained about."""


def parse_arf(raw: bytes) -> Feedback | None:
    """Read a complaint; None when the message is no feedback report.

    Lenient, never raises. What it says is a claim of its sender: the recipient is to be taken
    from the signed address in the returned header, not from `original_rcpt_to`.
    """
    parts = read_parts(raw)
    for part in parts:
        if part.media_type != "message/feedback-report":
            continue
        fields = {
            name: values for group in reversed(read_groups(part)) for name, values in group.items()
        }

        def first(name: str, fields: dict[str, list[str]] = fields) -> str:
            return fields.get(name, [""])[0]

        # RFC 5965 §3.1 requires the type; some feeds leave it out and mean abuse.
        incidents = first("incidents")
        return Feedback(
            feedback_type=first("feedback-type").strip().lower() or "abuse",
            user_agent=first("user-agent"),
            original_mail_from=_bare(first("original-mail-from")),
            original_rcpt_to=tuple(_bare(v) for v in fields.get("original-rcpt-to", [])),
            arrival_date=first("arrival-date") or first("received-date"),
            source_ip=first("source-ip"),
            reported_domain=tuple(fields.get("reported-domain", [])),
            incidents=int(incidents) if incidents.isdecimal() and len(incidents) < 9 else 1,
            headers=returned_headers(parts),
        )
    return None


def _bare(address: str) -> str:
    return address.removeprefix("<").removesuffix(">")


def build_arf(
    *,
    from_: str,
    to: str,
    subject: str,
    date: datetime,
    message_id: str,
    boundary: str,
    text: str,
    original: bytes,
    feedback_type: str = "abuse",
    user_agent: str = "Postino-Sandbox/1",
    original_mail_from: str = "",
    original_rcpt_to: Sequence[str] = (),
    source_ip: str = "",
    reported_domain: str = "",
) -> bytes:
    """A complaint as a mailbox provider's feedback loop would send it.

    `original` is the message complained about with CRLF line ends. Raises HeaderError, MimeError.
    """
    fields = [("Feedback-Type", feedback_type), ("User-Agent", user_agent), ("Version", "1")]
    if original_mail_from:
        fields.append(("Original-Mail-From", f"<{original_mail_from}>"))
    fields += [("Original-Rcpt-To", f"<{address}>") for address in original_rcpt_to]
    fields.append(("Arrival-Date", format_date(date)))
    if source_ip:
        fields.append(("Source-IP", source_ip))
    if reported_domain:
        fields.append(("Reported-Domain", reported_domain))
    headers = [
        ("From", f"<{from_}>"),
        ("To", f"<{to}>"),
        ("Subject", subject),
        ("Date", format_date(date)),
        ("Message-ID", message_id),
    ]
    return build_report(
        headers=[(name, value.encode()) for name, value in headers],
        kind="feedback-report",
        media_type="message/feedback-report",
        text=text,
        groups=[fields],
        original=original,
        headers_only=False,
        boundary=boundary,
    )
