"""What the engine looks up: once for all who ask at the same time, and again after a failure."""

import asyncio
import threading

from transactional.egress.lookups import Lookups


def test_a_fact_that_many_sessions_ask_for_at_once_is_read_once(db: None) -> None:
    read: list[str] = []
    go_on = threading.Event()

    def load() -> str:
        go_on.wait(10)
        read.append("fact")
        return "fact"

    async def main() -> list[str]:
        lookups = Lookups()
        asking = [asyncio.ensure_future(lookups._get("key", 60, load)) for _ in range(40)]
        await asyncio.sleep(0)
        asking[0].cancel()  # one who gives up takes nothing from the others
        go_on.set()
        found = await asyncio.gather(*asking[1:])
        found.append(await lookups._get("key", 60, load))
        lookups.close()
        return found

    assert asyncio.run(main()) == ["fact"] * 40
    assert read == ["fact"]


def test_a_failed_read_is_everybodys_failure_and_is_tried_again(db: None) -> None:
    answers = iter([OSError("away"), "back"])

    def load() -> str:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def main() -> str:
        lookups = Lookups()
        two = await asyncio.gather(
            *(lookups._get("key", 60, load) for _ in range(2)), return_exceptions=True
        )
        assert [type(one) for one in two] == [OSError, OSError]
        again = await lookups._get("key", 60, load)
        lookups.close()
        return again

    assert asyncio.run(main()) == "back"
