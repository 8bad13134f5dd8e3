"""The life of our SMTP server processes: listen, count connections, stop without cutting mail off."""

import asyncio
import logging
import resource
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import uvloop
from django.conf import settings

from config import collector, shared
from transactional.wire.handler import Handler, ServerConfig
from transactional.wire.protocol import SmtpServerProtocol
from transactional.wire.reply import Reply
from transactional.wire.room import GAVE_WAY, NO_ROOM, Room, neighbourhood

logger = logging.getLogger(__name__)

CONNECTIONS = 2000  # stops a flood from taking every descriptor
CONNECTIONS_PER_PEER = 1000  # leaves room for others while one address floods
STOP_SECONDS = 10.0  # for what handlers are doing when we are told to stop
BACKLOG = 512
REFUSED = "smtp:refused"  # Redis hash: server:why → how often
WHY = frozenset({"connections", GAVE_WAY, NO_ROOM})
HANDSHAKE_SECONDS = 15.0  # for implicit TLS: who is silent holds a place no longer
SHARE_EVERY = 10.0  # seconds between two times that the metrics are told
OCTETS = 256 * 1024 * 1024  # of content that all connections may hold together
_FULL = Reply(421, "4.7.0", ("Too many connections, try again later",))


@dataclass(frozen=True, slots=True)
class Door:
    """One port: port 0 takes a free one."""

    host: str
    port: int
    config: ServerConfig
    handler: Handler


class Listeners:
    """The open ports of one process and the connections on them. Belongs to one event loop."""

    def __init__(
        self,
        *,
        most: int = CONNECTIONS,
        most_per_peer: int = CONNECTIONS_PER_PEER,
        octets: int = OCTETS,
    ) -> None:
        self._most = most
        self._most_per_peer = most_per_peer
        #: Where the content of all connections together is counted.
        self.room = Room(octets, time.monotonic)
        #: Connections that were turned away.
        self.turned_away = 0
        self._shared: Counter[str] = Counter()
        self._servers: list[asyncio.Server] = []
        self.open_connections: dict[SmtpServerProtocol, str] = {}
        self._per_peer: Counter[str] = Counter()

    async def open(self, door: Door) -> int:
        """Listen; the port. Raises OSError where it is taken."""
        loop = asyncio.get_running_loop()
        tls = door.config.tls_context if door.config.implicit_tls else None
        server = await loop.create_server(
            lambda: _Counted(self, door), door.host, door.port, ssl=tls, backlog=BACKLOG,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if tls else None,
        )  # fmt: skip
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def close(self, *, seconds: float = STOP_SECONDS) -> None:
        """Stop listening, say 421 to everybody, wait for the handlers at work."""
        for server in self._servers:
            server.close()
        for one in list(self.open_connections):
            one.stop()
        for _ in range(int(seconds / 0.02)):
            if not any(one.busy for one in self.open_connections):
                break
            await asyncio.sleep(0.02)
        else:
            logger.warning("stopping while messages are still in hand")
        await asyncio.sleep(0.05)  # the last replies leave

    def admit(self, one: SmtpServerProtocol, peer: str) -> bool:
        """Count a new connection in; False where there is no room for it."""
        near = neighbourhood(peer)
        crowded = self._per_peer[near] >= self._most_per_peer
        if crowded or len(self.open_connections) >= self._most:
            self.turned_away += 1
            return False
        self.open_connections[one] = near
        self._per_peer[near] += 1
        return True

    def dismiss(self, one: SmtpServerProtocol) -> None:
        """Count a connection out."""
        near = self.open_connections.pop(one, None)
        if near is None:
            return
        self._per_peer[near] -= 1
        if self._per_peer[near] <= 0:
            del self._per_peer[near]

    def share(self, server: str) -> None:
        """Tell the metrics what was turned away since; in a thread. Unheard, it is told the next time."""
        now = Counter({"connections": self.turned_away, **self.room.refused})
        new = now - self._shared

        def tell(redis: Any) -> bool:
            pipe = redis.pipeline()
            for why, n in new.items():
                pipe.hincrby(REFUSED, f"{server}:{why}", n)
            pipe.execute()
            return True

        if not new:
            return
        heard: bool = shared.ask(tell, otherwise=False)
        if heard:
            self._shared = now


def refused() -> dict[tuple[str, str], int]:
    """How often each SMTP server of ours turned something away, and why, since Redis was emptied last."""
    found: dict[str, str] = shared.ask(lambda redis: redis.hgetall(REFUSED), otherwise={})
    told = {}
    for name, n in sorted(found.items()):
        server, _, why = name.partition(":")
        if why in WHY and n.isdigit():
            told[server, why] = int(n)
    return told


class _Counted(SmtpServerProtocol):
    """A connection that is refused at once where there are too many."""

    def __init__(self, listeners: Listeners, door: Door) -> None:
        super().__init__(door.config, door.handler, on_close=listeners.dismiss, room=listeners.room)
        self._listeners = listeners

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count, then greet."""
        if transport.get_extra_info("peername") is None:  # gone already
            transport.close()
            return
        if self._listeners.admit(self, str(transport.get_extra_info("peername")[0])):
            super().connection_made(transport)
        elif isinstance(transport, asyncio.WriteTransport):
            transport.write(_FULL.encode())
            transport.close()


def octets(size_limit: int) -> int:
    """What an SMTP server may hold of content: as the settings say, and three messages at the least."""
    return max(settings.SMTP_MEMORY_MB * 1024 * 1024, 3 * size_limit)


def run(serve: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run a server process until SIGTERM or SIGINT sets the event it is given."""
    _raise_descriptor_limit()
    collector.settle()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_told(serve))


async def _until_told(serve: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, told.set)
    await serve(told)


def _raise_descriptor_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + 500
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
