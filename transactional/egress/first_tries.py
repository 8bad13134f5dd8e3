"""The only place that bounds what mail to receivers nobody has heard of lately may take of an engine.

A list with many dead domains is mail to as many sites, each slow on its own: together they would hold every
session, and what is set aside besides. So each account has a bounded number of such tries under way in a lane,
fewer where many accounts have some; what comes beyond it goes back to the queue, due one after the other at the
pace at which the tries end.
"""

import asyncio
from collections import OrderedDict

from transactional.egress.cell import Closed
from transactional.egress.pace import Pace
from transactional.egress.places import Owner, owner_of
from transactional.queue import Job

OF_SESSIONS = (
    3  # so many times the sessions are all accounts' tries together; more is set aside (`slots`)
)
FORGET = 1000  # accounts remembered of which nothing is under way


class _Tries:
    """Those of one account in one lane."""

    __slots__ = ("pace", "since")

    def __init__(self) -> None:
        self.since: dict[Job, float] = {}  # the oldest first
        self.pace = Pace()


class FirstTries:
    """One per engine. `begin` and `end` bracket a try."""

    def __init__(self, sessions: int) -> None:
        self._each = sessions
        self._all = OF_SESSIONS * sessions
        self._of: OrderedDict[Owner, _Tries] = OrderedDict()
        self._active = 0  # accounts and lanes with tries under way
        self._count = 0

    def begin(self, job: Job) -> Closed | None:
        """Leave for one more try; or in how many seconds to ask again."""
        now = asyncio.get_running_loop().time()
        key = owner_of(job)
        tries = self._of.get(key)
        if tries is None:
            tries = self._of[key] = _Tries()
            self._forget()
        under_way = len(tries.since)
        most = min(self._each, max(1, self._all // (self._active + (not under_way))))
        if under_way >= most or (under_way and self._count >= self._all):
            wait = tries.pace.wait(now, most, now - next(iter(tries.since.values())))
            return Closed("first_tries", wait, {"tries": most}, exact=True)
        self._active += not under_way
        self._count += 1
        tries.since[job] = now
        return None

    def end(self, job: Job) -> None:
        """The try is over, whatever came of it."""
        tries = self._of[owner_of(job)]
        tries.pace.ended(asyncio.get_running_loop().time() - tries.since.pop(job))
        self._count -= 1
        self._active -= not tries.since

    def _forget(self) -> None:
        if len(self._of) < FORGET + self._active:
            return
        for key in [key for key, tries in self._of.items() if not tries.since][: FORGET // 2]:
            del self._of[key]
