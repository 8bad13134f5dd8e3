"""Where a recipient's domain takes its mail (RFC 5321 §5), and where we never deliver to.

Every address is judged after it was resolved, and the connection is made to a judged address: what
DNS says a moment later changes nothing.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings

from config.addresses import Network, in_nets, is_public, unwrapped
from domains import dns
from domains.sites import NOWHERE, Site
from domains.sites import site as site_of
from transactional.egress.decisions import Decision

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
MOST = 5  # addresses tried in one attempt: a domain with a hundred of them stops there
PER_HOST = 2  # of them on one host, while other hosts are left: a dead host does not use up the try


@dataclass(frozen=True, slots=True)
class Target:
    """One address of one mail exchanger."""

    host: str
    address: str
    port: int
    secure: bool = field(default=False, compare=False)  # DNSSEC vouches for the address
    owner: str = field(default="", compare=False)  # of the address: another name behind an alias


@dataclass(frozen=True, slots=True)
class Own:
    """Ourselves: host names under which our servers take mail, addresses of our IPs, and those whose
    port of mail is our inbound server, under whatever name.
    """

    names: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    inbound: frozenset[str] = frozenset()


NOBODY = Own()


@dataclass(frozen=True, slots=True)
class Route:
    """Targets in the order to try them; or a refusal, a whole reply, `permanent` or not.

    `code` and `data` say why the route is what it is, for whoever reads the message's story.
    `secure`: DNSSEC vouches for the exchangers' names (RFC 7672 §2.2.1). `domains`: the domain as it was
    asked about, and the name that its own is an alias of.
    """

    targets: tuple[Target, ...] = ()
    refusal: str = ""
    permanent: bool = False
    site: Site = NOWHERE
    code: str = ""
    data: Mapping[str, object] = field(default_factory=dict)
    secure: bool = False
    exchangers: tuple[str, ...] = ()  # all that are named, whatever became of their addresses
    domains: tuple[str, ...] = ()

    def decision(self) -> Decision:
        """The route as a step of the message's story."""
        return Decision("route", self.code, {"site": self.site.key, **self.data})

    def reachable(self, *, ipv4: bool, ipv6: bool) -> tuple[Target, ...]:
        """What is tried in one attempt from IPs of these families: at most five addresses, of at
        least two hosts and two addresses where there are so many.
        """
        fit = [t for t in self.targets if (ipv6 if ":" in t.address else ipv4)]
        return _spread(fit)


async def find(domain: str, transport: str, own: Own = NOBODY) -> Route:
    """The route of a domain over a transport: `mx`, `sandbox` or `relay://host:port`."""
    if transport == "sandbox":
        asked = await dns.mail_hosts(domain, servers=("127.0.0.1",), port=settings.SANDBOX_DNS_PORT)
        return _route(domain, asked, settings.SANDBOX_SMTP_PORT, LOOPBACK, NOBODY)
    if transport.startswith("relay://"):
        return await _relay(transport)
    asked = await dns.mail_hosts(domain)
    nets = _networks(tuple(settings.EGRESS_PRIVATE_NETS))
    return _route(domain, asked, settings.EGRESS_PORT, nets, own)


async def _relay(transport: str) -> Route:
    """The operator's own relay: the one place where a private address is meant."""
    host, port = _host_and_port(transport)
    if _is_literal(host):
        return _to_relay(host, port, (host,), secure=False)
    found = await dns.kept_addresses(host)
    return _to_relay(host, port, found.records, secure=found.secure, owner=found.owner)


async def over_smarthost(host: str, port: int, *, operators: bool, own: Own = NOBODY) -> Route:
    """The route over a smarthost. An account's own leads nowhere private, and not to ourselves."""
    literal = _is_literal(host)
    found = None if literal else await dns.kept_addresses(host)
    addresses = (str(ipaddress.ip_address(host)),) if found is None else found.records
    secure, owner = (False, "") if found is None else (found.secure, found.owner)
    if operators:
        return _to_relay(host, port, addresses, secure=secure, owner=owner)
    nets = _networks(tuple(settings.EGRESS_PRIVATE_NETS))
    ours = own.addresses | own.inbound if port == settings.EGRESS_PORT else own.addresses
    fit = tuple(
        address
        for address in addresses
        if is_public(address, nets) and (not _is_one(address, ours) or in_nets(address, nets))
    )
    itself = host.lower().rstrip(".") in own.names
    return _to_relay(host, port, () if itself else fit, secure=secure, owner=owner)


@lru_cache(maxsize=64)
def _host_and_port(transport: str) -> tuple[str, int]:
    parsed = urlsplit(transport)
    return parsed.hostname or "", parsed.port or 25


@lru_cache(maxsize=64)
def _to_relay(
    host: str, port: int, addresses: tuple[str, ...], *, secure: bool, owner: str = ""
) -> Route:
    """`secure`: DNSSEC vouches for the addresses of its name, which are its `owner`'s."""
    site = Site(f"relay {host}:{port}")
    if not addresses:
        refusal = f"451 4.4.3 The relay {host} has no address."
        return Route(refusal=refusal, site=site, code="relay_without_address", data={"host": host})
    if _is_literal(host):
        addresses = (str(ipaddress.ip_address(host)),)
    targets = tuple(Target(host, address, port, secure, owner) for address in addresses)
    return Route(targets, site=site, code="relay", data={"host": host, "port": port})


# What DNS says of the domain itself: status → (code, permanent, reply)
_UNROUTABLE: Mapping[str, tuple[str, bool, str]] = {
    dns.NULL_MX: ("null_mx", True, "556 5.1.10 The domain accepts no mail (null MX)."),
    dns.NXDOMAIN: ("no_domain", True, "550 5.1.2 The domain does not exist."),
    dns.NODATA: ("no_mail_server", True, "550 5.1.2 The domain has no mail server."),
    dns.SERVFAIL: ("dns", False, "451 4.4.3 DNS does not answer for this domain (servfail)."),
    dns.TIMEOUT: ("dns", False, "451 4.4.3 DNS does not answer for this domain (timeout)."),
}


def _route(
    domain: str, asked: dns.MailHosts, port: int, allowed: Sequence[Network], own: Own
) -> Route:
    """Judge every exchanger and address; what is left over is the route."""
    # Of all that are named: what DNS says of one of them at a moment must not make another site
    exchangers = tuple(name for _, name in asked.named)
    site = site_of(exchangers or [domain])
    names = [host.name for host in asked.hosts[: dns.MAX_HOSTS]]
    if asked.status != dns.OK:
        code, permanent, reply = _UNROUTABLE[asked.status]
        return Route((), reply, permanent, site, code, {"status": asked.status})
    told: dict[str, object] = {"hosts": names}
    hosts = [host for host in asked.hosts if not _is_literal(host.name)]
    if not hosts:
        reply = "550 5.4.4 The domain's MX records name IP addresses instead of hosts."
        return Route((), reply, True, site, "mx_literal", told)
    ours = _ourselves(asked, own, allowed)
    if ours is not None:
        # RFC 5321 §5.1: only exchangers better than ourselves, or mail would go round in circles
        limit, told["own"] = ours
        hosts = [host for host in hosts if host.preference < limit]
        if not hosts:
            reply = f"550 5.4.6 The domain's mail server {told['own']} is ourselves: mail loops."
            return Route((), reply, True, site, "own_host", told)
    targets = tuple(
        Target(host.name, address, port, host.secure, host.owner)
        for host in hosts
        for address in host.addresses
        if is_public(address, allowed)
    )
    if targets:
        code = "mx" if names != [domain] else "address"
        domains = (domain, asked.owner) if asked.owner else (domain,)
        return Route(targets, "", False, site, code, told, asked.secure, exchangers, domains)
    if any(host.addresses for host in hosts):
        reply = "550 5.4.6 The domain's mail servers have private or local addresses."
        return Route((), reply, True, site, "private_address", told)
    reply = "451 4.4.4 The domain's mail servers have no addresses."
    return Route((), reply, False, site, "no_address", told)


def _ourselves(
    asked: dns.MailHosts, own: Own, allowed: Sequence[Network]
) -> tuple[int, str] | None:
    """Preference and name of the best exchanger that is ourselves: by name, whether or not it has an
    address now, or by an IP of ours or of our inbound server's that the operator has not opened to
    deliveries (another mail server may share the machine).
    """
    ours = own.addresses | own.inbound if own.inbound else own.addresses
    by_name = (one for one in asked.named if one[1] in own.names)
    by_address = (
        (host.preference, host.name)
        for host in asked.hosts
        if any(
            _is_one(address, ours) and not in_nets(address, allowed) for address in host.addresses
        )
    )
    return min((*by_name, *by_address), default=None)


def _is_one(address: str, ours: frozenset[str]) -> bool:
    """Whether an address is one of ours, or leads to one."""
    return address in ours or (":" in address and _inside(address) in ours)


@lru_cache(maxsize=20_000)
def _inside(address: str) -> str:
    return str(unwrapped(ipaddress.ip_address(address)))


def _spread(targets: Sequence[Target]) -> tuple[Target, ...]:
    """In order, at most PER_HOST of each host, MOST in all; then what else there is room for."""
    taken: dict[str, int] = {}
    first = []
    for target in targets:
        taken[target.host] = taken.get(target.host, 0) + 1
        if taken[target.host] <= PER_HOST:
            first.append(target)
    rest = [target for target in targets if target not in first]
    chosen = {*first[:MOST], *rest[: max(0, MOST - len(first))]}
    return tuple(target for target in targets if target in chosen)[:MOST]


@lru_cache(maxsize=256)
def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4)
def _networks(nets: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(net) for net in nets)
