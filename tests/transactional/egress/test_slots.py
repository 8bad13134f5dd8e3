"""What an engine has in hand, what of it speaks and what was set aside: of each account its share."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from tests.transactional.egress.rows import Row
from transactional.egress import slots as rooms
from transactional.egress.slots import Slots
from transactional.models import Lane


def taken(slots: Slots, account: int, n: int, *, stream: int = 0) -> list[Any]:
    rows: list[Any] = [Row(account, stream_id=stream or account) for _ in range(n)]
    for row in rows:
        slots.take(row)
    return rows


async def speaking(slots: Slots, rows: Sequence[Any]) -> int:
    """How many of these have a session, once each has asked for one."""
    tasks = [asyncio.create_task(slots.enter(row)) for row in rows]
    await asyncio.sleep(0)
    found = sum(task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    return found


def test_who_has_nothing_in_hand_always_has_room() -> None:
    async def main() -> None:
        slots = Slots(16)
        assert slots.caps().each == 32 and slots.caps().most == 48
        taken(slots, 1, 32)
        caps = slots.caps()
        assert caps.of == {(Lane.BULK, 1): 0}  # twice the sessions, and no more
        assert caps.each == 24 and caps.most > 0
        taken(slots, 2, 24)
        assert slots.room < 0
        caps = slots.caps()
        assert caps.of == {(Lane.BULK, 1): 0, (Lane.BULK, 2): 0}
        assert caps.each == 16 and caps.most > 0

    asyncio.run(main())


def test_an_owners_streams_share_its_room() -> None:
    async def main() -> None:
        slots = Slots(16)
        rows = taken(slots, 1, 3, stream=7) + taken(slots, 1, 3, stream=8)
        assert slots.caps().of == {(Lane.BULK, 7): 13, (Lane.BULK, 8): 13}
        for row in rows:
            slots.leave(row)
            slots.leave(row)  # said twice, it counts once
        assert slots.caps().of == {} and slots.room == 32

    asyncio.run(main())


def test_whose_mail_only_goes_back_is_claimed_at_a_pace() -> None:
    async def main() -> None:
        slots = Slots(16)
        for row in taken(slots, 1, 60):
            slots.went_back(row)
            slots.leave(row)
        assert slots.caps().of == {(Lane.BULK, 1): 0}
        taken(slots, 1, 1)
        assert slots.caps().of == {(Lane.BULK, 1): 0}
        await asyncio.sleep(0.3)
        assert slots.caps().of == {(Lane.BULK, 1): 31}

    asyncio.run(main())


def test_what_is_slow_is_set_aside_of_each_account_up_to_its_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rooms, "SLOW", -1.0)  # all are, at once

    async def main() -> None:
        slots = Slots(16)
        mine = taken(slots, 1, 48)
        for row in mine:
            slots.begin(row)
        assert slots.tick()
        assert slots.caps().of == {(Lane.BULK, 1): 16}  # 32 of 64 are aside: half is for others
        theirs = taken(slots, 2, 30)
        for row in theirs:
            slots.begin(row)
        assert slots.tick()
        assert slots.caps().of[Lane.BULK, 2] == 24 - 9  # a third of 64 is aside
        for row in mine:
            slots.rest(row)
        assert slots.caps().of[Lane.BULK, 1] == 0
        for row in (*mine, *theirs):
            slots.leave(row)
        assert slots.caps().of == {} and slots.room == 32

    asyncio.run(main())


def test_conversations_that_hang_leave_others_their_share_of_the_sessions() -> None:
    async def main() -> None:
        slots = Slots(16)
        assert await speaking(slots, taken(slots, 1, 40)) == 16
        assert await speaking(slots, taken(slots, 2, 40)) == 8

    asyncio.run(main())


def test_first_tries_of_one_account_do_not_stand_before_anothers() -> None:
    async def main() -> None:
        slots = Slots(16)
        for account, expected in ((1, 12), (2, 6)):
            rows = taken(slots, account, 20)
            tasks = [asyncio.create_task(slots.enter(row, first=True)) for row in rows]
            await asyncio.sleep(0)
            assert sum(task.done() for task in tasks) == expected

    asyncio.run(main())
