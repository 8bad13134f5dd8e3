import asyncio
import threading

import pytest

from transactional.listener import Door, Listeners
from transactional.wire.handler import Envelope, Handler, ServerConfig
from transactional.wire.reply import Reply

CONFIG = ServerConfig("mx.example")


class Slow(Handler):
    """Answers a message when it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.begun = asyncio.Event()

    async def message(self, envelope: Envelope) -> Reply:
        self.begun.set()
        await self.go.wait()
        return Reply(250, "2.0.0", ("taken",))


class Peer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int) -> "Peer":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def code(self) -> bytes:
        """The code of the next reply; nothing at the end."""
        while (line := await self.reader.readline())[3:4] == b"-":
            pass
        return line[:3]

    async def say(self, text: str) -> bytes:
        self.writer.write(text.encode() + b"\r\n")
        return await self.code()


def test_more_connections_than_there_is_room_for_are_told_so() -> None:
    async def main() -> None:
        listeners = Listeners(most=2)
        port = await listeners.open(Door("127.0.0.1", 0, CONFIG, Slow()))
        first, second = await Peer.connect(port), await Peer.connect(port)
        assert [await one.code() for one in (first, second)] == [b"220", b"220"]
        third = await Peer.connect(port)
        assert [await third.code(), await third.code()] == [b"421", b""]
        assert await first.say("QUIT") == b"221"
        assert await first.code() == b""
        while len(listeners.open_connections) > 1:
            await asyncio.sleep(0.01)
        again = await Peer.connect(port)
        assert await again.code() == b"220"
        await listeners.close()

    asyncio.run(main())


def test_one_address_cannot_take_all_the_room() -> None:
    async def main() -> None:
        listeners = Listeners(most=10, most_per_peer=1)
        port = await listeners.open(Door("127.0.0.1", 0, CONFIG, Slow()))
        first, second = await Peer.connect(port), await Peer.connect(port)
        assert sorted([await first.code(), await second.code()]) == [b"220", b"421"]
        await listeners.close()

    asyncio.run(main())


def test_stopping_says_421_and_finishes_what_is_in_hand() -> None:
    async def main() -> None:
        handler = Slow()
        listeners = Listeners()
        port = await listeners.open(Door("127.0.0.1", 0, CONFIG, handler))
        idle, busy = await Peer.connect(port), await Peer.connect(port)
        assert [await one.code() for one in (idle, busy)] == [b"220", b"220"]
        await busy.say("EHLO a")
        await busy.say("MAIL FROM:<a@b.example>")
        await busy.say("RCPT TO:<c@d.example>")
        assert await busy.say("DATA") == b"354"
        busy.writer.write(b"x\r\n.\r\n")
        await handler.begun.wait()
        stopping = asyncio.create_task(listeners.close())
        assert [await idle.code(), await idle.code()] == [b"421", b""]
        with pytest.raises(ConnectionError):
            await Peer.connect(port)
        assert not stopping.done()
        handler.go.set()
        assert [await busy.code(), await busy.code()] == [b"250", b"421"]
        await stopping

    asyncio.run(main())


def test_stopping_does_not_wait_for_ever() -> None:
    async def main() -> bool:
        handler = Slow()
        listeners = Listeners()
        port = await listeners.open(Door("127.0.0.1", 0, CONFIG, handler))
        busy = await Peer.connect(port)
        await busy.code()
        for line in ("EHLO a", "MAIL FROM:<a@b.example>", "RCPT TO:<c@d.example>", "DATA"):
            await busy.say(line)
        busy.writer.write(b"x\r\n.\r\n")
        await handler.begun.wait()
        await listeners.close(seconds=0.1)
        return True

    done: list[bool] = []
    thread = threading.Thread(target=lambda: done.append(asyncio.run(main())), daemon=True)
    thread.start()
    thread.join(30)
    assert done == [True]
