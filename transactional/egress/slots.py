"""Session slots of one engine: how many jobs speak at once, and which of them have become slow.

A job that plans or speaks for long (a tarpit, silent DNS) is set aside: its slot and its room in
the engine's buffer go to others, while its own conversation goes on.
"""

import asyncio

from transactional.queue import Job

SLOW = 1.0  # seconds of planning or speaking after which a job is set aside
FIRST_TRIES = (
    3  # quarters of the sessions for mail to sites nobody has heard of; the rest is others'
)
ASIDE = 4  # so many times the sessions may be set aside; beyond it slow jobs hold their slots


class Slots:
    """Counts; `tick` must be called a few times a second."""

    def __init__(self, sessions: int) -> None:
        self._free = asyncio.Semaphore(sessions)
        self._for_first = asyncio.Semaphore(max(1, sessions * FIRST_TRIES // 4))
        self._first: set[Job] = set()  # those that hold one of these
        self._most_aside = sessions * ASIDE
        self._since: dict[Job, float] = {}
        self._speaking: set[Job] = set()
        self._aside: set[Job] = set()

    @property
    def aside(self) -> int:
        """Jobs that take no room of the buffer."""
        return len(self._aside)

    def speaks(self, job: Job) -> bool:
        """Whether the job has a session: it is past being given back."""
        return job in self._speaking

    def begin(self, job: Job) -> None:
        """The job is being planned."""
        self._since[job] = asyncio.get_running_loop().time()

    def rest(self, job: Job) -> None:
        """The job waits for its turn, which is nobody's slowness."""
        self._since.pop(job, None)
        self._aside.discard(job)

    async def enter(self, job: Job, *, first: bool = False) -> None:
        """Wait for a session slot. `first`: nobody has heard of its site lately."""
        if first:
            await self._for_first.acquire()
            self._first.add(job)
        await self._free.acquire()
        self._speaking.add(job)
        self._since[job] = asyncio.get_running_loop().time()

    def leave(self, job: Job) -> None:
        """The job is over, in whatever state."""
        self._since.pop(job, None)
        self._no_first(job)
        spoke = job in self._speaking
        self._speaking.discard(job)
        if job in self._aside:
            self._aside.discard(job)
        elif spoke:
            self._free.release()

    def tick(self) -> bool:
        """Set aside what has become slow; whether anything was."""
        limit = asyncio.get_running_loop().time() - SLOW
        slow = [job for job, since in self._since.items() if since < limit]
        found = False
        for job in slow:
            if job not in self._aside and len(self._aside) < self._most_aside:
                self._aside.add(job)
                found = True
                if job in self._speaking:
                    self._free.release()
                    self._no_first(job)
        return found

    def _no_first(self, job: Job) -> None:
        if job in self._first:
            self._first.discard(job)
            self._for_first.release()
