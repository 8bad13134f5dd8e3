"""Receivers that misbehave, each on a loopback address of its own, all on one port."""

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import uvloop

from tests.installation import free_port

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def say(writer: asyncio.StreamWriter, *lines: str) -> None:
    writer.write("".join(f"{line}\r\n" for line in lines).encode())
    await writer.drain()


def reply(banner: str) -> Talk:
    """Says one thing and hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await say(writer, banner)

    return talk


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the connection and never speaks."""
    await reader.read()


def server(
    answers: Callable[[str], str | None],
    pause: float = 0.0,
    after: int = 0,
    took: Callable[[str], None] = lambda rcpt: None,
) -> Talk:
    """An ordinary server: `answers` may replace what it says to a command (`.` is the content's
    end); it takes `pause` seconds for each reply, and says 421 to MAIL after so many messages.
    `took` hears of each RCPT line whose message it has taken, before it says so.
    """

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken, rcpt = 0, ""
        await say(writer, "220 peer")
        while line := await reader.readline():
            command = line.decode("latin-1").strip().split(" ")[0].split(":")[0].upper()
            await asyncio.sleep(pause)
            if command == "MAIL" and after and taken >= after:
                await say(writer, "421 4.7.0 Enough for one connection")
                return
            said = answers(line.decode("latin-1").strip())
            if command == "RCPT":
                rcpt = line.decode("latin-1").strip()
            if said is None and command == "EHLO":
                said = "250 peer"
            if said is None and command == "DATA":
                await say(writer, "354 go on")
                await reader.readuntil(b"\r\n.\r\n")
                await asyncio.sleep(pause)
                said = answers(".")
                taken += 1
                if said is None:
                    took(rcpt)
            await say(writer, said or "250 2.0.0 Ok")
            if said and said.startswith("421"):
                return

    return talk


class Peers:
    """`connections` counts them by address, `open` those that are open now."""

    def __init__(self) -> None:
        # One for all addresses: a port of the kernel's would be free at the first alone
        self.port = int(free_port())
        self.connections: Counter[str] = Counter()
        self.open: Counter[str] = Counter()
        self.most: Counter[str] = Counter()


@contextmanager
def listening(talks: dict[str, Talk]) -> Iterator[Peers]:
    """Serve each address in its way, in a thread of its own."""
    peers = Peers()
    started = threading.Event()
    stopping: list[Callable[[], None]] = []

    def counted(address: str, talk: Talk) -> Talk:
        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peers.connections[address] += 1
            peers.open[address] += 1
            peers.most[address] = max(peers.most[address], peers.open[address])
            try:
                await talk(reader, writer)
            except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass  # they hung up, or the test is over
            finally:
                peers.open[address] -= 1
                writer.close()

        return one

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        open_ = [
            await asyncio.start_server(counted(address, talk), address, peers.port)
            for address, talk in talks.items()
        ]
        stopping.append(lambda: loop.call_soon_threadsafe(done.set))
        started.set()
        await done.wait()
        for one in open_:
            one.close()

    thread = threading.Thread(target=lambda: uvloop.run(serve()), daemon=True)
    thread.start()
    assert started.wait(60)
    try:
        yield peers
    finally:
        stopping[0]()
        thread.join(10)
