"""One run of retention: what the periodic task and the command do."""

from dataclasses import dataclass
from datetime import datetime

from transactional.retention import months, rows, send_ids, shorter


@dataclass(frozen=True, slots=True)
class Done:
    """What went: names of partitions; rows of default partitions, ended sessions, rows of finished
    sends; messages and contents of accounts that keep less; sendIds.
    """

    partitions: tuple[str, ...]
    strays: int
    sessions: int
    sends: int
    messages: int
    bodies: int
    send_ids: int


def run(now: datetime) -> Done:
    """Take away what is past its time. May be killed at any moment, and run twice at once."""
    gone = tuple(months.drop_old(now))
    messages, bodies = shorter.tend(now)
    return Done(
        partitions=gone,
        strays=rows.of_default_partitions(now),
        sessions=rows.of_sessions(now),
        sends=rows.of_sends(now),
        messages=messages,
        bodies=bodies,
        send_ids=send_ids.forget(now),
    )
