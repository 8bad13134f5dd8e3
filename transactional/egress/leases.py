"""The only place where an engine knows, without asking the database, how long its jobs are its own.

By seconds since the machine was booted, which go on while a process is stopped or the machine sleeps.
"""

from collections.abc import Iterable, Sequence

from django.conf import settings

from config.steady import steady_seconds
from transactional.queue import Job

Held = tuple[object, object]


class Leases:
    """The jobs of one engine, each with the moment when its lease runs out if nobody renews it.

    That moment counts from before the statement that gave the lease, so that it is never later than
    the database's own.
    """

    def __init__(self) -> None:
        self._until: dict[Job, float] = {}
        self._jobs: dict[object, Job] = {}  # by row: the newest of each

    def take(self, job: Job, since: float) -> Job | None:
        """Leased by a claim that began at `since`. An older job of the same row, if there is one:
        its lease is lost, and it must end before the new one begins.
        """
        stale = self._jobs.get(job.id)
        if stale is not None:
            self._until[stale] = 0.0
        self._jobs[job.id] = job
        self._until[job] = since + settings.LEASE_SECONDS
        return stale

    def renewed(self, jobs: Sequence[Job], held: Iterable[Held], since: float) -> None:
        """What of `jobs` a renewal that began at `since` found still held."""
        found = set(held)
        for job in jobs:
            if job in self._until and job.held in found:
                self._until[job] = since + settings.LEASE_SECONDS

    def drop(self, job: Job) -> None:
        """The job is over."""
        self._until.pop(job, None)
        if self._jobs.get(job.id) is job:
            del self._jobs[job.id]

    def hold(self, job: Job) -> bool:
        """Whether the job's row is certainly still this engine's."""
        return steady_seconds() < self._until.get(job, 0.0)
