"""What is gone, written down in the transaction that takes it away."""

from datetime import datetime

from transactional.models import LogState

EVENTS = "transactional_event"


def note(table: str, *, now: datetime, kept_from: datetime | None = None, waits_for: str) -> None:
    """How far a table reaches back, and whether something older still waits."""
    values: dict[str, object] = {"looked_at": now, "waits_for": waits_for}
    if kept_from is not None:
        values["kept_from"] = kept_from
    LogState.objects.update_or_create(table=table, defaults=values)


def events_kept_from() -> datetime | None:
    """From when on the event log is whole; None: from its beginning. Counts of earlier days cannot
    be made again.
    """
    row = LogState.objects.filter(table=EVENTS).first()
    return None if row is None else row.kept_from
