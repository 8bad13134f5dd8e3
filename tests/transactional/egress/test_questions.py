"""How many domains are looked up at once: of each account no more than its share, and nobody waits for another's."""

import asyncio
from typing import Any

import pytest

from domains import dns
from tests.transactional.egress.rows import Row
from transactional.egress import questions as rooms
from transactional.egress.cell import Closed
from transactional.egress.questions import Questions


class Servers:
    """Name servers that answer when they are told to."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.asked = 0
        self.under_way = 0

    async def ask(self) -> bool:
        self.asked += 1
        self.under_way += 1
        try:
            await self.answers.wait()
        finally:
            self.under_way -= 1
        return True


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "PATIENCE", 0.01)
    dns.forget()


def job(account: int, domain: str) -> Any:
    return Row(account, domain=domain)


def test_silent_zones_of_one_account_take_no_more_than_its_share() -> None:
    async def main() -> None:
        asked, silent, other = Questions(12), Servers(), Servers()
        mine = [
            asyncio.create_task(asked.before(job(1, f"s{n}.example"), silent.ask))
            for n in range(20)
        ]
        done, waiting = await asyncio.wait(mine, timeout=0.3)
        assert silent.asked == silent.under_way == 4 and len(waiting) == 4
        closed = [task.result() for task in done]
        assert all(
            isinstance(one, Closed) and one.code == "lookups" and one.wait >= 1 for one in closed
        )
        other.answers.set()
        assert await asked.before(job(2, "x.example"), other.ask) is None  # at once
        silent.answers.set()
        assert {await task for task in waiting} == {None}
        assert silent.asked == 4  # who went back to the queue asks when it comes again

    asyncio.run(main())


def test_all_mail_of_an_account_for_a_domain_shares_one_question() -> None:
    async def main() -> None:
        asked, servers = Questions(12), Servers()
        mine = [
            asyncio.create_task(asked.before(job(1, "a.example"), servers.ask)) for _ in range(9)
        ]
        await asyncio.sleep(0.05)
        mine[0].cancel()  # one that is hung up on stops none of the others
        servers.answers.set()
        assert await asyncio.gather(*mine[1:]) == [None] * 8
        assert servers.asked == 1

    asyncio.run(main())


def test_a_domain_that_has_answered_needs_no_place() -> None:
    async def main() -> None:
        asked, quick, silent = Questions(3), Servers(), Servers()
        quick.answers.set()
        assert await asked.before(job(1, "known.example"), quick.ask) is None
        hanging = asyncio.create_task(asked.before(job(1, "silent.example"), silent.ask))
        await asyncio.sleep(0.05)
        assert isinstance(await asked.before(job(1, "new.example"), quick.ask), Closed)
        assert await asked.before(job(1, "known.example"), quick.ask) is None
        silent.answers.set()
        await hanging

    asyncio.run(main())
