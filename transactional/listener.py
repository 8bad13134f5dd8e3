"""The life of our SMTP server processes: listen, count connections, stop without cutting mail off."""

import asyncio
import logging
import resource
import signal
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
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
AT_ONCE = 64  # connections taken of a port in one turn of the loop: a flood stops nobody's mail
PAUSE_SECONDS = 0.5  # before a port is looked at again, where no more descriptors could be had
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
        self._servers: list[asyncio.Server | _TlsPort] = []
        self.open_connections: dict[SmtpServerProtocol, str] = {}
        self._per_peer: Counter[str] = Counter()
        #: Those that are counted and have not come through their handshake of implicit TLS.
        self.handshakes: dict[_Counted, asyncio.Task[None]] = {}

    async def open(self, door: Door) -> int:
        """Listen; the port. Raises OSError where it is taken."""
        if door.config.implicit_tls:
            sockets = await _bound(door.host, door.port)
            self._servers.extend(_TlsPort(one, self, door) for one in sockets)
            return int(sockets[0].getsockname()[1])
        server = await asyncio.get_running_loop().create_server(
            lambda: _Counted(self, door), door.host, door.port, backlog=BACKLOG
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def close(self, *, seconds: float = STOP_SECONDS) -> None:
        """Stop listening, say 421 to everybody, wait for the handlers at work."""
        while self._servers:
            self._servers.pop().close()
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
        full = len(self.open_connections) >= self._most
        if crowded or (full and not self._make_room(near)):
            self.turned_away += 1
            return False
        self.open_connections[one] = near
        self._per_peer[near] += 1
        return True

    def _make_room(self, near: str) -> bool:
        """Where every place is taken, whoever has most of them gives one up to who has fewer: the oldest on
        which nothing is said, so that a few addresses keep nobody out.
        """
        most = max(self._per_peer, key=self._per_peer.__getitem__, default="")
        if self._per_peer[most] <= self._per_peer[near] + 1:
            return False
        for one, theirs in self.open_connections.items():
            if theirs != most:
                continue
            if isinstance(one, _Counted) and not one.begun:
                if (task := self.handshakes.get(one)) is None:
                    continue
                task.cancel()
            elif one.spare:
                one.give_way()
            else:
                continue
            self.dismiss(one)
            self.turned_away += 1
            return True
        return False

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
        #: The conversation has begun: its end is told by `connection_lost`.
        self.begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count where that is not done yet, then greet."""
        self.begun = True
        if transport.get_extra_info("peername") is None:  # gone already
            transport.close()
            return
        peer = str(transport.get_extra_info("peername")[0])
        if self in self._listeners.open_connections or self._listeners.admit(self, peer):
            super().connection_made(transport)
        elif isinstance(transport, asyncio.WriteTransport):
            transport.write(_FULL.encode())
            transport.close()


class _TlsPort:
    """A listening socket of implicit TLS. Who comes is counted before the handshake, which asyncio's own
    servers tell nobody of: silent connections would take every descriptor uncounted.
    """

    def __init__(self, sock: socket.socket, listeners: Listeners, door: Door) -> None:
        self._sock = sock
        self._listeners = listeners
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._listen()

    def close(self) -> None:
        """Take no more; who has not come through the handshake is let go."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._sock)
        self._sock.close()
        for task in self._listeners.handshakes.values():
            task.cancel()

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._sock, self._take)

    def _take(self) -> None:
        """Take those who wait, as far as there is room."""
        for _ in range(AT_ONCE):
            try:
                sock, address = self._sock.accept()
            except ConnectionAbortedError:
                continue  # gone while it waited
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # No descriptors, no memory: it stays readable, and asking at once would only spin
                logger.warning("no connection could be taken for a moment: %s", error)
                self._loop.remove_reader(self._sock)
                self._pause = self._loop.call_later(PAUSE_SECONDS, self._listen)
                return
            one = _Counted(self._listeners, self._door)
            if not self._listeners.admit(one, str(address[0])):
                sock.close()  # without a word: to say one would take a handshake
                continue
            sock.setblocking(False)
            task = self._loop.create_task(self._secure(one, sock))
            self._listeners.handshakes[one] = task
            task.add_done_callback(partial(self._ended, one))

    def _ended(self, one: _Counted, task: asyncio.Task[None]) -> None:
        """A place is given back where no conversation came of the handshake, also one that never began."""
        self._listeners.handshakes.pop(one, None)
        if not one.begun:
            self._listeners.dismiss(one)

    async def _secure(self, one: _Counted, sock: socket.socket) -> None:
        """The handshake; the conversation begins by itself behind it."""
        try:
            await self._loop.connect_accepted_socket(
                lambda: one,
                sock,
                ssl=self._door.config.tls_context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )
        except OSError as error:
            logger.info("no TLS came about: %s", error)
        except Exception:
            logger.exception("a connection could not be secured")


async def _bound(host: str, port: int) -> list[socket.socket]:
    """A listening socket for each address of a host. Raises OSError where one is taken."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sockets: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((one[0], one[4]) for one in found):
            sockets.append(socket.create_server(address, family=family, backlog=BACKLOG))
            sockets[-1].setblocking(False)
    except BaseException:
        for one in sockets:
            one.close()
        raise
    return sockets


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
