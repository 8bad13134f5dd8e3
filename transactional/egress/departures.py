"""From which IP a try leaves: warm-up budgets and health around `domains/pools.choose`.

One per engine. Budgets are taken from the database in portions, only where an IP warms up; a choice
itself costs no trip. What was taken and not sent goes back.
"""

import asyncio
import logging
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

from django.utils import timezone

from domains import hosts, pools, warmup
from domains.health import Health
from domains.models import SourceEvent
from domains.pools import Choice, UsableSource
from domains.sites import Site
from domains.source_states import move
from domains.warmup_plan import OTHER
from transactional.models import Lane
from transactional.queue import Job
from transactional.wire import outcome as wire
from transactional.wire.reply import ReplyClass, Stage, classify

logger = logging.getLogger(__name__)

T = TypeVar("T")
ASK_AGAIN = 20.0  # seconds for which a budget that was used up is not asked for again
IDLE = 60.0  # seconds after which a portion nobody used goes back
SPREAD = 1800.0  # seconds after midnight over which waiting mail comes back
DAY = timedelta(days=1)
LAST = timedelta(hours=1)  # what is due so soon after midnight goes today
ABOUT_US = frozenset({ReplyClass.THROTTLED, ReplyClass.POLICY_BLOCK})
EARLY = frozenset({Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS})

Key = tuple[int, str, date]  # source, provider, day


class InThread(Protocol):
    """Runs a function where the database may be asked."""

    def __call__(self, work: Callable[[], T], /) -> "asyncio.Future[T]": ...


@dataclass(slots=True)
class _Portion:
    """What this process has of one budget, and what it sent beyond it that could not wait."""

    left: int = 0
    urgent: int = 0
    unlimited: bool = False
    empty_at: float = -1e9
    used_at: float = -1e9
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for one job: the provider it goes to, the day, and whether it may not wait."""

    provider: str
    site: str
    kind: str
    day: date
    pressing: bool
    until: datetime  # when the next day's budgets begin
    keep: int | None = None  # the IP of the try before


class Departures:
    """Chooses; keeps this process's portions of the day's budgets and its view of health."""

    def __init__(self, in_thread: InThread, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._in_thread = in_thread
        self._clock = clock
        self._portions: dict[Key, _Portion] = defaultdict(_Portion)
        self._first: set[int] = set()
        self._day = date.min, datetime.min.replace(tzinfo=UTC) + DAY
        self._health = Health(f"{hosts.name()}:{os.getpid()}")

    def terms(self, job: Job, site: Site, now: datetime | None = None) -> Terms:
        """A message that cannot wait for tomorrow's budget is as pressing as an urgent one."""
        now = now or timezone.now()
        day, until = self._day
        if not until - DAY <= now < until:
            day, until = self._day = warmup.today(now), warmup.tomorrow(now)
        pressing = job.lane == Lane.URGENT or job.deliver_by <= until + LAST
        provider = site.provider or OTHER
        return Terms(provider, site.key, job.kind, day, pressing, until, job.source_id)

    async def prepare(self, sources: Sequence[UsableSource], terms: Terms) -> None:
        """Take portions for the IPs that warm up: no trip where none does, or some is left."""
        for source in sources:
            if source.warming:
                await self._fill((source.id, terms.provider, terms.day))

    async def _fill(self, key: Key) -> None:
        portion = self._portions[key]
        if portion.left > 0:
            return
        async with portion.lock:  # all who need the same budget share one question
            if portion.left > 0 or self._clock() - portion.empty_at < ASK_AGAIN:
                return
            given = await self._in_thread(lambda: warmup.grant(*key))
            portion.unlimited = given == warmup.UNLIMITED
            portion.left += max(0, given)
            if given <= 0:
                portion.empty_at = self._clock()

    def _may(self, source: UsableSource, terms: Terms) -> bool:
        if not source.warming:
            return True
        portion = self._portions[(source.id, terms.provider, terms.day)]
        return portion.unlimited or portion.left > 0

    def choose(self, sources: Sequence[UsableSource], terms: Terms, *, ipv6: bool) -> Choice:
        """One of the IPs, its part of the budget taken. `no_budget`: all is used up until tomorrow.

        `urgent`: the budget is used up and the message cannot wait. `came_of` must be called.
        """
        choice = self._choose(sources, terms, ipv6, lambda source: self._may(source, terms))
        if choice.code != "no_budget":
            self._take(choice, terms)
            return choice
        if not terms.pressing:
            data = {**choice.data, "provider": terms.provider, "wait": self._wait(sources, terms)}
            return Choice(None, "no_budget", data, choice.passed)
        choice = self._choose(sources, terms, ipv6, lambda source: True)
        choice = Choice(choice.source, "urgent", choice.data, choice.passed)
        self._take(choice, terms)
        return choice

    def _choose(
        self,
        sources: Sequence[UsableSource],
        terms: Terms,
        ipv6: bool,
        within_budget: Callable[[UsableSource], bool],
    ) -> Choice:
        return pools.choose(
            sources,
            ipv6=ipv6,
            kind=terms.kind,
            health=lambda source: self._health.factor(source.id, terms.site),
            within_budget=within_budget,
            keep=terms.keep,
        )

    def _wait(self, sources: Sequence[UsableSource], terms: Terms) -> float:
        """Seconds after which to ask again: soon where others were quicker, else tomorrow."""
        portions = [
            self._portions[(source.id, terms.provider, terms.day)]
            for source in sources
            if source.warming
        ]
        if any(self._clock() - portion.empty_at >= ASK_AGAIN for portion in portions):
            return 1.0
        later = (terms.until - timezone.now()).total_seconds()
        return max(1.0, later) + random.uniform(0, SPREAD)  # noqa: S311 — spreads load only

    def _take(self, choice: Choice, terms: Terms, n: int = 1) -> None:
        source = choice.source
        if source is None or not source.warming:
            return
        portion = self._portions[(source.id, terms.provider, terms.day)]
        portion.used_at = self._clock()
        if portion.unlimited:
            return
        if choice.code == "urgent":
            portion.urgent += n
        else:
            portion.left -= n

    def came_of(
        self, choice: Choice, terms: Terms, last: wire.Outcome | None, *, alone: bool
    ) -> None:
        """What came of a choice: unsent mail gives its part of the budget back.

        `alone`: there was no other IP to choose, so how this one is taken decides nothing.
        """
        source = choice.source
        if source is None:
            return
        if last is None or not (last.accepted or last.uncertain):
            self._take(choice, terms, -1)
        if last is None:
            return
        if source.fresh and last.accepted and source.id not in self._first:
            self._first.add(source.id)
            told = self._in_thread(lambda: move(source.id, SourceEvent.FIRST_MAIL))
            told.add_done_callback(lambda done: self._told(source.id, done))
        if not alone and (good := _speaks_of_us(last)) is not None:
            self._health.note(source.id, terms.site, good=good)

    def _told(self, source_id: int, done: "asyncio.Future[bool]") -> None:
        if done.cancelled() or done.exception() is not None:
            self._first.discard(source_id)  # the next mail tells it
            logger.warning("source %s: its first mail was not told", source_id)

    async def settle(self, *, idle: float = IDLE, now: datetime | None = None) -> None:
        """Write down what went beyond budgets; give back portions idle for so long; share health."""
        at, day = self._clock(), warmup.today(now)
        for key, portion in list(self._portions.items()):
            over = key[2] != day
            if portion.urgent:
                n, portion.urgent = portion.urgent, 0
                await self._in_thread(partial(warmup.count_urgent, *key, n))
            if portion.left > 0 and (over or at - portion.used_at >= idle):
                n, portion.left = portion.left, 0
                await self._in_thread(partial(warmup.give_back, *key, n))
            if over and not portion.left and not portion.urgent:
                del self._portions[key]
        await self._in_thread(self._health.exchange)


def _speaks_of_us(last: wire.Outcome) -> bool | None:
    """Whether an answer speaks for or against the IP; None: it is about something else."""
    if last.accepted:
        return True
    if last.reply is None:
        return False if last.stage in EARLY else None
    kind = classify(last.reply, stage=last.stage)
    return False if kind in ABOUT_US or last.stage in EARLY else None
