"""Contacts as a CSV file, made while it is read: their number is bounded by nothing."""

from collections.abc import Iterator
from datetime import datetime

from transactional import contact_log, csv_file
from transactional.contact_changes import as_text
from transactional.contact_log import Filters

FIXED = ("email", "unsubscribed_at", "quarantined_at", "opt_in", "created_at")


def pieces(account_id: int, filters: Filters) -> Iterator[bytes]:
    """The file, piece by piece: what is fixed, then a column for each property that exists."""
    return csv_file.written(_rows(account_id, filters))


def _rows(account_id: int, filters: Filters) -> Iterator[list[str]]:
    names = contact_log.property_names(account_id)
    yield [*FIXED, *(f"property {name}" if name in FIXED else name for name in names)]
    for one in contact_log.everybody(account_id, filters):
        moments = [_moment(one.unsubscribed_at), _moment(one.quarantined_at)]
        stored = one.properties
        yield [
            one.email,
            *moments,
            one.opt_in,
            _moment(one.created_at),
            *(as_text(stored[name]) if name in stored else "" for name in names),
        ]


def _moment(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""
