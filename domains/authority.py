"""The only place that asks a zone's own name servers: whether they answer, and what they say."""

import asyncio
import ipaddress
from dataclasses import dataclass

from django.conf import settings

from config.addresses import is_public
from domains import dns

PORT = 53
MOST = 3  # name servers asked: more say the same or are at fault in the same way
HIGHEST = 6  # steps from a name up to the cut of its zone


@dataclass(frozen=True, slots=True)
class Authority:
    """What a zone's name servers say of a record; `silent` are those that do not answer for it."""

    answer: dns.Answer
    servers: tuple[str, ...]
    silent: tuple[str, ...]


async def ask(name: str, rdtype: str) -> Authority | None:
    """The authoritative answer; None where no name servers are found that may be asked.

    Name servers at private addresses are left alone, unless the operator's settings name them:
    a zone must not make us knock at our own network.
    """
    asked = await _reachable(await _servers(name))
    if not asked:
        return None
    answers = await asyncio.gather(
        *(
            dns.query(name, rdtype, servers=places, port=PORT, flags=dns.DIRECT)
            for places in asked.values()
        )
    )
    failed = (dns.SERVFAIL, dns.TIMEOUT)
    silent = tuple(s for s, a in zip(asked, answers, strict=True) if a.status in failed)
    told = next((a for a in answers if a.status not in failed), answers[0])
    return Authority(told, tuple(asked), silent)


async def delegation(name: str) -> dns.Answer:
    """The name servers that the zone above delegates a name to, as its own servers say.

    Resolvers tell only what the delegated servers say of themselves, and those are we.
    """
    asked = await _reachable(await _servers(name.partition(".")[2]))
    if not asked:  # as in the sandbox: what is left is what resolvers say
        return await dns.query(name, "NS")
    told = await asyncio.gather(
        *(dns.referral(name, servers=places, port=PORT) for places in asked.values())
    )
    failed = (dns.SERVFAIL, dns.TIMEOUT)
    return next((a for a in told if a.status not in failed), dns.Answer(dns.TIMEOUT))


async def _reachable(servers: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Name servers that may be asked, with addresses of theirs."""
    servers = servers[:MOST]
    found = await asyncio.gather(*(dns.addresses(server) for server in servers))
    nets = [ipaddress.ip_network(net) for net in settings.EGRESS_PRIVATE_NETS]
    places = {
        server: tuple(a for a in answer.records if is_public(a, nets))[:2]
        for server, answer in zip(servers, found, strict=True)
    }
    return {server: addresses for server, addresses in places.items() if addresses}


async def _servers(name: str) -> tuple[str, ...]:
    """The name servers of the zone that holds a name."""
    for _ in range(HIGHEST):
        if "." not in name:
            break
        found = await dns.query(name, "NS")
        if found.records:
            return found.records
        name = name.partition(".")[2]
    return ()
