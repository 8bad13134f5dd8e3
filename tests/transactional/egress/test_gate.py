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
