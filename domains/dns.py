"""The only place that asks DNS. It never raises for what DNS does: a status says how it went.

Route facts follow RFC 5321 §5.1 and RFC 7505 (null MX).
"""

import asyncio
import ipaddress
import random
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.resolver
from django.conf import settings

OK = "ok"
NXDOMAIN = "nxdomain"
NODATA = "nodata"
SERVFAIL = "servfail"
TIMEOUT = "timeout"
NULL_MX = "null_mx"

ONE_TRY = 2.0  # seconds for one server
LIFETIME = 5.0  # seconds for one question over all servers and tries
MAX_TTL = 300  # seconds; longer answers are asked again, so that a moved MX is found soon
NEGATIVE_TTL = 30.0  # seconds for "no such name" and "no such record"
FAILED_TTL = 5.0  # seconds for SERVFAIL and silence: not every message waits for them anew
MAX_HOSTS = 10  # exchangers looked at: a domain with a hundred of them stops there
MAX_EQUALS = 50  # with those that are no worse than the last: any of them may be ourselves
MAX_ADDRESSES = 10  # addresses of one host
SOA = dns.rdatatype.SOA
DIRECT = 0
RECURSE = int(dns.flags.RD)
VALIDATED = int(dns.flags.RD | dns.flags.AD)  # RFC 6840 §5.7: tell whether DNSSEC held
UNCHECKED = int(dns.flags.RD | dns.flags.CD)
KEPT = 20_000  # answers kept before the oldest half goes

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What DNS says of a name and type: records as text, without the final dot of names.

    `status` is ok, nxdomain, nodata, servfail or timeout; `ttl` in seconds, of an absence too
    (RFC 2308 §5). `owner` is the name that has the records: another one behind an alias.
    `secure`: DNSSEC vouches for it, by the word of a resolver that is trusted (DNS_VALIDATES).
    """

    status: str
    records: tuple[str, ...] = ()
    ttl: int = 0
    owner: str = ""
    secure: bool = False


@dataclass(frozen=True, slots=True)
class MailHost:
    """One mail exchanger with its addresses, IPv4 first; `secure` as of its addresses' answers. `owner`
    is the name that has them: another one where the exchanger's is an alias.
    """

    name: str
    addresses: tuple[str, ...]
    preference: int = field(default=0, compare=False)
    secure: bool = field(default=False, compare=False)
    owner: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class MailHosts:
    """Where a domain takes mail, in the order to try; `status` may also be null_mx.

    `named`: every exchanger that the domain names, with its preference, also those whose addresses
    were not looked at or could not be. `secure`: DNSSEC vouches for the exchangers' names. `owner` is
    the name that has the MX records: another one where the domain's is an alias.
    """

    status: str
    hosts: tuple[MailHost, ...] = ()
    secure: bool = False
    named: tuple[tuple[int, str], ...] = field(default=(), compare=False)
    owner: str = field(default="", compare=False)


_kept: dict[tuple[str, str, tuple[str, ...], int], tuple[float, Answer]] = {}


def forget() -> None:
    """Drop kept answers: for tests."""
    _kept.clear()


def is_kept(name: str, rdtype: str) -> bool:
    """Whether an answer of the configured resolvers is kept, so that none is asked for."""
    hit = _kept.get((name.lower(), rdtype, (), 0))
    return hit is not None and time.monotonic() < hit[0]


def run(work: Coroutine[Any, Any, T]) -> T:
    """The sync façade: run one of this module's coroutines to its end, outside any loop."""
    return asyncio.run(work)


async def query(
    name: str,
    rdtype: str,
    *,
    servers: tuple[str, ...] = (),
    port: int | None = None,
    flags: int = RECURSE,
) -> Answer:
    """Ask the given servers, or the configured ones, now. At most `LIFETIME` seconds.

    `flags` may be `UNCHECKED`, which resolvers answer without looking at DNSSEC (RFC 4035
    §3.2.2), or `DIRECT`, where only an authoritative answer counts.
    """
    try:
        asked = dns.name.from_text(name)
        if servers:
            resolver = _resolver(servers, port or settings.DNS_PORT, flags)
        else:
            validates = settings.DNS_VALIDATES and flags == RECURSE
            resolver = _configured(VALIDATED if validates else flags)
        found = await resolver.resolve(asked, rdtype, raise_on_no_answer=False, search=False)
    except dns.resolver.NXDOMAIN as err:
        replies = err.kwargs.get("responses", {}).values()
        return Answer(NXDOMAIN, ttl=max(map(_absence_ttl, replies), default=0))
    except dns.exception.Timeout:
        return Answer(TIMEOUT)
    except (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel, UnicodeError):
        return Answer(NXDOMAIN)  # no such name can exist
    except (dns.exception.DNSException, OSError, ValueError):
        return Answer(SERVFAIL)
    if flags == DIRECT and not found.response.flags & dns.flags.AA:
        return Answer(SERVFAIL)
    if found.rrset is None:
        return Answer(NODATA, ttl=_absence_ttl(found.response))
    texts = tuple(_text(rdata) for rdata in found.rrset)
    owner = found.canonical_name.to_text(omit_final_dot=True).lower()
    trusted = settings.DNS_VALIDATES and not servers
    secure = trusted and bool(found.response.flags & dns.flags.AD)
    return Answer(OK, texts, found.rrset.ttl, owner, secure)


async def referral(name: str, *, servers: tuple[str, ...], port: int) -> Answer:
    """Where the servers of the zone above delegate a name to: NS records of it, answered or
    referred to (RFC 1034 §4.3.2); nodata or nxdomain where it is not delegated.
    """
    try:
        asked = dns.name.from_text(name)
        resolver = _resolver(servers, port, DIRECT)
        found = await resolver.resolve(asked, "NS", raise_on_no_answer=False, search=False)
    except dns.resolver.NXDOMAIN:
        return Answer(NXDOMAIN)
    except dns.exception.Timeout:
        return Answer(TIMEOUT)
    except (dns.exception.DNSException, OSError, ValueError):
        return Answer(SERVFAIL)
    for rrset in (*found.response.answer, *found.response.authority):
        if rrset.rdtype == dns.rdatatype.NS and rrset.name == asked:
            return Answer(OK, tuple(_text(rdata) for rdata in rrset), rrset.ttl, name.lower())
    return Answer(NODATA)


def _absence_ttl(reply: dns.message.Message) -> int:
    """Seconds that resolvers keep an absence: the lesser of the SOA's TTL and its minimum."""
    return max((min(s.ttl, s[0].minimum) for s in reply.authority if s.rdtype == SOA), default=0)


async def txt(name: str) -> Answer:
    """TXT records, the strings of each joined."""
    return await query(name, "TXT")


async def mx(name: str) -> Answer:
    """MX records as `preference host`."""
    return await query(name, "MX")


async def a(name: str) -> Answer:
    """IPv4 addresses."""
    return await query(name, "A")


async def aaaa(name: str) -> Answer:
    """IPv6 addresses."""
    return await query(name, "AAAA")


async def cname(name: str) -> Answer:
    """The alias a name is, not followed."""
    return await query(name, "CNAME")


async def ptr(address: str) -> Answer:
    """Names of an IP address (RFC 1035 §3.5, RFC 3596 §2.5)."""
    return await query(ipaddress.ip_address(address).reverse_pointer, "PTR")


async def addresses(name: str) -> Answer:
    """IPv4 and IPv6 addresses together, asked now."""
    return _both(*await asyncio.gather(a(name), aaaa(name)))


async def kept_addresses(host: str) -> Answer:
    """As `host_addresses`, with whether DNSSEC vouches for them."""
    return await _host(host, (), None)


async def host_addresses(
    host: str, *, servers: tuple[str, ...] = (), port: int | None = None
) -> tuple[str, ...]:
    """A host's addresses, IPv4 first, kept for their TTL; empty where there are none now."""
    return (await _host(host, servers, port)).records


async def mail_hosts(
    domain: str, *, servers: tuple[str, ...] = (), port: int | None = None
) -> MailHosts:
    """The exchangers of a domain by preference, equals in random order (RFC 5321 §5.1).

    A domain without MX is its own exchanger if it has an address. Answers are kept for their
    TTL. Status ok with hosts that have no address means just that.
    """
    found = await _kept_query(domain, "MX", servers, port)
    if found.status == NODATA:
        own = await _host(domain, servers, port)
        alone = (0, domain)
        hosts = _hosts([alone], [own])
        return MailHosts(own.status, hosts, found.secure or own.secure, (alone,))
    if found.status != OK:
        return MailHosts(found.status)
    ranked = []
    for record in found.records:
        preference, _, host = record.partition(" ")
        ranked.append((int(preference), random.random(), host))  # noqa: S311 — spreads load only
    if all(host in ("", ".") for _, _, host in ranked):
        return MailHosts(NULL_MX)
    named = tuple((rank, host) for rank, _, host in sorted(ranked) if host not in ("", "."))
    worst = named[:MAX_HOSTS][-1][0]
    order = [one for one in named if one[0] <= worst][:MAX_EQUALS]
    answers = await asyncio.gather(*(_host(name, servers, port) for _, name in order))
    failed = [found.status for found in answers if found.status in (SERVFAIL, TIMEOUT)]
    if failed and not any(found.records for found in answers):
        return MailHosts(failed[0], named=named)
    return MailHosts(OK, _hosts(order, answers), found.secure, named, found.owner)


async def tlsa(host: str, port: int) -> Answer:
    """The TLSA records of a server's port (RFC 6698 §3), kept for their TTL."""
    return await _kept_query(f"_{port}._tcp.{host}", "TLSA", (), None)


async def kept_txt(name: str) -> Answer:
    """TXT records, the strings of each joined, kept for their TTL."""
    return await _kept_query(name, "TXT", (), None)


def _hosts(order: list[tuple[int, str]], answers: list[Answer]) -> tuple[MailHost, ...]:
    pairs = [(*one, found) for one, found in zip(order, answers, strict=True)]
    return tuple(
        MailHost(name, _shuffled(found.records), rank, found.secure, found.owner)
        for rank, name, found in pairs
        if found.status == OK
    ) or tuple(MailHost(name, (), rank) for rank, name, _ in pairs)


def _shuffled(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """IPv4 first, in random order within each family: what is kept would not change its order."""
    mixed = random.sample(addresses, len(addresses))
    return tuple(sorted(mixed, key=lambda address: ":" in address))


async def _host(host: str, servers: tuple[str, ...], port: int | None) -> Answer:
    """Both kinds of address of a host, from what is kept where it is fresh."""
    return _both(
        *await asyncio.gather(
            _kept_query(host, "A", servers, port), _kept_query(host, "AAAA", servers, port)
        )
    )


def _both(four: Answer, six: Answer) -> Answer:
    """One answer from A and AAAA: found where either is, failed only where nothing was found."""
    records = (*four.records[: MAX_ADDRESSES // 2], *six.records)[:MAX_ADDRESSES]
    if records:
        there = [x for x in (four, six) if x.records]
        ttl, secure = min(x.ttl for x in there), all(x.secure for x in there)
        owners = {x.owner for x in there}
        return Answer(OK, records, ttl, owners.pop() if len(owners) == 1 else "", secure)
    for status in (TIMEOUT, SERVFAIL, NODATA):
        if status in (four.status, six.status):
            return Answer(status)
    return Answer(NXDOMAIN)


async def _kept_query(name: str, rdtype: str, servers: tuple[str, ...], port: int | None) -> Answer:
    """`query`, with answers kept for their TTL within bounds."""
    key = (name.lower(), rdtype, servers, port or 0)
    now = time.monotonic()
    hit = _kept.get(key)
    if hit and now < hit[0]:
        return hit[1]
    found = await query(name, rdtype, servers=servers, port=port)
    lasting = {OK: float(min(found.ttl, MAX_TTL)), NXDOMAIN: NEGATIVE_TTL, NODATA: NEGATIVE_TTL}
    if len(_kept) >= KEPT:
        for old in list(_kept)[: KEPT // 2]:
            del _kept[old]
    _kept[key] = (now + lasting.get(found.status, FAILED_TTL), found)
    return found


def _configured(flags: int) -> dns.asyncresolver.Resolver:
    """The resolvers of the settings; a sandbox without any asks its own DNS."""
    if settings.SANDBOX and not settings.DNS_SERVERS:
        return _resolver(("127.0.0.1",), settings.SANDBOX_DNS_PORT, flags)
    return _resolver(tuple(settings.DNS_SERVERS), settings.DNS_PORT, flags)


@lru_cache(maxsize=16)
def _resolver(servers: tuple[str, ...], port: int, flags: int) -> dns.asyncresolver.Resolver:
    """A resolver of these servers; without any, of the system's. It keeps no sockets open."""
    resolver = dns.asyncresolver.Resolver(configure=not servers)
    if servers:
        resolver.nameservers = list(servers)
    resolver.port = port
    resolver.timeout = ONE_TRY
    resolver.lifetime = LIFETIME
    resolver.set_flags(flags)
    return resolver


def _text(rdata: Any) -> str:
    """A record as text. Whatever octets a TXT record holds, the result is printable Unicode."""
    if rdata.rdtype == dns.rdatatype.TXT:
        return b"".join(rdata.strings).decode("utf-8", "replace")
    if rdata.rdtype == dns.rdatatype.MX:
        host = rdata.exchange.to_text()
        return f"{rdata.preference} {host.rstrip('.').lower() or '.'}"
    text: str = rdata.to_text()
    return text.rstrip(".").lower()
