"""The only place that reads and writes delivery status notifications (RFC 3464)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from transactional.wire.header import RawHeader
from transactional.wire.mime import format_date
from transactional.wire.parts import Part
from transactional.wire.report import (
    Fields,
    build_report,
    read_groups,
    read_parts,
    returned_headers,
    typed,
)

_STATUS = re.compile(r"\b([245]\.[0-9]{1,3}\.[0-9]{1,3})\b")
_STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_WORDS = re.compile(r"[A-Za-z]{3,30}[ \t]{1,9}[A-Za-z]{3}")
_SPELLINGS = {"failure": "failed", "error": "failed", "fail": "failed", "delay": "delayed"}
ACTIONS = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})


@dataclass(frozen=True, slots=True)
class DsnRecipient:
    """What a report says happened to one recipient; texts as reported, "" when not said."""

    original_recipient: str = ""
    final_recipient: str = ""
    action: str = ""
    """One of ACTIONS, or "" when it is none of them."""
    status: str = ""
    """The enhanced status code, `5.1.1`."""
    diagnostic: str = ""
    """The remote server's reply, without its type."""
    remote_mta: str = ""


def parse_dsn(raw: bytes) -> list[DsnRecipient]:
    """Every recipient a report speaks of; empty when the message is no delivery report.

    Lenient, never raises: reports come from everywhere. What they say is a claim of their sender
    and must be matched with the address the report was sent to.
    """
    return read_dsn(read_parts(raw))


def read_dsn(parts: Sequence[Part]) -> list[DsnRecipient]:
    """As `parse_dsn`, of a message whose parts are known."""
    found: list[DsnRecipient] = []
    for part in parts:
        if part.media_type in _STATUS_TYPES:
            for group in read_groups(part):
                recipient = _recipient(group)
                if recipient:
                    found.append(recipient)
    return found


def _recipient(group: Fields) -> DsnRecipient | None:
    def first(name: str) -> str:
        return group.get(name, [""])[0]

    if not (first("final-recipient") or first("original-recipient") or first("action")):
        return None
    action = first("action").split("(")[0].strip().lower()
    action = _SPELLINGS.get(action, action)
    # Some write the reason where the status belongs: "553 Message too large"
    stated = first("status")
    diagnostic = typed(first("diagnostic-code")) or (stated if _WORDS.search(stated) else "")
    status = _STATUS.search(stated) or _STATUS.search(diagnostic)
    return DsnRecipient(
        original_recipient=_bare(typed(first("original-recipient"))),
        final_recipient=_bare(typed(first("final-recipient"))),
        action=action if action in ACTIONS else "",
        status=status[1] if status else "",
        diagnostic=diagnostic,
        remote_mta=typed(first("remote-mta")),
    )


def _bare(address: str) -> str:
    return address.removeprefix("<").removesuffix(">")


def original_headers(raw: bytes) -> tuple[RawHeader, ...]:
    """The header of the message a report is about, as far as it was returned; else empty."""
    return returned_headers(read_parts(raw))


def build_dsn(
    *,
    from_: str,
    to: str,
    subject: str,
    date: datetime,
    message_id: str,
    boundary: str,
    reporting_mta: str,
    recipients: Sequence[DsnRecipient],
    text: str,
    original: bytes | None = None,
    headers_only: bool = True,
    envelope_id: str = "",
) -> bytes:
    """A delivery report as a receiving server would send it to the null sender's door.

    `from_` and `to` are addresses, `original` the message it is about with CRLF line ends; only
    its header is returned unless `headers_only` is False. Raises HeaderError, MimeError.
    """
    about = [("Reporting-MTA", f"dns; {reporting_mta}")]
    if envelope_id:
        about.append(("Original-Envelope-Id", envelope_id))
    about.append(("Arrival-Date", format_date(date)))
    headers = [
        ("From", f"Mail Delivery System <{from_}>"),
        ("To", f"<{to}>"),
        ("Subject", subject),
        ("Date", format_date(date)),
        ("Message-ID", message_id),
        ("Auto-Submitted", "auto-replied"),
    ]
    return build_report(
        headers=[(name, value.encode()) for name, value in headers],
        kind="delivery-status",
        media_type="message/delivery-status",
        text=text,
        groups=[about, *(_group(recipient) for recipient in recipients)],
        original=original,
        headers_only=headers_only,
        boundary=boundary,
    )


def _group(recipient: DsnRecipient) -> list[tuple[str, str]]:
    fields = [
        ("Original-Recipient", "rfc822; ", recipient.original_recipient),
        ("Final-Recipient", "rfc822; ", recipient.final_recipient),
        ("Action", "", recipient.action),
        ("Status", "", recipient.status),
        ("Remote-MTA", "dns; ", recipient.remote_mta),
        ("Diagnostic-Code", "smtp; ", recipient.diagnostic),
    ]
    return [(name, kind + value) for name, kind, value in fields if value]
