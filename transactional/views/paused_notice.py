"""What the send pages say before anything goes out while marketing mail is paused over spam complaints."""

from typing import Any

from domains import pools
from domains.models import ComplaintPause
from tokens.models import Account
from transactional.models import Kind, SenderAddress, Stream
from transactional.wire.address import AddressError, parse_address


def paused(account: Account, kind: str, address: str) -> dict[str, Any]:
    """`paused`: the pause that would keep mail of this kind and From address waiting; `ips_paused`: every
    IP that it could leave from is paused.
    """
    if kind != Kind.MARKETING:
        return {}
    seen = [address]
    seen += (
        SenderAddress.objects.of(account).filter(address=address).values_list("sends_as", flat=True)
    )
    names = {_domain(one) for one in seen}
    rows = ComplaintPause.objects.of(account).standing().filter(domain__name__in=names)
    fleet = pools.fleet(Stream.objects.default(account, kind).pool_id)
    return {
        "paused": rows.select_related("domain").first(),
        "ips_paused": bool(fleet.sources) and not fleet.carrying(kind).sources,
    }


def _domain(address: str) -> str:
    """As a domain is kept; empty for what is no address (yet)."""
    try:
        return parse_address(address).domain_ascii
    except AddressError:
        return ""
