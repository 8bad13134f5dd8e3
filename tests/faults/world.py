"""The world outside: DNS and a mail server for each domain, on one port, in a thread of its own."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvloop

from domains.zone import Types
from tests.dns_server import DnsServer
from tests.faults.receivers import Books, Receiver
from tests.installation import free_port

NETWORK = "127.0.4"


class World:
    """Domains with their exchangers. `publish` them before `open`."""

    def __init__(self) -> None:
        self.books = Books()
        self.dns = DnsServer()
        # One for all addresses: a port of the kernel's would be free at the first alone
        self.port = int(free_port())
        self.addresses: dict[str, str] = {}  # by host
        self.silent: set[str] = set()
        self._serving: list[tuple[str, Any]] = []
        self._started = threading.Event()
        self._stop: Callable[[], object] = lambda: None
        self.dns.zone = type(self.dns.zone)(fallback=self._unknown)

    def _unknown(self, name: str) -> Types | None:
        """A name without records; of a silent one the question stays without an answer."""
        if name in self.silent:
            raise asyncio.CancelledError  # ends the task that would answer, and no more
        return None

    def host(self, name: str, *servers: Receiver | Callable[[], asyncio.Protocol] | None) -> str:
        """A host with an address for each server; None: nobody listens there. Its name."""
        found = []
        for server in servers:
            address = f"{NETWORK}.{len(self.addresses) + 1}"
            self.addresses[f"{name} {len(found)}" if found else name] = address
            found.append(address)
            if server is not None:
                self._serving.append((address, server))
        self.dns.publish(name, "A", *found)
        return name

    def serve_on(self, address: str, server: Receiver) -> None:
        """A server on an address that is published by hand."""
        self._serving.append((address, server))

    def domain(self, name: str, *hosts: str) -> None:
        """MX records: `10 mx.x.example`."""
        self.dns.publish(name, "MX", *(f"{host}." for host in hosts))

    def site(self, name: str, server: Receiver | Callable[[], asyncio.Protocol]) -> None:
        """A domain with one exchanger."""
        self.domain(name, f"10 {self.host(f'mx.{name}', server)}")

    @contextmanager
    def open(self) -> Iterator["World"]:
        """Serve, until the end of the block."""
        thread = threading.Thread(target=lambda: uvloop.run(self._serve()), daemon=True)
        thread.start()
        assert self._started.wait(60)
        try:
            yield self
        finally:
            self._stop()
            thread.join(10)
            self.dns.close()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)  # resets are what the cases are about
        done = asyncio.Event()
        self._stop = lambda: loop.call_soon_threadsafe(done.set)
        open_ = []
        for address, server in self._serving:
            if isinstance(server, Receiver):
                at = await asyncio.start_server(
                    server, address, self.port, limit=server.limit, backlog=512
                )
            else:
                at = await loop.create_server(server, address, self.port, backlog=512)
            open_.append(at)
        self._started.set()
        await done.wait()
        for at in open_:
            at.close()


@contextmanager
def blackhole(address: str, port: int) -> Iterator[None]:
    """A port whose queue of connections is full: SYNs get no answer."""
    with socket.socket() as listener:
        listener.bind((address, port))
        listener.listen(0)
        crowd = [socket.socket() for _ in range(3)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex((address, port))
        try:
            yield
        finally:
            for one in crowd:
                one.close()
