"""What mail to receivers that have not answered lately may take of an engine, by account and lane."""

import asyncio
from typing import Any

from tests.transactional.egress.rows import Row
from transactional.egress.cell import Closed
from transactional.egress.first_tries import FirstTries
from transactional.egress.pace import LONGEST
from transactional.models import Lane


def begun(tries: FirstTries, account: int, n: int, lane: int = Lane.BULK) -> list[Any]:
    rows = [Row(account, lane) for _ in range(n)]
    return [row for row in rows if tries.begin(row) is None]  # type: ignore[arg-type]  # of a job only these are asked


def test_an_account_has_as_many_as_there_are_sessions_and_others_have_theirs() -> None:
    async def main() -> None:
        tries = FirstTries(20)
        mine = begun(tries, 1, 50)
        assert len(mine) == 20
        assert len(begun(tries, 1, 50, Lane.NORMAL)) == 20  # its other mail does not wait for it
        assert len(begun(tries, 2, 50)) == 20
        assert len(begun(tries, 3, 50)) == 1  # 60 in all; but nobody is left without
        for row in mine[:5]:
            tries.end(row)
        assert not begun(tries, 1, 5)  # there are four now: 15 each
        assert len(begun(tries, 3, 50)) == 4

    asyncio.run(main())


def test_what_comes_beyond_it_is_due_at_the_pace_at_which_they_end() -> None:
    async def main() -> None:
        tries = FirstTries(10)
        assert len(begun(tries, 1, 10)) == 10
        for row in list(tries._of[Lane.BULK, 1].since):
            tries._of[Lane.BULK, 1].since[row] -= 30  # each has taken half a minute so far
        closed = [tries.begin(Row(1)) for _ in range(1000)]  # type: ignore[arg-type]  # as above
        waits = [one.wait for one in closed if isinstance(one, Closed)]
        assert len(waits) == 1000 and waits == sorted(waits)
        assert 1 <= waits[0] < 5
        assert 29 < waits[10] - waits[0] < 31
        assert waits[-1] <= LONGEST

    asyncio.run(main())
