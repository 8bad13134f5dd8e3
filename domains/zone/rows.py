"""The operator's zone as the database has it, kept in memory and read anew when it has changed."""

import asyncio
import ipaddress
import logging
import time
from collections.abc import Iterable, Iterator

from django.conf import settings
from django.db import close_old_connections
from django.db.models import Count, Max, Q, Sum
from django.utils import timezone

from domains import hosted
from domains.dkim.rotation import ZONE_TTL
from domains.models import DkimKey, DnsMode, Domain, EgressSource, KeyState
from domains.records import key_record, platform_host, spf
from domains.zone.answer import Types, Zone
from domains.zone_file import presented

logger = logging.getLogger(__name__)
LOOK = 2.0  # seconds between two looks whether something has changed
READ = 60.0  # seconds after which all is read again, whatever they said
ABSENT_TTL = 60  # seconds that an absence is kept: what is missing is about to come
Listed = dict[str, dict[str, list[str]]]


def zone_of_rows(serial: int) -> Zone:
    """The zone and those that are delegated to us, in three queries."""
    zone = hosted.zone()
    domains = list(Domain.objects.exclude(dns_mode=DnsMode.OWN).order_by("pk"))
    listed: Listed = {}
    _apex(listed, zone, serial, settings.DNSD_NS)
    for host in settings.DNSD_NS:
        if f".{host.lower()}".endswith(f".{zone}"):
            _addresses(listed, host)
    for account_id in {domain.account_id for domain in domains}:
        _addresses(listed, hosted.delegate(account_id))
    origins = [zone]
    keys = _keys(domains)
    addresses = _sources({domain.account_id for domain in domains})
    for domain in domains:
        mine = keys.get(domain.pk, ())
        for key in mine:
            _put(listed, hosted.key_host(domain, key.selector), "TXT", key_record(key))
        back = hosted.return_path_host(domain)
        _put(listed, back, "MX", f"10 {settings.MAIL_HOST}")
        _put(listed, back, "TXT", spf(addresses.get(domain.account_id, ())))
        _put(listed, hosted.tracking_host(domain), "CNAME", platform_host())
        if domain.dns_mode == DnsMode.DELEGATED and domain.delegated:
            origin = hosted.delegated_zone(domain.name)
            origins.append(origin)
            _apex(listed, origin, serial, [hosted.delegate(domain.account_id)])
            for key in mine:
                _put(listed, f"{key.selector}.{origin}", "TXT", key_record(key))
    names = {name: {k: tuple(v) for k, v in types.items()} for name, types in listed.items()}
    return Zone(
        names,
        origins=tuple(origins),
        ttl=ZONE_TTL,
        inner=frozenset(_inner(names, origins)),
        resolves=False,
    )


def _put(listed: Listed, name: str, kind: str, value: str) -> None:
    values = listed.setdefault(name.lower(), {}).setdefault(kind, [])
    values.append(presented(kind, value))


def _apex(listed: Listed, origin: str, serial: int, servers: Iterable[str]) -> None:
    """SOA and NS of a zone (RFC 1035 §3.3.13)."""
    names = [f"{server.lower().rstrip('.')}." for server in servers]
    times = f"{serial} 3600 600 604800 {ABSENT_TTL}"
    listed[origin] = {
        "SOA": [f"{names[0]} hostmaster.{settings.PLATFORM_DOMAIN}. {times}"],
        "NS": names,
    }


def _addresses(listed: Listed, host: str) -> None:
    """Where `dnsd` is reached under a name."""
    for address in settings.DNSD_ADDRESSES:
        kind = "A" if ipaddress.ip_address(address).version == 4 else "AAAA"
        listed.setdefault(host.lower(), {}).setdefault(kind, []).append(address)


def _keys(domains: list[Domain]) -> dict[int, list[DkimKey]]:
    """By domain: living keys, and of each selector without one the last that was revoked."""
    rows = DkimKey.objects.filter(domain__in=[domain.pk for domain in domains]).defer("private_key")
    found: dict[tuple[int, str], DkimKey] = {}
    for key in rows.order_by("pk"):
        held = found.get((key.domain_id, key.selector))
        if held is None or held.state == KeyState.RETIRED:
            found[key.domain_id, key.selector] = key
    by_domain: dict[int, list[DkimKey]] = {}
    for (domain_id, _), key in found.items():
        by_domain.setdefault(domain_id, []).append(key)
    return by_domain


def _sources(account_ids: set[int]) -> dict[int, list[str]]:
    """By account: the IPs that SPF names."""
    rows = EgressSource.objects.filter(account_id__in=account_ids).order_by("pk")
    found: dict[int, list[str]] = {}
    for account_id, address in rows.values_list("account_id", "address"):
        found.setdefault(account_id, []).append(address)
    return found


def _inner(names: dict[str, Types], origins: list[str]) -> Iterator[str]:
    """Names between a zone's origin and those that have records (RFC 8020)."""
    for name in names:
        parent = name.partition(".")[2]
        while parent and parent not in origins and "." in parent:
            if any(parent.endswith(f".{origin}") for origin in origins) and parent not in names:
                yield parent
            parent = parent.partition(".")[2]


def fingerprint() -> tuple[object, ...]:
    """Changes with what the zone is made of, but for an edit of an IP by hand."""
    keys = DkimKey.objects.aggregate(
        *(Max(f) for f in ("pk", "active_at", "retiring_at", "retired_at")), count=Count("pk")
    )
    domains = Domain.objects.aggregate(
        Max("pk"),
        count=Count("pk"),
        by_alias=Sum("pk", filter=Q(dns_mode=DnsMode.ALIASES)),
        by_delegation=Sum("pk", filter=Q(dns_mode=DnsMode.DELEGATED)),
        led_to_us=Sum("pk", filter=Q(delegated=True)),
    )
    sources = EgressSource.objects.aggregate(Max("pk"), Sum("pk"), count=Count("pk"))
    return tuple(value for found in (keys, domains, sources) for value in found.values())


class Rows:
    """The zone, kept fresh. What cannot be read for a while goes on being answered."""

    def __init__(self) -> None:
        self.zone: Zone | None = None
        self.read_at = float("-inf")
        self._print: tuple[object, ...] = ()

    async def __call__(self) -> Zone:
        """The zone as it was last read; before that, one that has nothing and refuses all."""
        return self.zone or Zone(origins=(), resolves=False)

    async def follow(self) -> None:
        """Read for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Read the zone if it has changed, or has not been read for a while."""
        try:
            found, zone = await asyncio.to_thread(self._read)
        except Exception:  # the database is away: tried again in two seconds, and said
            logger.exception("dnsd cannot read its rows; it answers what it knows")
            return
        self._print = found
        if zone is not None:
            self.zone, self.read_at = zone, time.monotonic()

    def _read(self) -> tuple[tuple[object, ...], Zone | None]:
        close_old_connections()
        try:
            found = fingerprint()
            if found == self._print and time.monotonic() - self.read_at < READ:
                return found, None
            return found, zone_of_rows(int(timezone.now().timestamp()))
        finally:
            close_old_connections()
