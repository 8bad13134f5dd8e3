"""Finds the names of IPs that reports tell of, so that an unknown sender is more than a number."""

import asyncio
from datetime import datetime, timedelta

from django.db.models import Sum

from domains import dns
from domains.models import DmarcHostName, DmarcSource

BATCH = 100  # IPs a run, those with the most mail first
RECENT, AGAIN = timedelta(days=30), timedelta(days=30)
AT_ONCE = 20


def name_sources(now: datetime) -> int:
    """Look up what has no name yet, or an old one; how many were looked at. No transaction is open
    while DNS is asked.
    """
    since = (now - RECENT).date()
    fresh = DmarcHostName.objects.filter(looked_at__gt=now - AGAIN).values("ip")
    rows = DmarcSource.objects.filter(day__gte=since).exclude(ip__in=fresh)
    found = rows.values("ip").annotate(n=Sum("count")).order_by("-n")[:BATCH]
    ips = [row["ip"] for row in found]
    names = dns.run(_names(ips)) if ips else []
    for ip, name in zip(ips, names, strict=True):
        DmarcHostName.objects.update_or_create(
            ip=ip, defaults={"name": name[:253], "looked_at": now}
        )
    return len(ips)


async def _names(ips: list[str]) -> list[str]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(ip: str) -> str:
        async with gate:
            return await confirmed(ip)

    return list(await asyncio.gather(*(one(ip) for ip in ips)))


async def confirmed(ip: str) -> str:
    """The first name of an IP that leads back to it: whoever has the IP may claim any other."""
    claimed = await dns.ptr(ip)
    for name in claimed.records[:3]:
        if ip in (await dns.addresses(name)).records:
            return name
    return ""
