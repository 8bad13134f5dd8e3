"""The sandbox's own DNS: the records that this installation asks its users for, as if published.

For every domain the records of `domains/records.py`, for every IP its PTR and forward record, and
for every other name an MX that leads to the sink. Nothing below `unset.example` or `invalid`
exists, so that a domain which does not verify can be shown too (RFC 2606, RFC 6761). It is served
by the same code as `dnsd` (`domains/zone/`); this is only what it says.
"""

import asyncio
import ipaddress
import logging
import time

from django.conf import settings
from django.db import close_old_connections

from domains.models import Domain, EgressSource, KeyState
from domains.records import platform_host, records
from domains.zone import Types, Zone, open_server
from domains.zone_file import presented

logger = logging.getLogger(__name__)
FRESH = 1.0  # seconds the rows are kept
SINK_HOST = "mx.sandbox.test"
ABSENT = ("unset.example", "invalid")


def zone_of_rows() -> Zone:
    """The zone as the database has it now, in three queries."""
    listed: dict[str, dict[str, list[str]]] = {}

    def put(name: str, kind: str, value: str) -> None:
        if _is_below(name, ABSENT):
            return
        values = listed.setdefault(name.lower(), {}).setdefault(kind, [])
        if value not in values:
            values.append(value)

    addresses: dict[int | None, list[str]] = {}
    for source in EgressSource.objects.order_by("pk"):
        ip = ipaddress.ip_address(source.address)
        addresses.setdefault(source.account_id, []).append(source.address)
        if not _is_below(source.ehlo_name, ABSENT):  # what leads to no name has none
            put(ip.reverse_pointer, "PTR", f"{source.ehlo_name}.")
            put(source.ehlo_name, "A" if ip.version == 4 else "AAAA", source.address)
    for domain in Domain.objects.prefetch_related("dkim_keys").order_by("pk"):
        keys = [key for key in domain.dkim_keys.all() if key.state != KeyState.RETIRED]
        put(domain.name, "MX", f"10 {SINK_HOST}.")
        for record in records(domain, keys=keys, addresses=addresses.get(domain.account_id, [])):
            put(record.host, record.type, presented(record.type, record.value))
            kind, value = record.behind
            if kind:
                put(record.value, kind, presented(kind, value))
    for host in (SINK_HOST, settings.MAIL_HOST, platform_host()):
        put(host, "A", "127.0.0.1")
    names = {n: {k: tuple(v) for k, v in types.items()} for n, types in listed.items()}
    return Zone(names, fallback=to_the_sink)


def to_the_sink(name: str) -> Types | None:
    """The records of a name that is not listed: an MX that leads to the sink."""
    if _is_below(name, (*ABSENT, "arpa")) or "_" in name or name in ("", "@", "."):
        return None
    return {"MX": (f"10 {SINK_HOST}.",)}


def _is_below(name: str, parents: tuple[str, ...]) -> bool:
    dotted = f".{name.lower().rstrip('.')}"
    return any(dotted.endswith(f".{parent}") for parent in parents)


class Rows:
    """The zone from the database, read again once a second at most, and kept if it cannot be."""

    def __init__(self) -> None:
        self._zone = Zone()
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()

    async def __call__(self) -> Zone:
        """The zone, at most a second old."""
        async with self._lock:
            if time.monotonic() - self._read_at >= FRESH:
                try:
                    self._zone = await asyncio.to_thread(_read)
                except Exception:
                    logger.exception("the sandbox's DNS could not read its rows")
                self._read_at = time.monotonic()
        return self._zone


def _read() -> Zone:
    close_old_connections()
    return zone_of_rows()


async def serve(host: str, port: int) -> None:
    """Answer from the database until cancelled. Raises OSError where the port is taken."""
    listening = await open_server(host, port, Rows())
    logger.info("the sandbox answers DNS on %s:%d", host, listening.port)
    try:
        await asyncio.Event().wait()
    finally:
        listening.close()
