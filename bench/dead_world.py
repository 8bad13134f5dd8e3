"""`python -m bench.dead_world <folder> <domains>`: receivers that are dead, each in its own way, beside some that are well.

DNS and mail servers of so many domains in a process of their own. Commands come on standard input, one a line:
`report`; `clear`, which begins anew; `turn`, upon which the sites of TURNING answer no message any more. Each is answered
with one line of JSON.
"""

import asyncio
import contextlib
import json
import socket
import struct
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import cast

import uvloop

from bench.sink import Books, Conversation
from config.certificate import given_or_own
from config.stack.probes import free_port

#: How the domains of a list are dead, in turns: nobody speaks, nobody answers a SYN, nobody listens, a
#: greeting without end, no answer to EHLO, none to the final dot, name servers that never answer, that fail.
KINDS = ("mute", "hole", "refused", "banner", "ehlo", "dot", "silent", "fail")
LISTENING = frozenset({"mute", "banner", "ehlo", "dot"})
GOOD, SLOW = "good.example", "slow.example"  # well, and well but a second a message
TURNING = tuple(f"turn{n}.example" for n in range(8))  # well until they are told to turn
NETWORK = "127.4.0.0/16"
OUTSTANDING = 2.0  # seconds in which a question to silent name servers counts as under way
_PACE = 1.0
_NEVER = 86_400.0
_A, _MX = 1, 15
_OK, _SERVFAIL, _NXDOMAIN = 0, 2, 3


def domains(count: int) -> list[str]:
    """The names of a list: `mute0.example`, `hole0.example`, …"""
    return [f"{KINDS[n % len(KINDS)]}{n // len(KINDS)}.example" for n in range(count)]


def _address(kind: str, number: int) -> str:
    block, last = divmod(number, 250)
    return f"127.4.{16 * block + KINDS.index(kind)}.{last + 1}"


_WELL = {GOOD: "127.4.250.1", SLOW: "127.4.250.2"}
_WELL |= {name: f"127.4.251.{n + 1}" for n, name in enumerate(TURNING)}


def _where(name: str) -> tuple[str, str]:
    """Kind and address of a domain of ours; empty where there is none such."""
    if name in _WELL:
        return "good", _WELL[name]
    label, _, rest = name.partition(".")
    kind = label.rstrip("0123456789")
    if rest != "example" or kind not in KINDS or kind == label:
        return "", ""
    return kind, _address(kind, int(label[len(kind) :]))


class Seen:
    """What the dead were asked."""

    def __init__(self) -> None:
        self.clear()
        self.open: Counter[str] = Counter()

    def clear(self) -> None:
        """Begin anew."""
        self.most: Counter[str] = Counter()  # open at once, of each kind, of the dead, of TURNING
        self.questions = 0
        self.silent: dict[str, float] = {}  # the names of silent zones, when they were asked last
        self.most_silent = 0

    def asked_in_vain(self, name: str) -> None:
        """A question that gets no answer."""
        now = time.monotonic()
        self.silent[name] = now
        under_way = sum(1 for at in self.silent.values() if now - at < OUTSTANDING)
        self.most_silent = max(self.most_silent, under_way)

    def opened(self, kind: str, by: int) -> None:
        """A connection to one of a kind, or to one of TURNING, began or ended."""
        for key in (kind, "turning" if kind in TURNING else "dead"):
            self.open[key] += by
            self.most[key] = max(self.most[key], self.open[key])

    def report(self) -> dict[str, object]:
        """Connections open at once at most, by kind; questions; silent domains asked about at once."""
        return {
            "open": self.most,
            "questions": self.questions,
            "silent": self.most_silent,
        }


class Names(asyncio.DatagramProtocol):
    """DNS (RFC 1035) of all domains: MX and A by their names, everything else is not there."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer, unless the zone is silent."""
        labels, at = [], 12
        while size := data[at]:
            labels.append(data[at + 1 : at + 1 + size].decode("ascii", "replace").lower())
            at += 1 + size
        (rdtype,) = struct.unpack_from("!H", data, at + 1)
        self._seen.questions += 1
        zone = ".".join(labels[-2:])
        kind, address = _where(zone)
        if kind == "silent":
            self._seen.asked_in_vain(zone)
            return
        own = len(labels) == 2
        rdata = b""
        if kind not in ("", "fail") and own and rdtype == _MX:
            rdata = struct.pack("!H", 10) + b"\x02mx\xc0\x0c"
        elif kind not in ("", "fail") and labels[:1] == ["mx"] and rdtype == _A:
            rdata = socket.inet_aton(address)
        rcode = _SERVFAIL if kind == "fail" else _OK if own or labels[:1] == ["mx"] else _NXDOMAIN
        head = data[:2] + struct.pack("!HHHHH", 0x8180 | rcode, 1, 1 if rdata else 0, 0, 0)
        answer = struct.pack("!HHHIH", 0xC00C, rdtype, 1, 300, len(rdata)) + rdata if rdata else b""
        self._transport.sendto(head + data[12 : at + 5] + answer, addr)


class Dead(asyncio.Protocol):
    """A server that never takes a message: how far it comes is its kind's."""

    def __init__(self, kind: str, seen: Seen) -> None:
        self._kind, self._seen = kind, seen
        self._content = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, or not."""
        self._seen.opened(self._kind, 1)
        self._transport = cast(asyncio.Transport, transport)
        if self._kind == "banner":
            self._drip()
        elif self._kind != "mute":
            self._transport.write(b"220 mx\r\n")

    def _drip(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(b"220-a moment\r\n")
            asyncio.get_running_loop().call_later(5.0, self._drip)

    def data_received(self, data: bytes) -> None:
        """Answer what this kind answers."""
        if self._kind != "dot" or self._content:
            return
        for line in data.split(b"\r\n")[:-1]:
            self._content = line[:4].upper() == b"DATA"
            self._transport.write(b"354 go on\r\n" if self._content else b"250 2.0.0 Ok\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        """They hung up."""
        self._seen.opened(self._kind, -1)


class Turning(Conversation):
    """A server that is well until its books say otherwise."""

    def __init__(self, books: Books, name: str, seen: Seen) -> None:
        super().__init__(books)
        self._name, self._seen = name, seen

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._seen.opened(self._name, 1)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """They hung up."""
        self._seen.opened(self._name, -1)


def _holes(addresses: list[str], port: int, stack: contextlib.ExitStack) -> None:
    """Ports whose queue of connections is full: SYNs get no answer."""
    for address in addresses:
        listener = stack.enter_context(socket.socket())
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(3):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex((address, port))


async def _serve(folder: Path, count: int, stack: contextlib.ExitStack) -> None:
    loop, seen = asyncio.get_running_loop(), Seen()
    port = free_port("127.0.0.1")
    addresses: dict[str, list[str]] = defaultdict(list)
    for name in domains(count):
        kind, address = _where(name)
        addresses[kind].append(address)
    for kind in LISTENING:
        for address in addresses[kind]:
            await loop.create_server(lambda k=kind: Dead(k, seen), address, port)  # type: ignore[misc]  # a lambda's parameter
    _holes(addresses["hole"], port, stack)
    samples = folder / "samples"
    samples.mkdir(parents=True)
    files = given_or_own(cert="", key="", directory=folder / "tls", names=["mx.good.example"])
    context = files.server_context()
    good, slow, turning = (Books(samples, context) for _ in range(3))
    slow.pace = _PACE
    for name, books in ((GOOD, good), (SLOW, slow)):
        await loop.create_server(lambda b=books: Conversation(b), _WELL[name], port)  # type: ignore[misc]  # as above
    for name in TURNING:
        await loop.create_server(lambda n=name: Turning(turning, n, seen), _WELL[name], port)  # type: ignore[misc]  # as above
    udp, _ = await loop.create_datagram_endpoint(lambda: Names(seen), local_addr=("127.0.0.1", 0))
    names = udp.get_extra_info("sockname")[1]
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print(json.dumps({"smtp": port, "dns": names}), flush=True)
    while line := await commands.readline():
        taken = {GOOD: good.seen, SLOW: slow.seen, "turning": turning.seen}
        told = seen.report() | {"taken": taken}
        if line.strip() == b"clear":
            seen.clear()
        if line.strip() == b"turn":
            turning.pace = _NEVER
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    with contextlib.ExitStack() as open_:
        uvloop.run(_serve(Path(sys.argv[1]), int(sys.argv[2]), open_))
