"""A few in each turn of the loop, in order, whoever goes away meanwhile; what came over a connection is read between."""

import asyncio
import socket
from collections import Counter

import pytest
import uvloop

from transactional.egress.turns import AT_ONCE, Turns

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> asyncio.Runner:
    return asyncio.Runner(loop_factory=request.param)


def test_a_few_in_each_turn_first_come_first_served(runner: asyncio.Runner) -> None:
    async def go() -> None:
        turns, passes, taken = Turns(), [0], []
        loop = asyncio.get_running_loop()

        def count() -> None:
            passes[0] += 1
            loop.call_soon(count)

        async def one(number: int) -> None:
            await turns.take()
            taken.append((number, passes[0]))

        loop.call_soon(count)
        await asyncio.gather(*(one(number) for number in range(20)))
        assert [number for number, _ in taken] == list(range(20))
        assert set(Counter(turn for _, turn in taken).values()) == {AT_ONCE}
        await asyncio.sleep(0.01)
        before = passes[0]
        await one(20)  # nobody waits any more: at once
        assert taken[-1] == (20, before)

    with runner:
        runner.run(go())


def test_who_goes_away_takes_nobodys_turn(runner: asyncio.Runner) -> None:
    async def go() -> None:
        turns = Turns()
        work = [asyncio.create_task(turns.take()) for _ in range(30)]
        await asyncio.sleep(0)
        for one in work[1::3]:
            one.cancel()
        await asyncio.sleep(0)
        for one in work[2::3]:  # some of them have been told that it is theirs
            one.cancel()
        async with asyncio.timeout(30):
            await asyncio.gather(*work, return_exceptions=True)
            await turns.take()
        assert all(one.cancelled() is False for one in work[0::3])

    with runner:
        runner.run(go())


def test_what_has_come_is_read_between_two_turns(runner: asyncio.Runner) -> None:
    async def go() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        turns, left = Turns(), list(range(50))
        heard: list[int] = []  # how many were still to be built when it was read
        loop.add_reader(ours, lambda: (ours.recv(10), heard.append(len(left))))

        async def build() -> None:
            await turns.take()
            if left.pop() == 40:
                theirs.send(b"250")

        await asyncio.gather(*(build() for _ in range(50)))
        loop.remove_reader(ours)
        assert heard and heard[0] >= 40 - 2 * AT_ONCE
        for one in (ours, theirs):
            one.close()

    with runner:
        runner.run(go())
