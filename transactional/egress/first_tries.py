"""The only place that bounds what mail to receivers nobody has heard of lately may take of an engine.

A list with many dead domains is mail to as many sites, each slow on its own: together they would hold every
session, and what is set aside besides. So each account has a bounded number of such tries under way in a lane,
fewer where many accounts have some; what comes beyond it goes back to the queue, due one after the other at the
pace at which the tries end.
"""

import asyncio
from collections import OrderedDict

from transactional.egress.cell import Closed
from transactional.queue import Job

OF_SESSIONS = (
    3  # so many times the sessions are all accounts' tries together; more is set aside (`slots`)
)
LEAST = 1.0  # seconds after which mail asks again
LONGEST = 600.0
FORGET = 1000  # accounts remembered of which nothing is under way

Key = tuple[int, int]  # lane, account


class _Tries:
    """Those of one account in one lane."""

    __slots__ = ("hold", "since", "tail")

    def __init__(self) -> None:
        self.since: dict[Job, float] = {}  # the oldest first
        self.hold = LEAST  # seconds that one takes, averaged
        self.tail = 0.0  # when the last one that was sent back is due


class FirstTries:
    """One per engine. `begin` and `end` bracket a try."""

    def __init__(self, sessions: int) -> None:
        self._each = sessions
        self._all = OF_SESSIONS * sessions
        self._of: OrderedDict[Key, _Tries] = OrderedDict()
        self._active = 0  # accounts and lanes with tries under way
        self._count = 0

    def begin(self, job: Job) -> Closed | None:
        """Leave for one more try; or in how many seconds to ask again."""
        now = asyncio.get_running_loop().time()
        key = (job.lane, job.account_id)
        tries = self._of.get(key)
        if tries is None:
            tries = self._of[key] = _Tries()
            self._forget()
        under_way = len(tries.since)
        most = min(self._each, max(1, self._all // (self._active + (not under_way))))
        if under_way >= most or (under_way and self._count >= self._all):
            hold = max(tries.hold, now - next(iter(tries.since.values())))
            tries.tail = min(max(tries.tail, now + LEAST) + hold / most, now + LONGEST)
            return Closed("first_tries", tries.tail - now, {"tries": most}, exact=True)
        self._active += not under_way
        self._count += 1
        tries.since[job] = now
        return None

    def end(self, job: Job) -> None:
        """The try is over, whatever came of it."""
        tries = self._of[job.lane, job.account_id]
        took = asyncio.get_running_loop().time() - tries.since.pop(job)
        tries.hold += 0.2 * (took - tries.hold)
        self._count -= 1
        self._active -= not tries.since

    def _forget(self) -> None:
        if len(self._of) < FORGET + self._active:
            return
        for key in [key for key, tries in self._of.items() if not tries.since][: FORGET // 2]:
            del self._of[key]
