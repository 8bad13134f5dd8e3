import asyncio
import contextlib
import socket
import threading
from dataclasses import replace

import pytest

from transactional.listener import Door, Listeners
from transactional.wire import protocol, room
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
    async def connect(cls, port: int, here: str = "127.0.0.1") -> "Peer":
        return cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(here, 0)))

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


def test_who_has_most_of_the_places_and_says_nothing_gives_way() -> None:
    async def main() -> None:
        listeners = Listeners(most=4, most_per_peer=4)
        port = await listeners.open(Door("127.0.0.1", 0, CONFIG, Slow()))
        crowd = [await Peer.connect(port) for _ in range(4)]
        assert [await one.code() for one in crowd] == [b"220"] * 4
        await crowd[0].say("EHLO a")
        assert await crowd[0].say("MAIL FROM:<a@b.example>") == b"250"
        others = [await Peer.connect(port, address) for address in ("127.0.0.2", "127.0.0.3")]
        assert [await one.code() for one in others] == [b"220", b"220"]
        assert [await one.code() for one in crowd[1:3]] == [b"421", b"421"]
        # what is being sent goes on; who has no more than others is not let in for them
        assert await crowd[0].say("RCPT TO:<c@d.example>") == b"250"
        assert await crowd[3].say("NOOP") == b"250"
        assert await (await Peer.connect(port, "127.0.0.2")).code() == b"421"
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


async def half_sent(port: int, octets: int) -> Peer:
    """A peer that began a message and goes on with none of it."""
    peer = await Peer.connect(port)
    await peer.code()
    for line in ("EHLO a", "MAIL FROM:<a@b.example>", "RCPT TO:<c@d.example>", "DATA"):
        await peer.say(line)
    peer.writer.write(b"x" * octets)
    await peer.writer.drain()
    return peer


def test_half_sent_messages_keep_nobody_out_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "SHARE", 1)  # all come from one address here
    monkeypatch.setattr(room, "PATIENCE", 0.5)

    async def main() -> None:
        handler = Slow()
        handler.go.set()
        listeners = Listeners(octets=1_000_000)
        port = await listeners.open(Door("127.0.0.1", 0, CONFIG, handler))
        slow = [await half_sent(port, 100_000) for _ in range(11)]
        while listeners.room.refused[room.NO_ROOM] < 1:
            await asyncio.sleep(0.01)
        assert listeners.room.held <= 1_000_000
        codes = set()
        while b"250" not in codes:
            urgent = await half_sent(port, 200_000)
            codes.add(await urgent.say("\r\n."))
            urgent.writer.close()
        assert codes <= {b"250", b"452"} and listeners.room.refused[room.GAVE_WAY] > 0
        said = [await peer.say("\r\n.") for peer in slow]
        assert set(said) == {b"250", b"452"}  # nothing is lost: taken, or told to come again
        assert listeners.room.held == 0
        await listeners.close()

    asyncio.run(main())


def test_a_peer_that_reads_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "ABORT_SECONDS", 0.3)

    async def main() -> None:
        listeners = Listeners()
        port = await listeners.open(Door("127.0.0.1", 0, CONFIG, Slow()))
        loop = asyncio.get_running_loop()
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            deaf.setblocking(False)
            await loop.sock_connect(deaf, ("127.0.0.1", port))
            rcpts = b"RCPT TO:<c@d.example>\r\n" * 60_000
            with contextlib.suppress(OSError):
                await loop.sock_sendall(deaf, b"EHLO a\r\nMAIL FROM:<a@b.example>\r\n" + rcpts)
            while listeners.open_connections:
                await asyncio.sleep(0.02)
        await listeners.close()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_drip_of_content_is_let_go_and_a_slow_sender_is_not() -> None:
    config = replace(CONFIG, data_window=0.5, data_least=50)

    async def drip(port: int, octets: bytes) -> bytes:
        peer = await half_sent(port, 1000)
        answer = asyncio.create_task(peer.code())
        for _ in range(20):
            peer.writer.write(octets)
            await asyncio.sleep(0.1)
        peer.writer.write(b"\r\n.\r\n")
        return await answer

    async def main() -> None:
        handler = Slow()
        handler.go.set()
        listeners = Listeners()
        port = await listeners.open(Door("127.0.0.1", 0, config, handler))
        assert await asyncio.gather(drip(port, b"x"), drip(port, b"x" * 200)) == [b"421", b"250"]
        await listeners.close()

    asyncio.run(main())
