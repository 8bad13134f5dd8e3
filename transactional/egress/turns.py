"""The only place that keeps what receivers answer from waiting behind the copies that are built.

A copy takes the better part of a millisecond, in which the loop reads nothing. Where many are due at once, all of them
would be built before the loop looks at its connections again: each answer that has come meanwhile lies unread for so long,
and a process that is killed then leaves its message in doubt. So a few are built in each turn of the loop.
"""

import asyncio
from collections import deque

AT_ONCE = 4  # copies in a turn: with one, the loop itself costs a message 4 % more


class Turns:
    """Of one loop; first come, first served."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._taken = 0  # in this turn of the loop

    async def take(self) -> None:
        """Return at once where this turn has room, and else in one of the next."""
        loop = asyncio.get_running_loop()
        if self._taken < AT_ONCE:
            if not self._taken:
                loop.call_soon(self._next)
            self._taken += 1
            return
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append(future)
        await future

    def _next(self) -> None:
        """Runs once in each turn as long as somebody waits, whatever becomes of those whose turn it is."""
        self._taken = 0
        while self._waiting and self._taken < AT_ONCE:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                self._taken += 1
        if self._taken:
            asyncio.get_running_loop().call_soon(self._next)
