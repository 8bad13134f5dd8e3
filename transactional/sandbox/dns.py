"""The sandbox's own DNS: the records that this installation asks its users for, as if published.

For every domain the records of `domains/records.py`, for every IP its PTR and forward record, and
for every other name an MX that leads to the sink. Nothing below `unset.example` or `invalid`
exists, so that a domain which does not verify can be shown too (RFC 2606, RFC 6761).
"""

import asyncio
import ipaddress
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from django.conf import settings
from django.db import close_old_connections

from domains.models import Domain, EgressSource, KeyState
from domains.records import platform_host, records
from domains.zone_file import presented

logger = logging.getLogger(__name__)
TTL = 2  # seconds: a change in the browser is seen by the next check
FRESH = 1.0  # seconds the rows are kept
UDP_SIZE = 1232  # octets answered over UDP at most, whatever the client offers (no fragments)
TCP_IDLE = 10.0  # seconds a TCP client may be silent
MAX_ALIASES = 8  # CNAMEs followed in one answer
SINK_HOST = "mx.sandbox.test"
ABSENT = ("unset.example", "invalid")

Types = dict[str, tuple[str, ...]]
Source = Callable[[], Awaitable["Zone"]]


@dataclass(frozen=True, slots=True)
class Zone:
    """All records: name (lower case, no final dot) → type → values as in a zone file.

    With `wildcard` every name that is not listed has an MX that leads to the sink. `failing` are
    names and types that are answered by SERVFAIL, `bogus` names only to those that do not ask for
    DNSSEC to be checked. A name `*.x` stands for those below x (RFC 4592), roughly.
    """

    names: dict[str, Types] = field(default_factory=dict)
    wildcard: bool = True
    failing: frozenset[tuple[str, str]] = frozenset()
    bogus: frozenset[str] = frozenset()


def zone_of_rows() -> Zone:
    """The zone as the database has it now, in three queries."""
    listed: dict[str, dict[str, list[str]]] = {}

    def put(name: str, kind: str, value: str) -> None:
        values = listed.setdefault(name.lower(), {}).setdefault(kind, [])
        if value not in values and not _is_below(name, ABSENT):
            values.append(value)

    addresses: dict[int | None, list[str]] = {}
    for source in EgressSource.objects.order_by("pk"):
        ip = ipaddress.ip_address(source.address)
        addresses.setdefault(source.account_id, []).append(source.address)
        if not _is_below(source.ehlo_name, ABSENT):
            put(ip.reverse_pointer, "PTR", f"{source.ehlo_name}.")
            put(source.ehlo_name, "A" if ip.version == 4 else "AAAA", source.address)
    for domain in Domain.objects.prefetch_related("dkim_keys").order_by("pk"):
        keys = [key for key in domain.dkim_keys.all() if key.state != KeyState.RETIRED]
        put(domain.name, "MX", f"10 {SINK_HOST}.")
        for record in records(domain, keys=keys, addresses=addresses.get(domain.account_id, [])):
            put(record.host, record.type, presented(record.type, record.value))
    for host in (SINK_HOST, settings.MAIL_HOST, platform_host()):
        put(host, "A", "127.0.0.1")
    return Zone({n: {k: tuple(v) for k, v in types.items() if v} for n, types in listed.items()})


def _is_below(name: str, parents: tuple[str, ...]) -> bool:
    dotted = f".{name.lower().rstrip('.')}"
    return any(dotted.endswith(f".{parent}") for parent in parents)


def answer(query: dns.message.Message, zone: Zone) -> dns.message.Message:
    """The response to a query. Pure: the same zone gives the same response."""
    response = dns.message.make_response(query, recursion_available=True)
    if query.opcode() != dns.opcode.QUERY:
        response.set_rcode(dns.rcode.NOTIMP)
        return response
    if len(query.question) != 1:
        response.set_rcode(dns.rcode.FORMERR)
        return response
    question = query.question[0]
    if question.rdclass != dns.rdataclass.IN:
        response.set_rcode(dns.rcode.REFUSED)
        return response
    response.flags |= dns.flags.AA
    name, kind = question.name, dns.rdatatype.to_text(question.rdtype)
    for _ in range(MAX_ALIASES):
        text = name.to_text(omit_final_dot=True).lower()
        unchecked = query.flags & dns.flags.CD
        if (text, kind) in zone.failing or (text in zone.bogus and not unchecked):
            response.set_rcode(dns.rcode.SERVFAIL)
            return response
        types = _types(zone, name)
        if types is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
            return response
        alias = types.get("CNAME")
        found = types.get(kind) or alias  # both only where a zone is at fault (RFC 1034 §3.6.2)
        if not found:
            return response
        response.answer.append(
            dns.rrset.from_text_list(name, TTL, "IN", "CNAME" if found is alias else kind, found)
        )
        if found is not alias or kind == "CNAME":
            return response
        name = dns.name.from_text(found[0])
    return response


def _types(zone: Zone, name: dns.name.Name) -> Types | None:
    """The records of a name; None where it does not exist."""
    text = name.to_text(omit_final_dot=True).lower()
    if _is_below(text, ABSENT):
        return None
    types = zone.names.get(text)
    if types is None and zone.names.get(f"*.{text.partition('.')[2]}"):
        types = zone.names[f"*.{text.partition('.')[2]}"]
    if types is not None:
        return types
    if not zone.wildcard or _is_below(text, ("arpa",)) or "_" in text or text in ("", "@"):
        return None
    return {"MX": (f"10 {SINK_HOST}.",)}


def respond(packet: bytes, zone: Zone, *, limit: int = 65535) -> bytes | None:
    """The wire form of the response to a packet; None for what deserves no answer."""
    if len(packet) < 12 or packet[2] & 0x80:
        return None  # no header, or itself a response: answering could start a loop
    try:
        query = dns.message.from_wire(packet)
    except (dns.exception.DNSException, ValueError):
        return packet[:2] + b"\x80" + bytes([dns.rcode.FORMERR]) + bytes(8)
    response = answer(query, zone)
    try:
        size = limit if limit == 65535 else min(limit, max(512, query.payload))
        return response.to_wire(max_size=size)
    except dns.exception.TooBig:
        response.answer.clear()
        response.flags |= dns.flags.TC
        return response.to_wire(max_size=size)


class _Udp(asyncio.DatagramProtocol):
    """Answers datagrams; over-long answers are truncated and asked again over TCP."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Keep the socket."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer in a task: the rows may have to be read first."""
        task = asyncio.ensure_future(self._reply(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = respond(data, await self._source(), limit=UDP_SIZE)
        if reply is not None:
            self._transport.sendto(reply, addr)


@dataclass(frozen=True, slots=True)
class Listening:
    """An open server."""

    port: int
    udp: asyncio.DatagramTransport
    tcp: asyncio.Server

    def close(self) -> None:
        """Stop answering."""
        self.udp.close()
        self.tcp.close()


async def open_server(host: str, port: int, source: Source) -> Listening:
    """Listen on UDP and TCP; port 0 takes a free one. Raises OSError where it is taken."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                size = int.from_bytes(
                    await asyncio.wait_for(reader.readexactly(2), TCP_IDLE), "big"
                )
                packet = await asyncio.wait_for(reader.readexactly(size), TCP_IDLE)
                reply = respond(packet, await source())
                if reply is None:
                    return
                writer.write(len(reply).to_bytes(2, "big") + reply)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            return  # the client left
        finally:
            writer.close()

    tcp = await asyncio.start_server(converse, host, port)
    port = tcp.sockets[0].getsockname()[1]
    try:
        udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Udp(source), local_addr=(host, port)
        )
    except OSError:
        tcp.close()
        raise
    return Listening(port, udp, tcp)


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
