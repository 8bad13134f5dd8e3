"""A site in one worker: whose turn it is, and what is left of it once it keeps mail for long."""

import asyncio
import math
from typing import Any

from transactional.egress.gate import LONG, OF_LONG, Gate, Waiter
from transactional.egress.places import Owner
from transactional.models import Lane


class Open:
    """A cell that takes all there is."""

    inflight = 0

    def allowed(self, now: float) -> int:
        return 1


CELLS: Any = (Open(),)
FLOOD, OTHER, CODE = (Lane.NORMAL, 1), (Lane.NORMAL, 2), (Lane.URGENT, 1)


def gate(most: int = 50) -> Gate:
    return Gate(most, math.inf)


def called(made: Gate, waiters: list[Waiter]) -> list[Owner]:
    """Whose were called; each is gone from the line."""
    found = [one for one in waiters if one.called.done()]
    for one in found:
        made.gone(one)
        waiters.remove(one)
    return [one.owner for one in found]


def test_only_what_is_older_is_in_front_of_a_message() -> None:
    async def main() -> None:
        made = gate()
        made.enter(FLOOD, 0.0)
        for age in (9, 1, 5):
            made.line_up(FLOOD, CELLS, age)
        made.line_up(OTHER, CELLS, 7)
        waits = [made.expected(0.0, room=1, owner=FLOOD, age=age) for age in (0, 3, 10)]
        assert [round(wait / made.hold) for wait in waits] == [
            2,
            3,
            5,
        ]  # one of the other's among them

    asyncio.run(main())


def test_the_oldest_is_called_first() -> None:
    async def main() -> None:
        made = gate()
        waiters = {age: made.line_up(FLOOD, CELLS, age) for age in (9, 1, 5)}
        order = []
        while waiters:
            made.call(0.0, 1)
            (age,) = [age for age, one in waiters.items() if one.called.done()]
            made.gone(waiters.pop(age))
            order.append(age)
        assert order == [1, 5, 9]

    asyncio.run(main())


def test_a_standstill_is_waited_out_once_and_not_for_each_in_front() -> None:
    async def main() -> None:
        made = gate(most=10)
        for _ in range(10):
            made.enter(FLOOD, 0.0)
        for age in range(40):
            made.line_up(FLOOD, CELLS, age)
        assert made.expected(3.0, room=10, owner=FLOOD, age=99) == 3.0 + 40 * made.hold / 10

    asyncio.run(main())


def test_who_has_least_under_way_comes_next() -> None:
    async def main() -> None:
        made = gate()
        for _ in range(5):
            made.enter(FLOOD, 0.0)
        lines = [made.line_up(FLOOD, CELLS) for _ in range(100)]
        lines += [made.line_up(OTHER, CELLS) for _ in range(2)]
        assert made.expected(0.0, room=1, owner=OTHER) < 0.1 * made.expected(
            0.0, room=1, owner=FLOOD
        )
        lines.append(made.line_up(CODE, CELLS))
        made.call(0.0, 1)
        assert called(made, lines) == [CODE]
        made.call(0.0, 1)
        made.call(0.0, 1)
        made.call(0.0, 1)
        assert made.promised == 3
        assert sorted(called(made, lines)) == [FLOOD, OTHER, OTHER]
        assert made.promised == 0 and made.of == {FLOOD: 5}

    asyncio.run(main())


def test_a_site_that_keeps_mail_for_long_is_let_no_more_of_it_than_a_part() -> None:
    made = gate(50)
    numbers = [made.enter(FLOOD, 100.0) for _ in range(50 // OF_LONG)]
    assert made.room(100.0 + LONG - 1) == 50
    assert made.room(100.0 + LONG) == 50 // OF_LONG
    made.leave(FLOOD, numbers[0], 100.0 + LONG, 100.0)
    assert made.room(100.0 + LONG) == 50  # a few that take long are no slow site


def test_one_that_gave_up_waiting_is_not_called() -> None:
    async def main() -> None:
        made = gate()
        first, second = made.line_up(OTHER, CELLS), made.line_up(OTHER, CELLS)
        made.gone(first)
        made.call(0.0, 5)
        assert not first.called.done() and second.called.done() and made.promised == 1
        assert not made.has_line

    asyncio.run(main())
