"""The two moments that a session tells of at once: its final dot leaves, its answer has been read."""

import asyncio
from collections.abc import Callable

import pytest

from tests.transactional.wire.conftest import Run
from tests.transactional.wire.smtp_parts import (
    Keeper,
    Script,
    connect,
    deliver,
    listening,
    scripted,
)
from transactional.wire.handler import ServerConfig
from transactional.wire.outcome import Timeouts
from transactional.wire.reply import Reply, Stage

CONFIG = ServerConfig("mx.example", size_limit=200_000)
PIPED = ("PIPELINING", "8BITMIME", "SIZE 1000000")


class Seen:
    """Writes down what it is told, each with what `beside` says at that moment."""

    def __init__(self, beside: Callable[[], object] = lambda: None) -> None:
        self.told: list[tuple[object, object]] = []
        self._beside = beside

    def leaving(self) -> None:
        self.told.append(("leaving", self._beside()))

    def answered(self, reply: Reply) -> None:
        self.told.append((reply, self._beside()))


@pytest.mark.parametrize("size", [100, 40_000, 180_000])
def test_it_is_told_before_the_dot_and_of_the_answer_before_anybody_acts_on_it(
    run: Run, size: int
) -> None:
    async def go() -> None:
        keeper = Keeper()
        keeper.reply = Reply(452, "4.3.1", ("no room",))
        data = b"Subject: x\r\n\r\n" + (b"y" * 68 + b"\r\n") * (size // 70)
        async with listening(CONFIG, keeper) as port:
            session = await connect(port)
            for _ in range(2):
                keeper.messages.clear()
                over = asyncio.Event()
                seen = Seen(lambda over=over: (len(keeper.messages), over.is_set()))  # type: ignore[misc]
                await deliver(session, data=data, witness=seen)
                over.set()
                assert seen.told == [("leaving", (0, False)), (keeper.reply, (1, False))]
            session.close()

    run(go())


def test_of_a_mail_that_is_refused_or_stays_it_is_told_nothing(run: Run) -> None:
    async def go() -> None:
        seen = Seen()
        data = b"Subject: x\r\n\r\n" + (b"y" * 68 + b"\r\n") * 1000
        async with listening(CONFIG, Keeper()) as port:
            session = await connect(port)
            assert not (await deliver(session, rcpt="nobody@d.example", witness=seen)).accepted
            # asked behind the marker, before the body, and then before the dot alone
            answers = iter([True, True, False])
            lost = await deliver(session, data=data, witness=seen, still_ours=lambda: next(answers))
            assert lost.lease_lost
        assert seen.told == []

    run(go())


@pytest.mark.parametrize("ends", ["drop", "silent"])
def test_a_dot_without_an_answer_has_left_and_no_more(run: Run, ends: str) -> None:
    async def play(script: Script) -> None:
        await script.greet(*PIPED)
        await script.hear(3)
        await script.say("250 ok", "250 ok", "354 go on")
        await script.hear_content()
        if ends == "drop":
            script.drop()
        else:
            await script.reader.read()

    async def go() -> None:
        seen = Seen()
        async with scripted(play) as (port, _):
            session = await connect(port, timeouts=Timeouts(dot=0.3))
            outcome = await deliver(session, witness=seen)
        assert outcome.uncertain and outcome.stage is Stage.DOT
        assert seen.told == [("leaving", None)]

    run(go())
