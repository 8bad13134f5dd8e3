"""Suppression lists as other services take them: which of our rows go into which of their files.

They have no reach of a suppression, so what we stop only for marketing and by hand is theirs only
where they have a list for it.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from tokens.models import Scope
from transactional import suppression_files
from transactional.models import SuppressionReason

Cells = tuple[str, ...]
_PIECE = 16_384  # octets of a file that are written at once
_BOUNCES = frozenset({SuppressionReason.HARD_BOUNCE, SuppressionReason.SOFT_BOUNCE})
_STATUS = re.compile(r"(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?!\.?\d)")
_CODE = re.compile(r"(?<![\d.\-])[45]\d\d(?=[ \-])")
# Where the evidence says little: words that every reader takes as what the row is
_PLAIN = {
    SuppressionReason.HARD_BOUNCE: "550 5.1.1 No such user",
    SuppressionReason.SOFT_BOUNCE: "452 4.2.2 Mailbox full",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One of our suppressions."""

    address: str
    reason: SuppressionReason
    scope: Scope
    evidence: str
    added: datetime


@dataclass(frozen=True, slots=True)
class Form:
    """A file of another service: its name, its header ("" is none), and a row's cells in it; no
    cells: the row does not belong there.
    """

    name: str
    header: Cells
    cells: Callable[[Row], Cells | None]


def _ses(row: Row) -> Cells | None:
    if row.reason == SuppressionReason.COMPLAINT:
        return (row.address, "COMPLAINT")
    if row.reason == SuppressionReason.MANUAL and row.scope == Scope.MARKETING:
        return None
    return (row.address, "BOUNCE")


_POSTMARK = {
    SuppressionReason.HARD_BOUNCE: ("HardBounce", "Recipient"),
    SuppressionReason.COMPLAINT: ("SpamComplaint", "Recipient"),
    SuppressionReason.MANUAL: ("ManualSuppression", "Customer"),
}


def _postmark(row: Row) -> Cells | None:
    known = _POSTMARK.get(row.reason)
    return (row.address, *known, row.added.isoformat(timespec="seconds")) if known else None


def _said(row: Row) -> str:
    """What was said, if whoever reads it takes the row for what it is."""
    said = " ".join(row.evidence.split())[:500]
    same = suppression_files.bounce_reason("", said) == row.reason if said else False
    return said if same else _PLAIN[row.reason]


def _sendgrid_bounce(row: Row) -> Cells | None:
    if row.reason not in _BOUNCES:
        return None
    said = _said(row)
    status = _STATUS.search(said)
    return (status[0] if status else "", said, row.address, str(int(row.added.timestamp())))


def _mailgun_bounce(row: Row) -> Cells | None:
    if row.reason not in _BOUNCES:
        return None
    said = _said(row)
    code = _CODE.search(said)
    return (row.address, code[0] if code else "550", said, format_datetime(row.added))


def _of(reason: SuppressionReason, cells: Callable[[Row], Cells]) -> Callable[[Row], Cells | None]:
    return lambda row: cells(row) if row.reason == reason else None


_COMPLAINT, _MANUAL = SuppressionReason.COMPLAINT, SuppressionReason.MANUAL
FORMS: Mapping[str, Form] = {
    "ses": Form("Amazon SES", (), _ses),
    "postmark": Form(
        "Postmark", ("EmailAddress", "SuppressionReason", "Origin", "CreatedAt"), _postmark
    ),
    "sendgrid-bounces": Form(
        "SendGrid, bounces", ("status", "reason", "email", "created"), _sendgrid_bounce
    ),
    "sendgrid-spam": Form(
        "SendGrid, spam reports",
        ("ip", "email", "created"),
        _of(_COMPLAINT, lambda row: ("", row.address, str(int(row.added.timestamp())))),
    ),
    "sendgrid-unsubscribes": Form(
        "SendGrid, unsubscribes",
        ("email", "created"),
        _of(_MANUAL, lambda row: (row.address, str(int(row.added.timestamp())))),
    ),
    "mailgun-bounces": Form(
        "Mailgun, bounces", ("address", "code", "error", "created_at"), _mailgun_bounce
    ),
    "mailgun-complaints": Form(
        "Mailgun, complaints",
        ("address", "created_at"),
        _of(_COMPLAINT, lambda row: (row.address, format_datetime(row.added))),
    ),
    "mailgun-unsubscribes": Form(
        "Mailgun, unsubscribes",
        ("address", "tags", "created_at"),
        _of(_MANUAL, lambda row: (row.address, "*", format_datetime(row.added))),
    ),
}


def write(rows: Iterable[Sequence[str]], form: str) -> Iterator[bytes]:
    """A file of a form in FORMS, in pieces; `rows` have `suppression_files.COLUMNS`. KeyError."""
    chosen = FORMS[form]
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    if chosen.header:
        writer.writerow(chosen.header)
    for address, reason, scope, evidence, _, added in rows:
        row = Row(
            address,
            SuppressionReason(reason),
            Scope(scope),
            evidence,
            datetime.fromisoformat(added),
        )
        cells = chosen.cells(row)
        if cells is not None:
            writer.writerow([suppression_files.safe(cell) for cell in cells])
        if buffer.tell() > _PIECE:
            yield buffer.getvalue().encode("utf-8", "replace")
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode("utf-8", "replace")
