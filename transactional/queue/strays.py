"""Rows whose stored deadline is not where it should be: the database's clock was set meanwhile.

A transaction that was open while the clock was set writes by the old one when all else has been moved.
So each row has its deadline twice: by the database's clock, and by the seconds that the machine counted
which took the message. The latter is right whatever was open when; a claim believes no other.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from config.bulk import as_json
from config.steady import boot
from transactional.queue.rows import Job

ASTRAY = 5.0  # seconds from which it is one: clocks that are merely slow, and a store that waited, are none

# A held row is due when it would expire, and stays so
_RIGHT = """
UPDATE transactional_queuerow q
SET lease = NULL, lease_until = NULL, deliver_by = now() + make_interval(secs => s.remaining),
    due_at = CASE WHEN q.due_at = q.deliver_by THEN now() + make_interval(secs => s.remaining)
        ELSE q.due_at END
FROM json_to_recordset(%(strays)s::json) AS s(id uuid, lease uuid, remaining float8)
WHERE q.id = s.id AND q.lease = s.lease
"""


@dataclass(frozen=True, slots=True)
class Stray:
    """A leased row; its deadline is really so many seconds away (negative: over)."""

    job: Job
    remaining: float


def astray(
    jobs: Sequence[Job],
    marks: Sequence[tuple[float | None, uuid.UUID | None]],
    *,
    at: float,
    here: float,
    offsets: Mapping[str, float],
) -> tuple[Stray, ...]:
    """Those of the jobs whose deadline is wrong. `marks`: of each, when it ends by which machine's count.

    `at`, `here`: the moment of the claim by the database's clock and by this machine's count; `offsets`:
    what makes other machines' counts the database's time. Where that is not known, what is stored counts.
    """
    own = uuid.UUID(boot())
    found = []
    for job, (ends, machine) in zip(jobs, marks, strict=True):
        if ends is None:
            continue
        offset = at - here if machine == own else offsets.get(str(machine))
        if offset is None:
            continue
        really = ends + offset
        if abs(really - job.deliver_by.timestamp()) >= ASTRAY:
            found.append(Stray(job, really - at))
    return tuple(found)


async def put_right(connection: psycopg.AsyncConnection[object], strays: Sequence[Stray]) -> None:
    """Give the rows back to the queue with the deadlines they should have."""
    rows = [
        {"id": one.job.id, "lease": one.job.lease, "remaining": one.remaining} for one in strays
    ]
    await connection.execute(_RIGHT, {"strays": as_json(rows)})
