"""What a try came to, as it is handed over to be written: its outcome, and what each attempt saw."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from transactional import queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one try saw; see DeliveryAttempt for the meaning of each field."""

    id: uuid.UUID
    at: datetime
    duration_ms: int
    source_address: str
    host: str
    address: str
    tls: str
    stage: str
    code: int
    reply: str
    transcript: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a try ended: the status it leads to and, if it is not final, when the next one is due.

    `due_at` is by the job's clock (`Job.now`). `resent` marks the next copy as one that the receiver may have already. `decisions` are stored
    with the last of the tries; where nothing was tried, with the event.
    """

    job: queue.Job
    status: str
    at: datetime
    attempts: int
    reply: str
    source_id: int | None = None
    due_at: datetime | None = None
    tries: tuple[Attempt, ...] = ()
    resent: bool = False
    warms_up_at: str = ""  # the mailbox provider, where the IP it was tried from warms up
    data: Mapping[str, Any] = field(default_factory=dict)
    decisions: Sequence[Mapping[str, Any]] = ()

    @property
    def final(self) -> bool:
        """Whether the recipient leaves the queue."""
        return self.due_at is None

    @property
    def wait(self) -> float | None:
        """Seconds from now to the next try; None where there is none."""
        if self.due_at is None:
            return None
        return max(0.0, (self.due_at - self.job.now()).total_seconds())
