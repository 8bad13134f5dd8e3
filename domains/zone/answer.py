"""From a query to its response (RFC 1034 §4.3.2, RFC 2308, RFC 6891, RFC 8482). Pure: asks nobody.

An authoritative server: what lies in no zone of ours is refused, never asked about elsewhere.
"""

from collections.abc import Callable
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

UDP_SIZE = 1232  # octets answered over UDP at most, whatever the client offers (no fragments)
TCP_SIZE = 65535
MAX_ALIASES = 8  # CNAMEs followed in one answer
# Types that ask for more than records: transfers, mail (RFC 5395 §3.1)
META = range(128, 255)
ANY = 255

Types = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Zone:
    """All records: name (lower case, no final dot) → type → values as in a zone file.

    `origins` are the names of the zones; the empty one is the root, which everything lies below.
    What an origin has as SOA goes with each absence. `inner` are names that exist only because
    others lie below them. `fallback` gives the records of a name that is not listed.

    `resolves`: it answers as a resolver would (the sandbox's is one). `failing` are names and
    types that are answered by SERVFAIL, `bogus` names only to those that do not ask for DNSSEC to
    be checked; `secure` names, and those below, are vouched for (AD). A name `*.x` stands for those below x (RFC 4592), roughly.
    """

    names: dict[str, Types] = field(default_factory=dict)
    origins: tuple[str, ...] = ("",)
    ttl: int = 2
    inner: frozenset[str] = frozenset()
    fallback: Callable[[str], Types | None] | None = None
    resolves: bool = True
    failing: frozenset[tuple[str, str]] = frozenset()
    bogus: frozenset[str] = frozenset()
    secure: frozenset[str] = frozenset()

    def is_secure(self, name: str) -> bool:
        """Whether a resolver that validates would vouch for a name."""
        return any(name == one or name.endswith(f".{one}") for one in self.secure)

    def origin(self, name: str) -> str | None:
        """The zone that a name lies in; None where it is not ours."""
        mine = [o for o in self.origins if not o or name == o or name.endswith(f".{o}")]
        return max(mine, key=len, default=None)

    def types(self, name: str) -> Types | None:
        """The records of a name; None where it does not exist."""
        found = self.names.get(name)
        if found is None:
            found = self.names.get(f"*.{name.partition('.')[2]}")
        if found is None and name in self.inner:
            return {}
        if found is None and self.fallback is not None:
            return self.fallback(name)
        return found


def answer(query: dns.message.Message, zone: Zone) -> dns.message.Message:
    """The response to a query: the same zone gives the same response."""
    response = dns.message.make_response(
        query, recursion_available=zone.resolves, our_payload=UDP_SIZE
    )
    refusal = _refusal(query)
    if refusal is not None:
        response.set_rcode(refusal)
        return response
    question = query.question[0]
    name, kind = question.name, dns.rdatatype.to_text(question.rdtype)
    if zone.origin(_text(name)) is None:
        response.set_rcode(dns.rcode.REFUSED)
        return response
    response.flags |= dns.flags.AA
    if question.rdtype == ANY:
        if zone.types(_text(name)) is not None:
            _put(response, name, zone.ttl, "HINFO", ('"RFC8482" ""',))
        return response
    if query.flags & dns.flags.AD and zone.is_secure(_text(name)):
        response.flags |= dns.flags.AD
    unchecked = bool(query.flags & dns.flags.CD)
    for _ in range(MAX_ALIASES):
        found = _step(response, zone, name, kind, unchecked)
        if found is None:
            break
        name = found
    return response


def _refusal(query: dns.message.Message) -> dns.rcode.Rcode | None:
    """The code for what is not answered at all; None for an ordinary question."""
    if query.opcode() != dns.opcode.QUERY:
        return dns.rcode.NOTIMP
    if query.edns > 0:
        return dns.rcode.BADVERS
    if len(query.question) != 1:
        return dns.rcode.FORMERR
    question = query.question[0]
    if question.rdclass != dns.rdataclass.IN or question.rdtype in META:
        return dns.rcode.REFUSED
    return None


def _step(
    response: dns.message.Message, zone: Zone, name: dns.name.Name, kind: str, unchecked: bool
) -> dns.name.Name | None:
    """Add what a name has; the name that its alias leads to, where that is ours to answer for."""
    text = _text(name)
    if (text, kind) in zone.failing or (text in zone.bogus and not unchecked):
        response.set_rcode(dns.rcode.SERVFAIL)
        return None
    origin = zone.origin(text)
    if origin is None:
        return None  # the resolver goes on elsewhere
    types = zone.types(text)
    if types is None:
        response.set_rcode(dns.rcode.NXDOMAIN)
        _absent(response, zone, origin)
        return None
    alias = types.get("CNAME")
    found = types.get(kind) or alias  # both only where a zone is at fault (RFC 1034 §3.6.2)
    if not found:
        _absent(response, zone, origin)
        return None
    _put(response, name, zone.ttl, "CNAME" if found is alias else kind, found)
    if found is not alias or kind == "CNAME":
        return None
    return dns.name.from_text(found[0])


def _put(
    response: dns.message.Message, name: dns.name.Name, ttl: int, kind: str, values: tuple[str, ...]
) -> None:
    response.answer.append(dns.rrset.from_text_list(name, ttl, "IN", kind, values))


def _absent(response: dns.message.Message, zone: Zone, origin: str) -> None:
    """How long the absence may be kept (RFC 2308 §3)."""
    soa = zone.names.get(origin, {}).get("SOA")
    if soa:
        apex = dns.name.from_text(origin)
        response.authority.append(dns.rrset.from_text_list(apex, zone.ttl, "IN", "SOA", soa))


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def respond(packet: bytes, zone: Zone, *, limit: int = TCP_SIZE) -> bytes | None:
    """The wire form of the response to a packet; None for what deserves no answer."""
    if len(packet) < 12 or packet[2] & 0x80:
        return None  # no header, or itself a response: answering could start a loop
    try:
        query = dns.message.from_wire(packet)
    except (dns.exception.DNSException, ValueError):
        return packet[:2] + b"\x80" + bytes([dns.rcode.FORMERR]) + bytes(8)
    response = answer(query, zone)
    size = limit if limit == TCP_SIZE else min(limit, max(512, query.payload))
    try:
        return response.to_wire(max_size=size)
    except dns.exception.TooBig:
        return _cut(response, size)


def truncated(packet: bytes) -> bytes | None:
    """The answer that sends a client to TCP, whatever it asked; None for what is no query."""
    if len(packet) < 12 or packet[2] & 0x80:
        return None
    try:
        query = dns.message.from_wire(packet)
    except (dns.exception.DNSException, ValueError):
        return None
    return _cut(dns.message.make_response(query), UDP_SIZE)


def _cut(response: dns.message.Message, size: int) -> bytes:
    """The response without its records, marked so (RFC 2181 §9)."""
    response.answer.clear()
    response.authority.clear()
    response.flags |= dns.flags.TC
    return response.to_wire(max_size=size)
