"""DNS over UDP and TCP (RFC 1035 §4.2, RFC 7766), bounded in what one network and all may take."""

import asyncio
import ipaddress
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from domains.zone.answer import UDP_SIZE, Zone, respond, truncated

TCP_IDLE = 10.0  # seconds a TCP client may be silent
TCP_MOST = 200  # connections at a time: more are closed at once
TCP_OF_ONE = 20  # of one network
TCP_QUERIES = 200  # of one connection
WAITING = 2000  # datagrams under way: more are dropped, their clients ask again
NETWORKS = 20_000  # networks whose rate is kept; the longest silent goes first

Source = Callable[[], Awaitable[Zone]]


class Rate:
    """Answers a second to one network: who forges its address gets nothing worth amplifying.

    Over the limit every other answer is empty and truncated, so that a real resolver behind the
    same network gets through by TCP. Without a limit all is allowed.
    """

    def __init__(self, per_second: int = 0) -> None:
        self._limit = per_second
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._slips = 0

    def allows(self, address: str) -> bool:
        """Whether one more is answered now (a bucket of one second's worth)."""
        if not self._limit:
            return True
        name, now = network(address), time.monotonic()
        left, at = self._kept.pop(name, (float(self._limit), now))
        left = min(float(self._limit), left + (now - at) * self._limit)
        if len(self._kept) >= NETWORKS:
            self._kept.popitem(last=False)
        self._kept[name] = (left - 1 if left >= 1 else left, now)
        return left >= 1

    def slips(self) -> bool:
        """Whether this one of those over the limit is told to come by TCP."""
        self._slips += 1
        return self._slips % 2 == 0


def network(address: str) -> str:
    """The /24 or /56 that an address belongs to: who has one address has them all."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 56), strict=False))


class _Udp(asyncio.DatagramProtocol):
    """Answers datagrams; over-long answers are truncated and asked again over TCP."""

    def __init__(self, source: Source, rate: Rate, counts: Counter[str]) -> None:
        self._source = source
        self._rate = rate
        self._counts = counts
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Keep the socket."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer in a task: the rows may have to be read first."""
        self._counts["udp"] += 1
        if not self._rate.allows(addr[0]):
            self._counts["limited"] += 1
            reply = truncated(data) if self._rate.slips() else None
            if reply is not None:
                self._transport.sendto(reply, addr)
            return
        if len(self._tasks) >= WAITING:
            self._counts["dropped"] += 1
            return
        task = asyncio.ensure_future(self._reply(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = respond(data, await self._source(), limit=UDP_SIZE)
        if reply is not None:
            self._counts[f"rcode_{reply[3] & 15}"] += 1
            self._counts["truncated"] += (reply[2] & 2) >> 1
            self._transport.sendto(reply, addr)


class _Tcp:
    """Answers over connections, a bounded number of them."""

    def __init__(self, source: Source, counts: Counter[str]) -> None:
        self._source = source
        self._counts = counts
        self._open: Counter[str] = Counter()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        peer = network(writer.get_extra_info("peername")[0])
        if self._open.total() >= TCP_MOST or self._open[peer] >= TCP_OF_ONE:
            self._counts["dropped"] += 1
            writer.close()
            return
        self._open[peer] += 1
        try:
            for _ in range(TCP_QUERIES):
                if not await self._exchange(reader, writer):
                    return
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            return  # the client left
        finally:
            self._open[peer] -= 1
            self._open += Counter()  # forget those with none
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        async with asyncio.timeout(TCP_IDLE):
            size = int.from_bytes(await reader.readexactly(2), "big")
            packet = await reader.readexactly(size)
        self._counts["tcp"] += 1
        reply = respond(packet, await self._source())
        if reply is None:
            return False
        self._counts[f"rcode_{reply[3] & 15}"] += 1
        writer.write(len(reply).to_bytes(2, "big") + reply)
        async with asyncio.timeout(TCP_IDLE):
            await writer.drain()
        return True


@dataclass(frozen=True, slots=True)
class Listening:
    """An open server; `counts` are its metrics since it was opened."""

    port: int
    udp: asyncio.DatagramTransport
    tcp: asyncio.Server
    counts: Counter[str] = field(default_factory=Counter)

    def close(self) -> None:
        """Stop answering."""
        self.udp.close()
        self.tcp.close()


async def open_server(host: str, port: int, source: Source, *, rate: int = 0) -> Listening:
    """Listen on UDP and TCP; port 0 takes a free one. Raises OSError where it is taken."""
    counts: Counter[str] = Counter()
    tcp = await asyncio.start_server(_Tcp(source, counts), host, port)
    port = tcp.sockets[0].getsockname()[1]
    try:
        udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Udp(source, Rate(rate), counts), local_addr=(host, port)
        )
    except OSError:
        tcp.close()
        raise
    return Listening(port, udp, tcp, counts)
