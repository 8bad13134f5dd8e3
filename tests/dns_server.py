"""A real DNS server on a free loopback port, whose zone a test may change while it runs."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from domains import dns
from domains.zone import Listening, Zone, open_server


class DnsServer:
    """The server of `dnsd` and the sandbox, with the zone a test gives it. SERVFAIL and silence by name."""

    def __init__(self) -> None:
        self.zone = Zone()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._listening: Listening = asyncio.run_coroutine_threadsafe(
            self._open(), self._loop
        ).result(30)
        self.port = self._listening.port

    async def _open(self) -> Listening:
        for _ in range(5):
            try:
                return await open_server("127.0.0.1", 0, self._zone)
            except OSError:  # the UDP port of the TCP port we got is taken
                continue
        raise RuntimeError("no free port")

    async def _zone(self) -> Zone:
        return self.zone

    def publish(self, name: str, kind: str, *values: str) -> None:
        """Set the values of a name and type, in zone-file form; without values: remove them."""
        types = self.zone.names.setdefault(name, {})
        types[kind] = values
        if not values:
            del types[kind]
            if not types:
                del self.zone.names[name]

    def fail(self, name: str, kind: str) -> None:
        """Answer SERVFAIL for a name and type from now on."""
        self.zone = replace(self.zone, failing=self.zone.failing | {(name.lower(), kind)})

    def spoil(self, name: str) -> None:
        """Let the DNSSEC of a name not hold: SERVFAIL, but for those who do not mind."""
        self.zone = replace(self.zone, bogus=self.zone.bogus | {name.lower()})

    async def _stop(self) -> None:
        self._listening.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


@pytest.fixture
def dns_server(settings: object) -> Iterator[DnsServer]:
    """The server, with Postino's resolvers pointed at it."""
    server = DnsServer()
    settings.DNS_SERVERS = ["127.0.0.1"]  # type: ignore[attr-defined]
    settings.DNS_PORT = server.port  # type: ignore[attr-defined]
    dns.forget()
    yield server
    server.close()
