"""The only place that says which addresses are of the public internet: for requests and for mail.

By IANA's registries of special-purpose addresses (RFC 6890), not by those of this Python's version, and
by what an IPv6 address has inside: what leads to an IPv4 host is judged as that host.
"""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

GLOBAL = ipaddress.ip_network(
    "2000::/3"
)  # all of IPv6 that is given out to anybody (RFC 4291 §2.4)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
_SPECIAL = tuple(
    ipaddress.ip_network(net)
    for net in (
        "192.0.0.0/24",  # IETF protocols (RFC 6890); its anycast addresses take no requests of ours
        "192.31.196.0/24",  # AS112 (RFC 7535)
        "192.52.193.0/24",  # AMT (RFC 7450)
        "192.88.99.0/24",  # 6to4's relays (RFC 7526)
        "192.175.48.0/24",  # AS112 (RFC 7534)
        "2001::/23",  # IETF protocols (RFC 2928): Teredo, ORCHID, benchmarks and others
        "2001:db8::/32",  # documentation (RFC 3849)
        "2620:4f:8000::/48",  # AS112 (RFC 7534)
        "3fff::/20",  # documentation (RFC 9637)
    )
)


def is_public(address: str, allowed: Sequence[Network] = ()) -> bool:
    """Whether an address is one of the public internet, or in a network that is allowed.

    One with a zone (`fe80::1%eth0`) never is. Raises ValueError for what is no address.
    """
    return _is_global(address) or in_nets(address, allowed)


def in_nets(address: str, nets: Sequence[Network]) -> bool:
    """Whether an address, or the IPv4 one inside it, is in one of these networks."""
    if not nets:
        return False
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address) and found.scope_id is not None:
        return False
    both = {found, unwrapped(found)}
    return any(one in net for one in both for net in nets if net.version == one.version)


def unwrapped(address: Address) -> Address:
    """The IPv4 address to which an IPv6 one leads: mapped (RFC 4291 §2.5.5.2), 6to4 (RFC 3056) or
    NAT64 (RFC 6052); else the address itself.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address


@lru_cache(maxsize=20_000)
def _is_global(address: str) -> bool:
    given = ipaddress.ip_address(address)
    if isinstance(given, ipaddress.IPv6Address) and given.scope_id is not None:
        return False
    found = unwrapped(given)
    if isinstance(found, ipaddress.IPv6Address):
        # Outside of it lies what is private, local or deprecated, whatever it was named: fec0::/10,
        # 64:ff9b:1::/48 (RFC 8215), ::/96 and ::ffff:0:0:0/96 with an IPv4 address at the end
        if found not in GLOBAL:
            return False
    elif not found.is_global or found.is_multicast:
        return False
    return not any(found in net for net in _SPECIAL if net.version == found.version)
