"""Room of one engine: how many jobs it has in hand, how many of them speak at once, which have become slow; of each
account no more than its share.

A job that plans or speaks for long (a tarpit, silent DNS) is set aside: its slot and its room in
the engine's hand go to others, while its own conversation goes on.
"""

import asyncio
import time
from collections import defaultdict
from math import ceil

from transactional.egress.pace import Brake
from transactional.egress.places import Owner, Places, owner_of
from transactional.queue import Caps, Job

SLOW = 1.0  # seconds of planning or speaking after which a job is set aside
FIRST_TRIES = (
    3  # quarters of the sessions for mail to sites nobody has heard of; the rest is others'
)
ASIDE = 4  # so many times the sessions may be set aside; beyond it slow jobs hold their slots
IN_HAND = 3  # jobs in hand per session slot, and
OF_ONE = 2  # of one owner: the next ones are ready when a session frees up
RESERVE = 4  # part (1/n) of what is in hand or aside that nobody has beyond its share
OWNERS = 1000  # whose streams are remembered
LEAST = 16  # part (1/n) of each that an owner has, whatever others do


class Slots:
    """Counts; `tick` must be called a few times a second."""

    def __init__(self, sessions: int) -> None:
        least = max(1, sessions // LEAST)
        self._free = Places(sessions, least=least)
        self._for_first = Places(max(1, sessions * FIRST_TRIES // 4), least=least)
        self._most_in_hand = sessions * IN_HAND
        self._of_one = sessions * OF_ONE
        self._most_aside = sessions * ASIDE
        self._least = least
        self._first: set[Job] = set()  # those that hold a place of first tries
        self._since: dict[Job, float] = {}
        self._speaking: set[Job] = set()
        self._jobs: dict[Job, Owner] = {}
        self._aside: set[Job] = set()
        self._streams: defaultdict[Owner, set[int]] = defaultdict(set)  # of those in hand
        self._in_hand: dict[Owner, int] = {}  # jobs that were not set aside
        self._set_aside: dict[Owner, int] = {}
        self._brake = Brake()

    # -- claiming

    @property
    def room(self) -> int:
        """Jobs that may be claimed; slow ones that were set aside take no room."""
        in_hand = len(self._jobs) - len(self._aside)
        most = self._most_in_hand if len(self._in_hand) > 1 else self._of_one
        return most - in_hand

    @property
    def half(self) -> int:
        """Half of the room that one owner has."""
        return self._of_one // 2

    def caps(self) -> Caps:
        """How much of whose mail may be claimed now. An owner has its share whatever others have in hand, and
        more while some is left for whoever comes.
        """
        owners = len(self._in_hand)
        room = self._most_in_hand - (len(self._jobs) - len(self._aside))
        spare = max(0, room - self._most_in_hand // RESERVE)
        of: dict[tuple[int, int], int] = {}
        for owner, n in self._in_hand.items():
            left = max(self._share(owners) - n, min(spare, self._of_one - n), 0)
            streams = self._streams[owner]
            for stream in streams:
                of[owner[0], stream] = ceil(left / len(streams))
        for owner in self._brake.holds(time.monotonic()):
            of |= dict.fromkeys(((owner[0], stream) for stream in self._streams.get(owner, ())), 0)
        return Caps(max(room, 2 * self._least), self._share(owners + 1), of)

    def _share(self, owners: int) -> int:
        return max(self._least, min(self._of_one, self._most_in_hand // max(1, owners)))

    # -- the jobs' way

    def take(self, job: Job) -> None:
        """The job was claimed."""
        owner = self._jobs[job] = owner_of(job)
        self._streams[owner].add(job.stream_id)
        _more(self._in_hand, owner)

    def speaks(self, job: Job) -> bool:
        """Whether the job has a session: it is past being given back."""
        return job in self._speaking

    def begin(self, job: Job) -> None:
        """The job is being planned."""
        self._since[job] = asyncio.get_running_loop().time()

    def rest(self, job: Job) -> None:
        """The job waits for its turn, which is nobody's slowness."""
        self._since.pop(job, None)
        if job in self._aside:
            owner = self._jobs[job]
            self._no_more_aside(job, owner)
            _more(self._in_hand, owner)

    async def enter(self, job: Job, *, first: bool = False) -> None:
        """Wait for a session slot. `first`: nobody has heard of its site lately."""
        owner = owner_of(job)
        if first:
            await self._for_first.acquire(owner)
            self._first.add(job)
        await self._free.acquire(owner)
        self._speaking.add(job)
        self._since[job] = asyncio.get_running_loop().time()

    def went_back(self, job: Job) -> None:
        """The job found no place among many alike, and returns to the queue."""
        self._brake.went_back(owner_of(job), time.monotonic())

    def leave(self, job: Job) -> None:
        """The job is over, in whatever state; said twice, it counts once."""
        owner = self._jobs.pop(job, None)
        if owner is None:
            return
        self._since.pop(job, None)
        self._no_first(job)
        spoke = job in self._speaking
        self._speaking.discard(job)
        if job in self._aside:
            self._no_more_aside(job, owner)
        else:
            if spoke:
                self._free.release(owner)
            _less(self._in_hand, owner)
        if len(self._streams) > OWNERS:
            for idle in [one for one in self._streams if one not in self._in_hand]:
                del self._streams[idle]

    def tick(self) -> bool:
        """Set aside what has become slow; whether anything was."""
        limit = asyncio.get_running_loop().time() - SLOW
        slow = [job for job, since in self._since.items() if since < limit]
        found = False
        for job in slow:
            if job not in self._aside and self._may_be_aside(owner := self._jobs[job]):
                self._aside.add(job)
                _more(self._set_aside, owner)
                _less(self._in_hand, owner)
                found = True
                if job in self._speaking:
                    self._free.release(owner)
                    self._no_first(job)
        return found

    def _may_be_aside(self, owner: Owner) -> bool:
        """Of one owner never all: what is slow then keeps its slots, and others' mail theirs."""
        n = self._set_aside.get(owner, 0)
        if n < self._least:
            return True
        if len(self._aside) >= self._most_aside:
            return False
        spare = len(self._aside) < self._most_aside - self._most_aside // RESERVE
        owners = len(self._set_aside) + (not n)
        return n < self._most_aside // (owners + 1) or (spare and n < self._most_aside // 2)

    def _no_more_aside(self, job: Job, owner: Owner) -> None:
        self._aside.discard(job)
        _less(self._set_aside, owner)

    def _no_first(self, job: Job) -> None:
        if job in self._first:
            self._first.discard(job)
            self._for_first.release(owner_of(job))


def _more(counts: dict[Owner, int], owner: Owner) -> None:
    counts[owner] = counts.get(owner, 0) + 1


def _less(counts: dict[Owner, int], owner: Owner) -> None:
    counts[owner] -= 1
    if not counts[owner]:
        del counts[owner]
