"""Thirty days of warm-up on a fast clock, through the real budgets, choices, outcomes and reports.

Two processes share the budgets. The receivers here put off what comes beyond what they are used to,
so that growth is earned; the ledger is what they accepted.
"""

import asyncio
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from config.bulk import as_json
from domains import pools, warmup
from domains.models import EgressSource, SourceState, WarmupDay
from domains.pools import UsableSource
from domains.sites import Site
from tests.cast import Cast
from tests.transactional.egress.test_departures import SENT, THROTTLED, Here, job
from transactional.egress.departures import Departures
from transactional.models import Lane
from transactional.queue import Job
from transactional.wire.outcome import Outcome

START = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 30
PROVIDERS = {"google": 0.5, "microsoft": 0.2, "other": 0.3}
SITES = {name: Site(name, "" if name == "other" else name) for name in PROVIDERS}
FLUSH = 100  # outcomes that are written together
URGENT = 0.03  # part of the mail that are codes and resets
Mail = tuple[Job, str]


@dataclass
class Receivers:
    """What each provider is used to from an IP; somewhat more than that is fine, much more is not."""

    used_to: dict[tuple[int, str], float] = field(default_factory=lambda: defaultdict(lambda: 80.0))
    today: Counter[tuple[int, str]] = field(default_factory=Counter)
    luck: random.Random = field(default_factory=lambda: random.Random(7))
    worse_on: tuple[int, str] | None = None  # day and provider where one in three is put off

    def take(self, source: int, provider: str, number: int) -> Outcome:
        key = (source, provider)
        cross = self.worse_on == (number, provider) and self.luck.random() < 0.33
        if cross or self.today[key] >= self.used_to[key] * 3:
            return THROTTLED
        self.today[key] += 1
        return SENT

    def sleep(self) -> None:
        for key, n in self.today.items():
            self.used_to[key] = max(self.used_to[key], float(n))
        self.today.clear()


@dataclass
class Month:
    """The run of one pool over DAYS days, and its ledger."""

    sources: tuple[UsableSource, ...]
    volume: Any
    receivers: Receivers = field(default_factory=Receivers)
    accepted: Counter[tuple[date, int, str]] = field(default_factory=Counter)
    late_urgent: int = 0
    urgent: int = 0
    waited: Counter[int] = field(default_factory=Counter)
    offered: int = 0
    results: list[warmup.Result] = field(default_factory=list)

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        here, clock = Here(), [0.0]
        workers = [Departures(here, clock=lambda: clock[0]) for _ in range(2)]
        luck = random.Random(11)
        waiting: list[Mail] = []
        for number in range(DAYS):
            morning = START + timedelta(days=number)
            due, waiting = waiting, []
            mail = due + self._arriving(number, morning, luck)
            for place, one in enumerate(mail):
                now = morning + timedelta(seconds=86_000 * place / len(mail))
                clock[0] = (now - START).total_seconds()
                worker = luck.choice(workers)
                if not await self._try(worker, here, one, number, now):
                    waiting.append(one)
            await here(self._report)
            for worker in workers:
                await worker.settle(idle=0, now=morning + timedelta(hours=23, minutes=59))
            self.receivers.sleep()
            await here(partial(warmup.finish_due, now=morning + timedelta(days=1)))
            self.waited[number] = len(waiting)

    def _arriving(self, number: int, now: datetime, luck: random.Random) -> list[Mail]:
        found: list[Mail] = []
        for provider, share in PROVIDERS.items():
            for _ in range(int(self.volume(number) * share)):
                lane = Lane.URGENT if luck.random() < URGENT else Lane.NORMAL
                found.append((job(lane, now=now), provider))
        luck.shuffle(found)
        self.offered += len(found)
        return found

    async def _try(
        self, worker: Departures, here: Here, one: Mail, number: int, now: datetime
    ) -> bool:
        message, provider = one
        terms = worker.terms(message, SITES[provider], now)
        await worker.prepare(self.sources, terms)
        choice = worker.choose(self.sources, terms, ipv6=False)
        if message.lane == Lane.URGENT:
            self.urgent += 1
            self.late_urgent += choice.source is None
        if choice.source is None:
            return False
        last = self.receivers.take(choice.source.id, provider, number)
        worker.came_of(choice, terms, last, alone=len(self.sources) < 2)
        if last is SENT:
            self.accepted[(terms.day, choice.source.id, provider)] += 1
        if choice.source.warming:
            what = "sent" if last is SENT else "deferred"
            self.results.append(warmup.Result(choice.source.id, provider, terms.day, what))
            if len(self.results) >= FLUSH:
                await here(self._report)
        return last is SENT

    def _report(self) -> None:
        """As a flush of lifecycle does, for all of its outcomes at once."""
        rows, self.results = warmup.report_rows(self.results), []
        with connection.cursor() as cursor:
            cursor.execute(warmup.REPORT, {"report": as_json(rows)})


@pytest.fixture
def pool(cast: Cast) -> tuple[UsableSource, ...]:
    """An IP that warms up, and a warm one."""
    row = EgressSource.objects.of(cast.account).get()
    EgressSource.objects.filter(pk=row.pk).update(
        warm_up=True, state=SourceState.WARMING, used_at=timezone.now()
    )
    warm = EgressSource.objects.create(
        account=cast.account, address="127.0.0.60", ehlo_name="w.shop.example", state="active"
    )
    pools.add(pools.dedicated_pool(cast.account), warm)
    pools.forget()
    return pools.usable(pools.dedicated_pool(cast.account).pk)


def no_budget_was_exceeded(month: Month) -> list[WarmupDay]:
    """What receivers accepted against each day's budget; the rows, oldest first."""
    rows = list(WarmupDay.objects.order_by("day"))
    assert len(rows) > 2 * DAYS
    for row in rows:
        came = month.accepted[(row.day, row.source_id, row.provider)]
        assert came == row.sent
        if row.cap is not None:
            assert came <= row.cap * 1.01, f"{row}: {came} of {row.cap}"
            assert row.taken >= came
    return rows


def test_beside_a_warm_ip_the_surplus_spills_and_nothing_waits(
    pool: tuple[UsableSource, ...],
) -> None:
    month = Month(pool, lambda number: 250)
    month.receivers.used_to[(pool[1].id, "google")] = 1e9
    for provider in PROVIDERS:
        month.receivers.used_to[(pool[1].id, provider)] = 1e9
    month.run()
    rows = no_budget_was_exceeded(month)
    assert month.late_urgent == 0 and month.urgent > 200
    assert sum(month.accepted.values()) == month.offered
    assert sum(month.waited.values()) == 0
    budgets = [row.cap for row in rows if row.provider == "google" and row.cap]
    assert budgets[0] == 50 and max(budgets) > budgets[0]


def test_a_lone_ip_keeps_within_its_budgets_and_the_surplus_waits(
    pool: tuple[UsableSource, ...],
) -> None:
    month = Month(pool[:1], lambda number: min(130 * 1.13**number, 600))
    month.receivers.worse_on = (9, "google")
    month.run()
    rows = no_budget_was_exceeded(month)
    assert month.late_urgent == 0 and month.urgent > 200
    assert max(month.waited.values()) > 0  # surplus did wait, and all of it left in the end
    assert sum(month.accepted.values()) + month.waited[DAYS - 1] == month.offered
    google = [row for row in rows if row.provider == "google"]
    assert [row.code for row in google[:9]].count("grown") >= 5
    after = google[10]
    assert (after.code, after.signal) == ("stepped_back", "deferred")
    assert after.cap is not None and google[9].cap is not None and after.cap < google[9].cap
