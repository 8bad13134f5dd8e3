"""How long a message that finds no place at a site is sent back for; which cells are remembered."""

import asyncio
import math
import re
from dataclasses import replace

import pytest

from domains import pools
from domains.sites import Site
from transactional.egress.cell import Breaker, Closed
from transactional.egress.gate import BUSY, STALLED, Gate
from transactional.egress.profiles import Limits, Profiles, Rule
from transactional.egress.route import Route, Target
from transactional.egress.shaping import Permit, Shaper
from transactional.egress.strain import Strain
from transactional.wire import outcome as wire
from transactional.wire.reply import Reply, Stage


def gate(*, inflight: int, hold: float, left_at: float) -> Gate:
    made = Gate(most=50, proven_until=math.inf)
    made.inflight, made.hold, made.left_at = inflight, hold, left_at
    return made


def test_places_that_move_are_shared_out() -> None:
    moving = gate(inflight=5, hold=0.5, left_at=100.0)
    assert moving.expected(100.0, room=5) == pytest.approx(0.1)
    # one that is a little late is not a site that stands still
    assert moving.expected(100.0 + 0.9 * STALLED, room=5) == pytest.approx(0.18)


@pytest.mark.parametrize("room", [1, 5, 50])
def test_a_site_that_stands_still_is_waited_for_as_long_again(room: int) -> None:
    still = gate(inflight=5, hold=0.05, left_at=100.0)
    for seconds in (STALLED, 10.0, 40.0):
        assert still.expected(100.0 + seconds, room=room) == pytest.approx(seconds)
    assert still.expected(1000.0, room=room) == BUSY


def test_a_slow_site_whose_places_move_keeps_its_pace() -> None:
    slow = gate(inflight=5, hold=36.0, left_at=100.0)
    assert slow.expected(102.0, room=5) == pytest.approx(7.2)


def test_nobody_stands_still_where_nobody_is() -> None:
    empty = gate(inflight=0, hold=0.05, left_at=100.0)
    assert empty.expected(1000.0, room=5) == pytest.approx(0.01)


def route(name: str) -> Route:
    return Route((Target(f"mx.{name}", "192.0.2.1", 25),), site=Site(name), code="mx")


def limited(connections: int) -> Profiles:
    return Profiles(((Limits("default", connections, 60), "", ()),), ())


def test_the_limits_of_a_site_do_not_hang_on_which_exchanger_has_an_address_now() -> None:
    async def main() -> None:
        shaper = Shaper(sessions=10, scale=1.0)
        strict = Limits("filter", 3, 60), "", (".filter.example",)
        shaper.use(Profiles((strict, (Limits("default", 20, 0), "", ())), ()))
        both = replace(route("s"), exchangers=("mx.s", "mx.filter.example"))
        assert shaper.cell("127.0.0.10", both).limits.connections == 3

    asyncio.run(main())


def test_an_operators_change_reaches_a_cell_that_is_never_idle() -> None:
    async def main() -> None:
        shaper = Shaper(sessions=10, scale=1.0)
        busy = shaper.cell("127.0.0.10", route("a.example"))
        now = asyncio.get_running_loop().time()
        busy.take(now)
        assert busy.throttled(now, "receiver_throttles") is not None
        for connections in (1, 7):
            shaper.use(limited(connections))
            assert shaper.cell("127.0.0.10", route("a.example")) is busy
            assert (busy.limits.connections, busy.limits.per_minute) == (connections, 60)
        assert busy.rate is not None and busy.inflight == 1  # what was learnt is not forgotten

    asyncio.run(main())


def test_the_longest_unused_are_forgotten_but_not_what_is_held_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("transactional.egress.shaping.KEPT", 1000)
    stop = Rule("stop", "", re.compile("x"), 1, 60, "suspend", 0, 600.0)

    async def main() -> None:
        shaper = Shaper(sessions=10, scale=1.0)
        now = asyncio.get_running_loop().time()
        suspended, used, unused, busy, down = (
            shaper.cell("127.0.0.10", route(name)) for name in ("s", "u", "n", "b", "d")
        )
        suspended.obey(stop, now)
        busy.take(now)
        for _ in range(3):
            down.no_answer(now)
        for n in range(1500):
            shaper.cell("127.0.0.10", route(f"{n}.example"))
            shaper.cell("127.0.0.10", route("u"))
        known = list(shaper.cells.values())
        assert len(known) < 1200
        assert all(one in known for one in (suspended, used, busy, down)) and unused not in known
        # even what is held back has an end: memory does
        for n in range(3000):
            shaper.cell("127.0.0.10", route(f"held{n}.example")).obey(stop, now)
        assert len(shaper.cells) <= 2 * 1000 + 100

    asyncio.run(main())


SOURCE = pools.UsableSource(1, "127.0.0.10", "mail.shop.example", 1)


def probing(shaper: Shaper) -> None:
    """An incident with the site, whose next canary is due."""
    shaper.cell(SOURCE.address, route("a")).breaker = Breaker(7, "no", True, 0.0, 0.0)


def one(fit: tuple[pools.UsableSource, ...]) -> pools.Choice:
    return pools.Choice(fit[0], "only", {})


def test_who_is_not_the_canary_gives_back_its_place_and_its_part_of_the_budget() -> None:
    async def main() -> None:
        shaper, given_back = Shaper(sessions=10, scale=1.0), list[pools.Choice]()
        probing(shaper)
        found = await shaper.enter(route("a"), "a", (SOURCE,), one, close=given_back.append)
        assert isinstance(found, Closed) and found.code == "incident"
        assert shaper.cell(SOURCE.address, route("a")).inflight == 0
        assert [choice.source for choice in given_back] == [SOURCE]

    asyncio.run(main())


def test_what_is_cancelled_while_it_asks_to_be_the_canary_shuts_no_cell() -> None:
    async def main() -> None:
        shaper, asked = Shaper(sessions=10, scale=1.0), asyncio.Event()

        async def never(incident: int) -> bool:
            asked.set()
            await asyncio.sleep(60)
            return True

        shaper.probe = never
        probing(shaper)
        entering = asyncio.create_task(shaper.enter(route("a"), "a", (SOURCE,), one))
        await asked.wait()
        entering.cancel()
        await asyncio.wait([entering])
        assert shaper.cell(SOURCE.address, route("a")).inflight == 0
        assert shaper.gate(route("a"), "a").inflight == 0

    asyncio.run(main())


@pytest.mark.parametrize(("hold", "sent_back"), [(0.1, 0), (0.2, 13), (2.0, 47)])
def test_a_place_that_moves_is_waited_for_as_long_as_what_is_in_hand_takes(
    hold: float, sent_back: int
) -> None:
    """50 beside the 5 that are spoken with: a second of them, two, or twenty."""

    async def main() -> None:
        shaper = Shaper(sessions=10, scale=1.0)
        shaper.use(Profiles(((Limits("default", 0, 0), "", ()),), ()))
        shaper.gate(route("a"), "a").proven_until = math.inf
        inside = [await shaper.enter(route("a"), "a", (SOURCE,), one) for _ in range(5)]
        assert all(isinstance(permit, Permit) for permit in inside)
        shaper.gate(route("a"), "a").hold = hold
        back = await sent_back_of_50(shaper)
        assert [one_.code for one_ in back if isinstance(one_, Closed)] == ["site_busy"] * sent_back

    asyncio.run(main())


async def sent_back_of_50(shaper: Shaper) -> list[object]:
    """What those of 50 hear at once that do not wait; the others are called off."""
    asked = [shaper.enter(route("a"), "a", (SOURCE,), one) for _ in range(50)]
    waiting = [asyncio.create_task(one_) for one_ in asked]
    await asyncio.sleep(0)
    back: list[object] = [task.result() for task in waiting if task.done()]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return back


class Slow(Strain):
    """A processor that is not ours alone."""

    slows = True


class Standing(Slow):
    """A database that does not answer."""

    stands = True


@pytest.mark.parametrize(("hold", "sent_back"), [(0.2, 0), (0.99, 0), (2.0, 26)])
def test_what_waits_for_us_is_not_sent_back_as_if_its_receiver_were_slow(
    hold: float, sent_back: int
) -> None:
    """50 beside the 5 that are spoken with: two seconds of them, ten, or twenty."""

    async def main() -> None:
        shaper = Shaper(sessions=10, scale=1.0, strain=Slow())
        shaper.use(Profiles(((Limits("default", 0, 0), "", ()),), ()))
        shaper.gate(route("a"), "a").proven_until = math.inf
        for _ in range(5):
            assert isinstance(await shaper.enter(route("a"), "a", (SOURCE,), one), Permit)
        shaper.gate(route("a"), "a").hold = hold
        assert len(await sent_back_of_50(shaper)) == sent_back

    asyncio.run(main())


@pytest.mark.parametrize(
    ("strain", "sent_back"), [(Strain(), 50), (Slow(), 50), (Standing(), 0)],
    ids=["idle", "busy", "without database"],
)  # fmt: skip
def test_a_site_that_stands_still_is_left_alone_unless_it_is_our_database_that_does(
    strain: Strain, sent_back: int
) -> None:
    """50 that want to speak where nobody has left for 3 seconds."""

    async def main() -> None:
        shaper = Shaper(sessions=10, scale=1.0, strain=strain)
        shaper.use(Profiles(((Limits("default", 0, 0), "", ()),), ()))
        shaper.gate(route("a"), "a").proven_until = math.inf
        for _ in range(5):
            await shaper.enter(route("a"), "a", (SOURCE,), one)
        shaper.gate(route("a"), "a").left_at -= 3.0
        assert len(await sent_back_of_50(shaper)) == sent_back

    asyncio.run(main())


def test_one_goes_first_to_a_site_that_has_not_answered_lately() -> None:
    async def main() -> None:
        shaper = Shaper(sessions=10, scale=1.0)
        first = await shaper.enter(route("a"), "a", (SOURCE,), one)
        assert isinstance(first, Permit) and first.first
        waiting = [
            asyncio.create_task(shaper.enter(route("a"), "a", (SOURCE,), one)) for _ in range(4)
        ]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in waiting)
        shaper.learn(first, route("a"), wire.Outcome(Stage.DOT, reply=Reply(250, ("2.0.0 Ok",))))
        shaper.leave(first)
        permits = await asyncio.gather(*waiting)  # all that waited for it
        assert all(isinstance(permit, Permit) and not permit.first for permit in permits)
        gate = shaper.gate(route("a"), "a")
        assert gate.inflight == 4 and not gate.promised
        nobody = wire.Outcome(Stage.CONNECT, error="no answer")
        assert isinstance(permits[0], Permit)
        shaper.learn(permits[0], route("a"), nobody)  # and it is unproven again
        assert gate.room(asyncio.get_running_loop().time()) == 1

    asyncio.run(main())


def test_a_suspension_ends_with_its_rule_and_the_other_workers_are_told() -> None:
    stop = Rule("stop", "", re.compile("x"), 1, 60, "suspend", 0, 600.0)

    async def main() -> None:
        shaper, now = Shaper(sessions=10, scale=1.0), asyncio.get_running_loop().time()
        limits = ((Limits("default", 5, 0), "", ()),)
        shaper.use(Profiles(limits, (stop,)))
        shaper.cell(SOURCE.address, route("a")).obey(stop, now)
        assert shaper.is_shut(route("a"), (SOURCE,))
        shaper.use(Profiles(limits, ()))
        assert not shaper.is_shut(route("a"), (SOURCE,))
        assert shaper.changed == {(SOURCE.address, "a")}

    asyncio.run(main())
