"""The only place that bounds how many domains nobody has heard of are looked up at once: of each account no more than
its share.

Name servers that never answer hold a question for `dns.LIFETIME`. So a list full of such domains would have thousands of
questions under way, at the cost of the resolver and of everybody's lookups. What finds no place in PATIENCE goes back
to the queue, due at the pace at which those under way end. All of one owner's mail for a domain shares one lookup.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from domains import dns
from transactional.egress.cell import Closed
from transactional.egress.pace import Pace
from transactional.egress.places import Owner, Places, owner_of
from transactional.queue import Job

OF_SESSIONS = (
    3  # part (1/n) of the sessions' number that one owner's lookups are; all together are as many
)
LEAST = 16  # part of it that an owner has, however many look something up
PATIENCE = 0.5  # seconds that mail waits for its place here
ANSWERED = 600.0  # seconds for which a domain that was found needs no place
KEPT = 20_000  # domains, and
PACES = 1000  # owners remembered


class _Look:
    """One owner's question for one domain, waiting for its place until it has begun."""

    __slots__ = ("began", "task", "waiting")

    def __init__(self) -> None:
        self.began: float | None = None
        self.waiting = 0  # jobs that want to know
        self.task: asyncio.Task[None]


class _Looks:
    """Those of one owner that are under way, the oldest first."""

    __slots__ = ("pace", "under_way")

    def __init__(self) -> None:
        self.under_way: dict[_Look, float] = {}
        self.pace = Pace()


class Questions:
    """One per engine."""

    def __init__(self, sessions: int) -> None:
        each = max(1, sessions // OF_SESSIONS)
        self._places = Places(sessions, each=each, least=max(1, sessions // LEAST))
        self._answered: OrderedDict[str, float] = OrderedDict()
        self._asked: dict[tuple[Owner, str], _Look] = {}
        self._of: OrderedDict[Owner, _Looks] = OrderedDict()

    async def before(self, job: Job, find: Callable[[], Awaitable[bool]]) -> Closed | None:
        """Let `find` ask about a job's domain, unless something fresh is known of it; it tells whether there
        was an answer. Raises what it raises. Closed: it is not its turn.
        """
        domain, owner = job.domain, owner_of(job)
        if dns.is_kept(domain, "MX"):
            return None
        look = self._asked.get((owner, domain)) or self._look(owner, domain, find)
        look.waiting += 1
        try:
            if look.began is None:
                await asyncio.wait([look.task], timeout=PATIENCE)
            if look.began is None and not look.task.done():
                return self._closed(owner)
            await asyncio.shield(look.task)  # one that is hung up on must not stop the others
        finally:
            look.waiting -= 1
            if look.began is None and not look.waiting:
                look.task.cancel()
        return None

    def _look(self, owner: Owner, domain: str, find: Callable[[], Awaitable[bool]]) -> _Look:
        look = self._asked[owner, domain] = _Look()
        look.task = asyncio.create_task(self._ask(look, owner, domain, find))
        look.task.add_done_callback(lambda _: self._asked.pop((owner, domain), None))
        return look

    async def _ask(
        self, look: _Look, owner: Owner, domain: str, find: Callable[[], Awaitable[bool]]
    ) -> None:
        now = asyncio.get_running_loop().time
        if now() < self._answered.get(domain, 0.0):
            look.began = now()
            self._note(domain, answered=await find())
            return
        await self._places.acquire(owner)
        looks = self._of_owner(owner)
        look.began = looks.under_way[look] = now()
        try:
            self._note(domain, answered=await find())
        finally:
            self._places.release(owner)
            looks.pace.ended(now() - looks.under_way.pop(look))

    def _note(self, domain: str, *, answered: bool) -> None:
        self._answered.pop(domain, None)
        if answered:
            self._answered[domain] = asyncio.get_running_loop().time() + ANSWERED
            if len(self._answered) > KEPT:
                self._answered.popitem(last=False)

    def _closed(self, owner: Owner) -> Closed:
        """Back to the queue, until there may be a place."""
        now, looks = asyncio.get_running_loop().time(), self._of_owner(owner)
        most = max(1, len(looks.under_way))
        wait = looks.pace.wait(now, most, now - next(iter(looks.under_way.values()), now))
        return Closed("lookups", wait, {"lookups": most}, exact=True)

    def _of_owner(self, owner: Owner) -> _Looks:
        looks = self._of.get(owner)
        if looks is None:
            looks = self._of[owner] = _Looks()
            if len(self._of) > PACES:
                for idle in [one for one, its in self._of.items() if not its.under_way][
                    : PACES // 2
                ]:
                    del self._of[idle]
        return looks
