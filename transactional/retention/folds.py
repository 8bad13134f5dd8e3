"""Who reads the event log forward, and how far each has come: before that, nothing goes.

A reader is a model with the fields `xid` and `event_id` (its position in the log's order), so a new
one is known here by being a table.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.apps import apps
from django.db import connection

BEGINNING = uuid.UUID(int=0)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A reader's position: everything up to (xid, id) is read."""

    reader: str
    xid: int
    event_id: uuid.UUID


def cursors() -> list[Cursor]:
    """Where each reader stands; one that has not begun stands at the beginning."""
    found = []
    for model in apps.get_models():
        fields = {field.name for field in model._meta.concrete_fields}
        if not {"xid", "event_id"} <= fields:
            continue
        label = model._meta.label_lower
        rows = list(model._default_manager.order_by("pk").values_list("pk", "xid", "event_id"))
        found += [
            Cursor(f"{label} {pk}", xid or 0, event_id or BEGINNING) for pk, xid, event_id in rows
        ]
        if not rows:
            found.append(Cursor(label, 0, BEGINNING))
    return found


def unread(table: str) -> str:
    """A reader that has not read all of an event partition yet; empty: all have."""
    with connection.cursor() as cursor:
        for one in cursors():
            cursor.execute(
                f'SELECT EXISTS (SELECT 1 FROM "{table}" WHERE (xid, id) > (%s, %s))',  # noqa: S608 — a partition's name
                [one.xid, one.event_id],
            )
            if cursor.fetchone() == (True,):
                return one.reader
    return ""


def lags(now: datetime) -> dict[str, float]:
    """For how many seconds each reader has not read its next event; 0: it has read all."""
    found = {}
    with connection.cursor() as cursor:
        for one in cursors():
            cursor.execute(
                "SELECT at FROM transactional_event WHERE (xid, id) > (%s, %s)"
                " ORDER BY xid, id LIMIT 1",
                [one.xid, one.event_id],
            )
            following = cursor.fetchone()
            age = (now - following[0]).total_seconds() if following else 0.0
            found[one.reader] = max(0.0, age)
    return found
