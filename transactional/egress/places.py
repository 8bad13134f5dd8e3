"""A bounded number of places that owners share: whoever has fewest comes next, and what others hold takes
nobody's share away.

Who needs them alone may have them all. Another who comes then has its share at once, beyond the bound: places that
are held for minutes (a tarpit, a silent name server) are not waited for. As they are given back, the bound holds again.
"""

import asyncio
from collections import deque

from transactional.queue import Job

Owner = tuple[int, int]  # lane, account
NOBODY = (0, 0)
BEYOND = 3  # so many times the bound are held at most, but for the least that everybody has


def owner_of(job: Job) -> Owner:
    """Whose share a job takes: an account's bulk mail does not take its codes' share."""
    return job.lane, job.account_id


class Places:
    """Counts, and lets wait. Each `acquire` is answered by a `release`."""

    def __init__(self, most: int, *, each: int | None = None, least: int = 1) -> None:
        """`most`: in all. `each`: of one owner, though nobody else wants any. `least`: of one owner,
        however many want some; 1 or more.
        """
        self._most = most
        self._each = most if each is None else each
        self._least = least
        self._held: dict[Owner, int] = {}
        self._total = 0
        self._waiting: dict[Owner, deque[asyncio.Future[None]]] = {}

    def held(self, owner: Owner) -> int:
        """Places that an owner has now."""
        return self._held.get(owner, 0)

    def waiting(self, owner: Owner) -> int:
        """How many of an owner's wait for one."""
        return len(self._waiting.get(owner, ()))

    async def acquire(self, owner: Owner) -> None:
        """Wait for a place."""
        if self._may(owner):
            self._take(owner)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(future)
        try:
            await future
        except asyncio.CancelledError:
            if (
                not future.cancelled()
            ):  # it was given in the moment in which it was not wanted any more
                self.release(owner)
            raise

    def release(self, owner: Owner) -> None:
        """Give a place back."""
        self._total -= 1
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        while self._waiting and (following := self._following()) is not None:
            self._take(following)
            self._next(following)

    def _may(self, owner: Owner) -> bool:
        held = self._held.get(owner, 0)
        if held >= self._each:
            return False
        if self._total < self._most or held < self._least:
            return True
        share = self._most // (len(self._held) + (not held))
        return held < share and self._total < BEYOND * self._most

    def _take(self, owner: Owner) -> None:
        self._total += 1
        self._held[owner] = self._held.get(owner, 0) + 1

    def _following(self) -> Owner | None:
        """Whose turn it is, of those that wait."""
        for owner in [*self._waiting]:
            line = self._waiting[owner]
            while line and line[0].done():  # whoever waited there has given up
                line.popleft()
            if not line:
                del self._waiting[owner]
        fit = [owner for owner in self._waiting if self._may(owner)]
        return min(fit, key=self.held, default=None)

    def _next(self, owner: Owner) -> None:
        line = self._waiting[owner]
        line.popleft().set_result(None)
        if not line:
            del self._waiting[owner]
