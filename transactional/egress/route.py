"""Where a recipient's domain takes its mail (RFC 5321 §5), and where we never deliver to."""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings

from domains import dns

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@dataclass(frozen=True, slots=True)
class Target:
    """One address of one mail exchanger."""

    host: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Route:
    """Targets in the order to try them; or a refusal, a whole reply, `permanent` or not."""

    targets: tuple[Target, ...] = ()
    refusal: str = ""
    permanent: bool = False


async def find(domain: str, transport: str) -> Route:
    """The route of a domain over a transport: `mx`, `sandbox` or `relay://host:port`."""
    if transport == "sandbox":
        asked = await dns.mail_hosts(domain, servers=("127.0.0.1",), port=settings.SANDBOX_DNS_PORT)
        return _route(asked, settings.SANDBOX_SMTP_PORT, LOOPBACK)
    if transport.startswith("relay://"):
        return await _relay(transport)
    return _route(await dns.mail_hosts(domain), settings.EGRESS_PORT, _private_nets())


async def _relay(transport: str) -> Route:
    """The operator's own relay: the one place where a private address is meant."""
    parsed = urlsplit(transport)
    host, port = parsed.hostname or "", parsed.port or 25
    try:
        return Route((Target(host, str(ipaddress.ip_address(host)), port),))
    except ValueError:
        addresses = await dns.host_addresses(host)
    if not addresses:
        return Route(refusal=f"451 4.4.3 The relay {host} has no address.")
    return Route(tuple(Target(host, address, port) for address in addresses))


def _route(
    asked: dns.MailHosts,
    port: int,
    allowed: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...],
) -> Route:
    if asked.status == "null_mx":
        return Route(refusal="556 5.1.10 The domain accepts no mail (null MX).", permanent=True)
    if asked.status == "nxdomain":
        return Route(refusal="550 5.1.2 The domain does not exist.", permanent=True)
    if asked.status == "nodata":
        return Route(refusal="550 5.1.2 The domain has no mail server.", permanent=True)
    if asked.status != "ok":
        return Route(refusal=f"451 4.4.3 DNS does not answer for this domain ({asked.status}).")
    targets = tuple(
        Target(host.name, address, port)
        for host in asked.hosts
        for address in host.addresses
        if may_deliver_to(address, allowed)
    )
    if targets:
        return Route(targets)
    if any(host.addresses for host in asked.hosts):
        return Route(
            refusal="550 5.4.6 The domain's mail servers have private or local addresses.",
            permanent=True,
        )
    return Route(refusal="451 4.4.4 The domain's mail servers have no addresses.")


def may_deliver_to(
    address: str, allowed: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
) -> bool:
    """Whether mail may go to this address: a public one, or one that the operator has named."""
    found = ipaddress.ip_address(address)
    mapped = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    if mapped is not None:
        found = mapped
    return found.is_global or any(found in net for net in allowed if net.version == found.version)


@lru_cache(maxsize=1)
def _private_nets() -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(net) for net in settings.EGRESS_PRIVATE_NETS)
