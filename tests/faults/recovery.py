"""What becomes of the mail that was in somebody's hands when a fault came: each row is followed until it
has ended or is tried again.
"""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import psycopg

if TYPE_CHECKING:
    from tests.faults.site import Site

LOOKS = 0.5  # seconds between two looks

Held = tuple[UUID, UUID, int]  # a recipient's row, the lease it was under, its tries so far

_HELD = "SELECT id, lease, attempt FROM transactional_queuerow WHERE lease IS NOT NULL"
_NOW = """
SELECT id, lease, attempt, due_at - now(), parked FROM transactional_queuerow WHERE id = ANY(%s)
"""

_Stands = tuple[UUID | None, int, timedelta, str | None]  # lease, tries, due in, why parked


@dataclass
class _Followed:
    """A row, and since when its time counts."""

    lease: UUID
    attempt: int
    since: float
    freed: float = -1.0  # seconds until nobody held it any more


@dataclass
class Recovery:
    """Follows them from a thread; `longest` in seconds, of all that are through."""

    site: "Site"
    within: float
    followed: int = 0
    longest: float = 0.0
    longest_held: float = 0.0  # until its dead holder's lease was taken away, or it had ended
    late: list[str] = field(default_factory=list)  # each with how it stood when it became late

    def __post_init__(self) -> None:
        self._late: set[UUID] = set()
        self._rows: dict[tuple[UUID, UUID], _Followed] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)

    def held(self) -> list[Held]:
        """The rows that somebody holds now; none while the database is away."""
        try:
            return [(row[0], row[1], row[2]) for row in self.site.ask(_HELD)]
        except psycopg.Error:
            return []

    def follow(self, rows: Iterable[Held], since: float) -> None:
        """From now on these, too: the fault came at `since`."""
        with self._lock:
            for row, lease, attempt in rows:
                self.followed += 1
                self._rows[row, lease] = _Followed(lease, attempt, since)

    def open(self) -> int:
        """Rows that are not through."""
        with self._lock:
            return len(self._rows)

    def _follow(self) -> None:
        session: psycopg.Connection[Any] | None = None
        while not self._over.wait(LOOKS):
            try:
                session = session or self.site.database()
                self._look(session)
            except (psycopg.Error, KeyError):  # the database is away; what it publishes, too
                session = None

    def _look(self, session: "psycopg.Connection[Any]") -> None:
        with self._lock:
            rows = dict(self._rows)
        if not rows:
            return
        found = session.execute(_NOW, [list({row for row, _ in rows})]).fetchall()
        stands = {row[0]: row[1:] for row in found}
        moment = time.monotonic()
        for key, one in rows.items():
            if self._through(one, stands.get(key[0]), moment):
                with self._lock:
                    self._rows.pop(key, None)
            elif moment - one.since > self.within and key[0] not in self._late:
                self._late.add(key[0])
                self.late.append(_told(key[0], stands[key[0]]))

    def _through(self, one: _Followed, stands: _Stands | None, moment: float) -> bool:
        lease, attempt, wait, _ = stands or (None, one.attempt, timedelta(), None)
        if one.freed < 0 and lease != one.lease:
            one.freed = moment - one.since
            self.longest_held = max(self.longest_held, one.freed)
        if attempt != one.attempt:  # answered meanwhile: its own wait is no delay
            one.attempt, one.since = attempt, max(moment, moment + wait.total_seconds())
        if stands is not None and lease in (None, one.lease):
            return False
        self.longest = max(self.longest, moment - one.since)
        return True


def _told(row: UUID, stands: _Stands) -> str:
    lease, tries, wait, parked = stands
    where = "held" if lease else f"due in {wait.total_seconds():.0f} s"
    return f"{row}: {where}, {tries} tries, parked: {parked or 'no'}"
