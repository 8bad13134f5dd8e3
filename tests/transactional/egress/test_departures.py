"""Choices around budgets: portions, spills, what may not wait, and what goes back."""

import asyncio
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from domains import pools
from domains.models import EgressSource, SourceState, WarmupDay
from domains.pools import UsableSource
from domains.sites import Site
from tests.cast import Cast
from transactional.egress.departures import ASK_AGAIN, Departures, Terms
from transactional.models import Lane
from transactional.queue import Job
from transactional.wire.outcome import Outcome
from transactional.wire.reply import Reply, Stage

T = TypeVar("T")
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
GOOGLE = Site("google", "google")
SENT = Outcome(stage=Stage.DOT, reply=Reply(250, "2.0.0", ("ok",)))
THROTTLED = Outcome(stage=Stage.RCPT, reply=Reply(421, "4.7.28", ("unusual rate of mail",)))


class Here:
    """Runs the database's part at once, and counts the trips."""

    def __init__(self) -> None:
        self.trips = 0

    def __call__(self, work: Callable[[], T], /) -> "asyncio.Future[T]":
        self.trips += 1
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        # As in a thread without a loop, but inside the test's transaction
        asyncio.events._set_running_loop(None)
        try:
            done.set_result(work())
        finally:
            asyncio.events._set_running_loop(loop)
        return done


def job(
    lane: Lane = Lane.NORMAL, lifetime: timedelta = timedelta(days=3), now: datetime = NOW
) -> Job:
    """A claimed recipient at Google's; what a choice does not ask about is left out."""
    values: dict[str, Any] = {
        **dict.fromkeys((field.name for field in fields(Job)), 0),
        "lane": lane,
        "domain": "gmail.com",
        "deliver_by": now + lifetime,
        "kind": "transactional",
    }
    return Job(**values)


@pytest.fixture
def sources(cast: Cast) -> tuple[UsableSource, ...]:
    """An IP that warms up, and one that is warm."""
    row = EgressSource.objects.of(cast.account).get()
    EgressSource.objects.filter(pk=row.pk).update(warm_up=True, state="warming")
    warm = EgressSource.objects.create(
        account=cast.account, address="127.0.0.60", ehlo_name="w.shop.example", state="active"
    )
    pool = pools.dedicated_pool(cast.account)
    pools.add(pool, warm)
    pools.forget()
    return pools.usable(pool.pk)


def open_day(source: UsableSource, cap: int, **fields: Any) -> None:
    WarmupDay.objects.create(
        source_id=source.id, provider="google", day=NOW.date(), cap=cap, code="grown", **fields
    )


async def send(
    departures: Departures, given: tuple[UsableSource, ...], one: Job, last: Outcome | None = SENT
) -> pools.Choice:
    terms = departures.terms(one, GOOGLE, NOW)
    await departures.prepare(given, terms)
    choice = departures.choose(given, terms, ipv6=False)
    departures.came_of(choice, terms, last, alone=len(given) < 2)
    return choice


def codes(given: tuple[UsableSource, ...], n: int, **asked: Any) -> tuple[list[str], Here]:
    here = Here()

    async def run() -> list[str]:
        departures = Departures(here)
        return [(await send(departures, given, job(**asked))).code for _ in range(n)]

    return asyncio.run(run()), here


def test_where_nothing_warms_up_a_choice_costs_no_trip(sources: tuple[UsableSource, ...]) -> None:
    found, here = codes(sources[1:], 50)
    assert set(found) == {"only"} and here.trips == 0


def test_a_lone_ip_sends_its_budget_and_no_more(sources: tuple[UsableSource, ...]) -> None:
    open_day(sources[0], cap=100, reserve=2)
    found, here = codes(sources[:1], 150)
    assert found == ["only"] * 98 + ["no_budget"] * 52
    assert here.trips < 60  # in portions; and one question finds it used up for all the rest
    assert WarmupDay.objects.get().taken == 98


def test_surplus_spills_to_the_warm_ip(sources: tuple[UsableSource, ...]) -> None:
    open_day(sources[0], cap=20)
    found, _ = codes(sources, 200)
    assert set(found) == {"weighted", "spilled"} and found[-1] == "spilled"
    assert found.count("weighted") < 80 and WarmupDay.objects.get().taken == 20


@pytest.mark.parametrize(
    "asked",
    [{"lane": Lane.URGENT}, {"lifetime": timedelta(hours=6)}],
    ids=["urgent", "expires before tomorrow"],
)
def test_what_cannot_wait_goes_beyond_the_budget_and_is_counted(
    sources: tuple[UsableSource, ...], asked: dict[str, Any]
) -> None:
    open_day(sources[0], cap=3, taken=3)
    here = Here()

    async def run() -> None:
        departures = Departures(here)
        for _ in range(5):
            assert (await send(departures, sources[:1], job(**asked))).code == "urgent"
        assert (await send(departures, sources[:1], job(**asked), None)).code == "urgent"
        await departures.settle(now=NOW)

    asyncio.run(run())
    row = WarmupDay.objects.get()
    assert (row.taken, row.urgent) == (8, 5)


def test_urgent_mail_takes_the_warm_ip_once_the_budget_is_used_up(
    sources: tuple[UsableSource, ...],
) -> None:
    open_day(sources[0], cap=3, taken=3)
    found, _ = codes(sources, 30, lane=Lane.URGENT)
    assert set(found) == {"spilled"}


def test_what_was_not_sent_gives_its_part_back(sources: tuple[UsableSource, ...]) -> None:
    open_day(sources[0], cap=10)

    async def run() -> None:
        departures = Departures(Here())
        for last in (None, THROTTLED, SENT):
            await send(departures, sources[:1], job(), last)
        await departures.settle(idle=0, now=NOW)

    asyncio.run(run())
    assert WarmupDay.objects.get().taken == 1


def test_a_budget_that_was_used_up_is_asked_for_again_after_a_while(
    sources: tuple[UsableSource, ...],
) -> None:
    open_day(sources[0], cap=1, taken=1)
    clock = [0.0]

    async def run() -> None:
        here = Here()
        departures = Departures(here, clock=lambda: clock[0])
        for _ in range(9):
            choice = await send(departures, sources[:1], job())
            assert choice.code == "no_budget" and choice.data["provider"] == "google"
        assert here.trips == 1
        await here(lambda: WarmupDay.objects.update(taken=0))  # another process gave it back
        clock[0] += ASK_AGAIN
        assert (await send(departures, sources[:1], job())).code == "only"

    asyncio.run(run())


def test_the_first_mail_puts_a_ready_ip_into_use(cast: Cast) -> None:
    pool = pools.dedicated_pool(cast.account)
    (fresh,) = pools.usable(pool.pk)

    async def run() -> None:
        departures = Departures(Here())
        for _ in range(3):
            await send(departures, (fresh,), job())

    assert fresh.fresh
    asyncio.run(run())
    row = EgressSource.objects.get(pk=fresh.id)
    assert row.state == SourceState.ACTIVE and row.used_at is not None
    assert row.changes.count() == 1


def test_an_ip_that_is_throttled_gets_less_mail_there(sources: tuple[UsableSource, ...]) -> None:
    a, b = (
        UsableSource(1, "203.0.113.1", "a", 1, owner=1),
        UsableSource(2, "203.0.113.2", "b", 1, owner=1),
    )

    async def run() -> list[int]:
        departures = Departures(Here())
        chosen = []
        for _ in range(300):
            terms: Terms = departures.terms(job(), GOOGLE, NOW)
            choice = departures.choose((a, b), terms, ipv6=False)
            assert choice.source is not None
            last = THROTTLED if choice.source.id == 1 else SENT
            departures.came_of(choice, terms, last, alone=False)
            chosen.append(choice.source.id)
        return chosen

    chosen = asyncio.run(run())
    assert chosen[-200:].count(1) < 50
