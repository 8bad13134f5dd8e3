"""Workers share a cell's limits and what its receiver said, through Redis; without it each is safe."""

import asyncio
import json
import math
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import redis
import redis.asyncio as asyncio_redis
from django.conf import settings as configured

from domains.sites import Site
from transactional.egress import shares
from transactional.egress.cell import Cell
from transactional.egress.part import Part
from transactional.egress.profiles import Limits, Profiles, Rule, shipped
from transactional.egress.route import Route, Target
from transactional.egress.shaping import Shaper
from transactional.egress.shares import MOST, Shares

ROUTE = Route((Target("mx.a.example", "192.0.2.1", 25),), site=Site("a.example"), code="mx")
SAFE = Part(4)
STOP = Rule("stop", "", re.compile("x"), 1, 60, "suspend", 0, 600.0)
MORE = Rule("more", "", re.compile("x"), 1, 60, "suspend", 0, 1200.0)
RULES = Profiles(shipped().limits, (STOP, MORE))
Work = Callable[[], Awaitable[None]]


@pytest.fixture(autouse=True)
def server() -> redis.Redis:
    client = redis.Redis.from_url(configured.REDIS_URL)
    client.flushall()
    return client


def worker() -> tuple[Shaper, Shares]:
    shaper = Shaper(sessions=10, part=SAFE, scale=1.0)
    shaper.use(RULES)
    return shaper, Shares(shaper)


def divided(*cells: Cell) -> bool:
    """Whether each of them knows all."""
    now = asyncio.get_running_loop().time()
    parts = [one.part(now) for one in cells]
    return (
        all(part.told for part in parts)
        and [part.of for part in parts] == [len(cells)] * len(cells)
        and ({part.place for part in parts} == {*range(len(cells))})
    )


def cell(shaper: Shaper) -> Cell:
    return shaper.cell("127.0.0.10", ROUTE)


def during(*running: Shares, work: Work) -> None:
    async def main() -> None:
        tasks = [asyncio.create_task(one.run()) for one in running]
        try:
            await work()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not check():
            await asyncio.sleep(0.02)


def test_those_who_use_a_cell_divide_it() -> None:
    (one, first), (two, second), (idle, third) = worker(), worker(), worker()

    async def work() -> None:
        a, b = cell(one), cell(two)
        assert a.part(0) == SAFE  # before anything is known
        await until(lambda: divided(a, b))
        assert not idle.cells

    during(first, second, third, work=work)


@pytest.mark.parametrize(("workers", "most"), [(2, 5), (3, 5), (3, 4), (3, 10), (3, 2), (2, 1)])
def test_real_workers_never_have_more_connections_than_the_limit(workers: int, most: int) -> None:
    """Each begins a conversation whenever it may; where there are too few, all have their turn."""
    running = [
        (shaper := Shaper(sessions=50, part=Part(workers, n, 1), scale=1.0),
         Shares(shaper, urgent=n == 0))
        for n in range(workers)
    ]  # fmt: skip
    limits, begun, open_ = Limits("x", most), [0] * workers, [0]
    most_open = [0]

    async def speak(one: Cell, n: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if one.closed(loop.time()) is None:
                one.take(loop.time())
                begun[n] += 1
                open_[0] += 1
                most_open[0] = max(most_open[0], open_[0])
                await asyncio.sleep(0.3)
                open_[0] -= 1
                one.give_back(loop.time())
            await asyncio.sleep(0.01)

    async def work() -> None:
        cells = [cell(shaper) for shaper, _ in running]
        for one in cells:
            one.limited(limits)
            for _ in range(200):
                one.went_well()
        await until(lambda: divided(*cells))
        speakers = [
            asyncio.create_task(speak(one, n)) for n, one in enumerate(cells) for _ in range(most)
        ]
        await until(lambda: min(begun) > 0 and max(begun) > 3)
        await asyncio.sleep(1.5)
        for speaker in speakers:
            speaker.cancel()

    during(*(told for _, told in running), work=work)
    assert most_open[0] <= most
    assert most_open[0] == most or most < workers


@pytest.mark.parametrize("urgent", [False, True])
def test_who_joins_takes_what_the_others_leave_until_they_know_of_it(urgent: bool) -> None:
    """The first has all five; the second begins with what is safe, for the moment until it has heard."""
    most, open_, began = 5, [0, 0], [0.0]
    worst_then: list[int] = []
    one = Shaper(sessions=50, part=Part(3, 1, 1), scale=1.0)
    two = Shaper(sessions=50, part=Part(3, 0 if urgent else 2, 1), scale=1.0)

    async def speak(cell_: Cell, n: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if cell_.closed(loop.time()) is None:
                cell_.take(loop.time())
                open_[n] += 1
                if began[0] and cell_.part(loop.time()).told:
                    worst_then.append(sum(open_))
                await asyncio.sleep(0.2)
                open_[n] -= 1
                cell_.give_back(loop.time())
            await asyncio.sleep(0.01)

    async def work() -> None:
        first = cell(one)
        speakers = []
        for place, cell_ in ((0, first), (1, None)):
            if cell_ is None:
                await until(lambda: first.part(0).of == 1 and open_[0] == most)
                began[0], cell_ = asyncio.get_running_loop().time(), cell(two)
            cell_.limited(Limits("x", most))
            for _ in range(200):
                cell_.went_well()
            speakers += [asyncio.create_task(speak(cell_, place)) for _ in range(most)]
        await until(lambda: divided(first, cell(two)) and open_[1] > 0)
        await asyncio.sleep(1.0)
        for speaker in speakers:
            speaker.cancel()

    during(Shares(one), Shares(two, urgent=urgent), work=work)
    # What it opened before it had heard of the first is not in this: its safe part, for a second
    safe = Part(3, 0 if urgent else 2, 1).connections(most, 0.0)
    assert max(worst_then) <= most + safe and worst_then[-1] <= most


def test_what_a_receiver_told_one_worker_holds_for_all(server: redis.Redis) -> None:
    (one, first), (two, second) = worker(), worker()

    async def work() -> None:
        a, b = cell(one), cell(two)
        now = asyncio.get_running_loop().time()
        for n in range(100):
            a.take(now - 10 + n / 10)
        assert a.throttled(now, "receiver_throttles") is not None
        one.changed.add(("127.0.0.10", "a.example"))
        await until(lambda: b.rate == a.rate is not None)
        assert (b.why, b.hold_until) == (a.why, pytest.approx(a.hold_until, abs=0.1))
        # emptied, Redis is told again; a third worker hears of it
        server.flushall()
        three, third = worker()
        c = cell(three)
        task = asyncio.create_task(third.run())
        await until(lambda: c.rate == a.rate)
        task.cancel()

    during(first, second, work=work)


def test_nonsense_in_redis_changes_nothing(server: redis.Redis) -> None:
    one, first = worker()

    async def work() -> None:
        a = cell(one)
        endless = a.state(0.0) | {"at": 9e99, "ceiling": float("inf")}
        texts = ("[]", "{", '{"at": 9e99}', '{"at": 9e99, "rate": "x"}', json.dumps(endless))
        for text in texts:
            server.set("shaping:state:127.0.0.10:a.example", text)
            await asyncio.sleep(1.1)
            assert (a.rate, a.until, a.changed) == (None, 0.0, -math.inf)
        now = float(server.time()[0])
        sense = a.state(0.0) | {"at": now, "rate": 5.0, "from": 5.0, "hold": now + 60}
        server.set("shaping:state:127.0.0.10:a.example", json.dumps(sense))
        await until(lambda: a.rate == 5.0)  # who was told nonsense still listens

    during(first, work=work)


def test_without_redis_each_keeps_to_a_safe_share(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    one, first = worker()

    async def work() -> None:
        a = cell(one)
        now = asyncio.get_running_loop().time()
        a.told(Part(), now + 60)
        await until(lambda: a.part(now).of == SAFE.of)
        assert first.alone

    during(first, work=work)


def test_a_cell_that_is_used_is_shared_however_many_were_made_since() -> None:
    (one, first), (two, second) = worker(), worker()
    others = [
        Route((Target("mx", "192.0.2.1", 25),), site=Site(f"{n}.example"), code="mx")
        for n in range(MOST + 10)
    ]

    async def work() -> None:
        a, b = cell(one), cell(two)
        for route in others:
            one.cell("127.0.0.10", route)
            two.cell("127.0.0.10", route)
        assert cell(one) is a and cell(two) is b  # used again
        await until(lambda: divided(a, b))
        now = asyncio.get_running_loop().time()
        b.obey(STOP, now)
        two.changed.add(("127.0.0.10", "a.example"))
        await until(lambda: a.closed(asyncio.get_running_loop().time()) is not None)
        shut = a.closed(asyncio.get_running_loop().time())
        assert shut is not None and shut.code == "stop"

    during(first, second, work=work)


def test_a_suspension_of_a_rule_that_was_switched_off_holds_for_no_worker_that_comes_later(
    server: redis.Redis,
) -> None:
    one, first = worker()
    one.use(Profiles(RULES.limits, (MORE,)))
    old, now = Shaper(sessions=10, scale=1.0), float(server.time()[0])

    async def work() -> None:
        name = "shaping:state:127.0.0.10:a.example"
        gone = cell(old)
        gone.obey(STOP, now)
        server.set(name, json.dumps(gone.state(0.0)))
        a = cell(one)
        await until(lambda: a.changed > 0.0)
        assert a.closed(asyncio.get_running_loop().time()) is None
        await until(lambda: json.loads(server.get(name))["until"] < now)  # nor for the next

    during(first, work=work)


def test_a_machine_whose_clock_is_wrong_puts_nobody_off(
    server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, first = worker()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)  # this machine's clock
    seconds, micros = server.time()
    users = "shaping:users:127.0.0.10:a.example"
    server.hset(users, "another machine's", f"{seconds + micros / 1e6} 0")

    async def work() -> None:
        a = cell(one)
        await until(
            lambda: a.part(asyncio.get_running_loop().time()).of == 2
        )  # it is seen, and stays
        now = asyncio.get_running_loop().time()
        a.obey(STOP, now)
        one.changed.add(("127.0.0.10", "a.example"))
        await until(lambda: bool(server.exists("shaping:state:127.0.0.10:a.example")))

    during(first, work=work)
    monkeypatch.undo()
    seconds, _ = server.time()
    assert all(abs(float(told.split()[0]) - seconds) < 30 for told in server.hvals(users))
    told = json.loads(server.get("shaping:state:127.0.0.10:a.example"))
    assert abs(told["until"] - seconds - 600) < 30


def test_a_redis_whose_clock_is_set_back_is_told_anew_and_lengthens_nothing(
    server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one, first), (two, second) = worker(), worker()
    real, shift = asyncio_redis.Redis.time, [0]

    async def shifted(client: Any, **options: Any) -> tuple[int, int]:
        seconds, micros = await real(client, **options)
        return seconds + shift[0], micros

    monkeypatch.setattr(asyncio_redis.Redis, "time", shifted)
    key = ("127.0.0.10", "a.example")

    async def work() -> None:
        a, b = cell(one), cell(two)
        now = asyncio.get_running_loop().time()
        a.obey(STOP, now)
        one.changed.add(key)
        await until(lambda: b.until > 0 and divided(a, b))
        ends = b.until
        shift[0] = -3600
        name = "shaping:state:127.0.0.10:a.example"
        limit = server.time()[0] - 1800
        await until(lambda: json.loads(server.get(name))["at"] < limit)
        await asyncio.sleep(2.5)  # both have heard
        assert a.until == pytest.approx(ends, abs=2) and b.until == pytest.approx(ends, abs=2)
        assert divided(a, b)
        now = asyncio.get_running_loop().time()
        b.obey(MORE, now)
        two.changed.add(key)
        await until(lambda: a.until == pytest.approx(b.until, abs=2) and a.until > ends + 300)

    during(first, second, work=work)


def test_it_ends_although_the_client_loses_that_it_was_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, first = worker()
    monkeypatch.setattr(shares, "EVERY", 0.05)
    inside = asyncio.Event()

    async def begun() -> None:
        await inside.wait()

    async def deaf() -> None:
        inside.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(30)

    monkeypatch.setattr(first, "_exchange", deaf)
    during(first, work=begun)  # which waits for its end
