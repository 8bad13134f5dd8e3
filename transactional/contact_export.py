"""Contacts as a CSV file, made while it is read: their number is bounded by nothing."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from transactional import contact_lists, contact_log, csv_file, subscription_types, subscriptions
from transactional.contact_changes import as_text
from transactional.contact_log import Filters

FIXED = ("email", "unsubscribed_at", "quarantined_at", "opt_in", "created_at", "lists")
CHUNK = 500  # contacts whose lists and subscriptions are read at a time


def pieces(account_id: int, filters: Filters) -> Iterator[bytes]:
    """The file, piece by piece: what is fixed, then a column for each property that exists."""
    return csv_file.written(_rows(account_id, filters))


def _rows(account_id: int, filters: Filters) -> Iterator[list[str]]:
    names = contact_log.property_names(account_id)
    types = subscription_types.all_types(account_id, inactive=True)
    yield [
        *FIXED,
        *(f"subscription {one.name}" for one in types),
        *(f"property {name}" if name in FIXED else name for name in names),
    ]
    everybody = contact_log.everybody(account_id, filters)
    while chunk := list(islice(everybody, CHUNK)):
        people = subscriptions.people(account_id, [one.email for one in chunk])
        lists = contact_lists.names_of(account_id, [one.pk for one in chunk])
        for one in chunk:
            stored, person = one.properties, people[one.email]
            yield [
                one.email,
                _moment(one.unsubscribed_at),
                _moment(one.quarantined_at),
                one.opt_in,
                _moment(one.created_at),
                "; ".join(lists.get(one.pk, ())),
                *(str(person.status(type_.pk)) for type_ in types),
                *(as_text(stored[name]) if name in stored else "" for name in names),
            ]


def _moment(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""
