"""Places that owners share: who gets one at once, who is next, what is given up."""

import asyncio

from transactional.egress.places import BEYOND, Owner, Places

A, B, C = ((2, n) for n in (1, 2, 3))


async def want(places: Places, owner: Owner, n: int) -> list[asyncio.Task[None]]:
    """So many that want a place; each has had its turn to ask."""
    asked = [asyncio.create_task(places.acquire(owner)) for _ in range(n)]
    await asyncio.sleep(0)
    return asked


def test_alone_an_owner_has_all_and_another_who_comes_has_its_share_at_once() -> None:
    async def main() -> None:
        places = Places(12, least=2)
        mine = await want(places, A, 20)
        assert places.held(A) == 12 and places.waiting(A) == 8
        others = await want(places, B, 20)
        assert places.held(B) == 6  # though none of the twelve is free
        await want(places, C, 20)
        assert places.held(C) == 4
        for _ in range(8):  # what is given back goes to nobody until the bound holds again
            places.release(A)
        assert [places.held(one) for one in (A, B, C)] == [4, 6, 4]
        for _ in range(3):
            places.release(B)
        await asyncio.sleep(0)
        assert [places.held(one) for one in (A, B, C)] == [4, 4, 4]  # to whoever has fewest
        for task in (*mine, *others):
            task.cancel()

    asyncio.run(main())


def test_more_than_a_few_times_the_bound_are_never_held_but_for_the_least() -> None:
    async def main() -> None:
        places = Places(8, least=1)
        for account in range(200):
            await want(places, (2, account), 8)
        held = [places.held((2, account)) for account in range(200)]
        assert min(held) == 1 and held[0] == 8
        assert sum(n for n in held if n > 1) <= BEYOND * 8

    asyncio.run(main())


def test_one_owner_has_no_more_than_its_part_though_nobody_else_wants_any() -> None:
    async def main() -> None:
        places = Places(12, each=3)
        await want(places, A, 5)
        assert places.held(A) == 3 and places.waiting(A) == 2
        places.release(A)
        await asyncio.sleep(0)
        assert places.held(A) == 3 and places.waiting(A) == 1

    asyncio.run(main())


def test_who_gives_up_waiting_keeps_no_place() -> None:
    async def main() -> None:
        places = Places(1)
        await want(places, A, 1)
        first, second, third = await want(places, A, 3)
        first.cancel()
        await asyncio.sleep(0)
        places.release(A)  # the second's, which is hung up on in the same moment
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        await third
        assert places.held(A) == 1 and not places.waiting(A)
        places.release(A)
        assert places.held(A) == 0

    asyncio.run(main())
