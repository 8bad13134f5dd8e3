"""Implicit TLS: who comes is counted before the handshake, and a place is given back with whatever ends."""

import asyncio
import resource
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from tests.transactional.test_listener import Peer
from tests.transactional.wire.smtp_parts import server_context
from transactional import listener
from transactional.listener import Door, Listeners
from transactional.wire.handler import Envelope, Handler, ServerConfig
from transactional.wire.reply import Reply

FLOOD, ELSEWHERE = "127.0.0.1", "127.0.0.2"
FACTORIES = [uvloop.new_event_loop, asyncio.new_event_loop]


class Quick(Handler):
    def __init__(self) -> None:
        self.kept: list[Envelope] = []

    async def message(self, envelope: Envelope) -> Reply:
        self.kept.append(envelope)
        return Reply(250, "2.0.0", ("kept",))


class Port:
    """A port of implicit TLS and its listeners."""

    def __init__(self, number: int, listeners: Listeners, handler: Quick) -> None:
        self.number, self.listeners, self.handler = number, listeners, handler

    def silent(self, address: str = "") -> socket.socket:
        """A connection on which nothing is said."""
        source = (address or FLOOD, 0)
        return socket.create_connection(("127.0.0.1", self.number), source_address=source)

    async def secure(self, address: str) -> Peer:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        opened = asyncio.open_connection(
            "127.0.0.1", self.number, ssl=context, local_addr=(address, 0)
        )
        return Peer(*await opened)

    async def send(self, address: str) -> bytes:
        """One message, in a conversation from its greeting to its end."""
        peer = await self.secure(address)
        assert await peer.code() == b"220"
        for line in ("EHLO a", "MAIL FROM:<a@b.example>", "RCPT TO:<c@d.example>", "DATA"):
            await peer.say(line)
        said = await peer.say("Subject: x\r\n\r\nx\r\n.")
        assert await peer.say("QUIT") == b"221"
        peer.writer.close()
        return said

    async def places(self, n: int) -> None:
        """Until so many are taken."""
        async with asyncio.timeout(20):
            while len(self.listeners.open_connections) != n:
                await asyncio.sleep(0.01)


def serve(
    factory: Callable[[], asyncio.AbstractEventLoop],
    tmp_path: Path,
    work: Callable[[Port], Awaitable[None]],
    *,
    most: int = 100,
    most_per_peer: int = 50,
) -> None:
    async def main() -> None:
        context = server_context(tmp_path)
        config = ServerConfig("mx.example", tls_context=context, implicit_tls=True)
        listeners, handler = Listeners(most=most, most_per_peer=most_per_peer), Quick()
        port = Port(await listeners.open(Door("127.0.0.1", 0, config, handler)), listeners, handler)
        await work(port)
        await listeners.close(seconds=0.1)
        await port.places(0)

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(asyncio.wait_for(main(), 60))


@pytest.mark.parametrize("factory", FACTORIES)
def test_silent_connections_of_one_address_keep_nobody_out(
    factory: Callable[[], asyncio.AbstractEventLoop],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 60.0)  # none of them ends by itself here

    async def work(port: Port) -> None:
        flood = [port.silent() for _ in range(300)]
        await port.places(20)
        async with asyncio.timeout(20):
            while port.listeners.turned_away < 280:
                await asyncio.sleep(0.01)
        ended = 0
        for one in flood:
            one.setblocking(False)
            try:
                ended += one.recv(1) == b""
            except BlockingIOError:
                pass  # one of those that are waited for
            except ConnectionResetError:
                ended += 1
        assert ended == 280
        assert await port.send(ELSEWHERE) == b"250"
        for one in flood:
            one.close()
        await port.places(0)
        assert await port.send(FLOOD) == b"250"
        assert port.listeners.turned_away == 280

    serve(factory, tmp_path, work, most=40, most_per_peer=20)


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_few_addresses_that_take_every_place_keep_nobody_out(
    factory: Callable[[], asyncio.AbstractEventLoop],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 60.0)  # none of them ends by itself here

    async def work(port: Port) -> None:
        flood = [port.silent(address) for _ in range(10) for address in (FLOOD, "127.0.0.3")]
        await port.places(20)
        for _ in range(5):
            assert await port.send(ELSEWHERE) == b"250"
        more = [port.silent(address) for _ in range(10) for address in (FLOOD, "127.0.0.3")]
        assert await port.send(ELSEWHERE) == b"250"
        assert len(port.listeners.open_connections) <= 20
        for one in (*flood, *more):
            one.close()
        await port.places(0)
        assert not port.listeners.handshakes
        assert await port.send(FLOOD) == b"250"

    serve(factory, tmp_path, work, most=20, most_per_peer=10)


@pytest.mark.parametrize("factory", FACTORIES)
def test_many_clients_at_once_are_all_served(
    factory: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path
) -> None:
    async def work(port: Port) -> None:
        for _ in range(2):
            said = await asyncio.gather(*(port.send(FLOOD) for _ in range(50)))
            assert said == [b"250"] * 50
            await port.places(0)
        assert len(port.handler.kept) == 100 and all(one.tls for one in port.handler.kept)

    serve(factory, tmp_path, work)


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_handshake_that_fails_gives_its_place_back(
    factory: Callable[[], asyncio.AbstractEventLoop],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 1.0)

    async def work(port: Port) -> None:
        silent, clear, half, reset, gone = (port.silent() for _ in range(5))
        await port.places(5)
        clear.sendall(b"EHLO in.clear.example\r\n")
        half.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        reset.close()
        gone.close()
        await port.places(0)
        monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 60.0)
        assert await port.send(FLOOD) == b"250"
        for one in (silent, clear, half):
            one.close()

    serve(factory, tmp_path, work, most=5, most_per_peer=5)


@pytest.mark.parametrize("factory", FACTORIES)
def test_without_descriptors_it_waits_and_then_goes_on(
    factory: Callable[[], asyncio.AbstractEventLoop],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def work(port: Port) -> None:
        waiting = [port.silent() for _ in range(3)]  # the loop has not taken them yet
        lowest = socket.socket()
        free = lowest.fileno()
        lowest.close()
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
            await asyncio.sleep(0.1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert not port.listeners.open_connections
        assert caplog.text.count("no connection could be taken") == 1
        await port.places(3)
        assert await port.send(FLOOD) == b"250"
        for one in waiting:
            one.close()

    serve(factory, tmp_path, work)


@pytest.mark.parametrize("factory", FACTORIES)
def test_stopping_lets_go_who_says_nothing_and_tells_who_speaks(
    factory: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path
) -> None:
    async def work(port: Port) -> None:
        with port.silent() as silent:
            peer = await port.secure(ELSEWHERE)
            assert await peer.code() == b"220"
            await port.places(2)
            await port.listeners.close(seconds=0.1)
            assert [await peer.code(), await peer.code()] == [b"421", b""]
            silent.settimeout(10)
            assert await asyncio.to_thread(silent.recv, 1) == b""
            with pytest.raises(ConnectionRefusedError):
                port.silent()
            peer.writer.close()
            await port.places(0)

    serve(factory, tmp_path, work)


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    async def work(port: Port) -> None:
        config = ServerConfig("mx", tls_context=server_context(tmp_path), implicit_tls=True)
        with pytest.raises(OSError, match="in use"):
            await Listeners().open(Door("127.0.0.1", port.number, config, Quick()))

    serve(uvloop.new_event_loop, tmp_path, work)
