"""The only place that finds out a domain's MTA-STS policy (RFC 8461): asked, fetched, remembered.

A policy that was fetched holds until it expires, so nobody gets rid of it by silencing DNS or the web
server for a while. Rows and fetches run in threads: the event loop waits for neither.
"""

import asyncio
import ipaddress
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from config import fetch
from domains import dns
from transactional.models import StsPolicy
from transactional.wire.mta_sts import Policy, PolicyError, policy_id, read_policy

FRESH = 60.0  # seconds that what is known of a domain is not looked at again
KEPT = 20_000  # domains
THREADS = 4  # a web server that drips holds one of them for `fetch.SECONDS`
RETRY = timedelta(minutes=5)  # after a fetch that failed
PATH = "/.well-known/mta-sts.txt"


@dataclass(frozen=True, slots=True)
class Sts:
    """A domain's policy, if it has one that holds; `error`: there should be one, and it is not to be
    had.
    """

    policy: Policy | None = None
    error: str = ""


NOTHING = Sts()


class StsPolicies:
    """What one engine knows of policies."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="mta-sts")
        self._kept: dict[str, tuple[float, Sts]] = {}
        self._asked: dict[str, asyncio.Future[Sts]] = {}

    async def of(self, domain: str) -> Sts:
        """The policy that holds for a domain now."""
        hit = self._kept.get(domain)
        if hit is not None and time.monotonic() < hit[0]:
            return hit[1]
        asked = self._asked.get(domain)
        if asked is None:
            # All mail for a domain shares one look
            asked = asyncio.ensure_future(self._look(domain))
            self._asked[domain] = asked
            asked.add_done_callback(lambda _: self._asked.pop(domain, None))
        return await asyncio.shield(asked)

    async def _look(self, domain: str) -> Sts:
        found = await dns.kept_txt(f"_mta-sts.{domain}")
        wanted = policy_id(found.records) if found.status == dns.OK else ""
        loop = asyncio.get_running_loop()
        sts = await loop.run_in_executor(self._threads, _settle, domain, wanted)
        if len(self._kept) >= KEPT:
            self._kept.clear()
        self._kept[domain] = (time.monotonic() + FRESH, sts)
        return sts


def _settle(domain: str, wanted: str) -> Sts:
    """In a thread: what is stored, fetched anew where DNS names another policy or it is half over."""
    try:
        row = StsPolicy.objects.filter(domain=domain).first()
        if not wanted:
            return _stored(row)
        if row is not None and row.policy_id == wanted and _is_young(row):
            return _stored(row)
        if row is not None and row.failed_at and timezone.now() - row.failed_at < RETRY:
            return _stored(row, error=row.error)
        return _fetched(domain, wanted, row)
    finally:
        connection.close()


def _is_young(row: StsPolicy) -> bool:
    if row.fetched_at is None:
        return False
    return timezone.now() < row.fetched_at + timedelta(seconds=row.max_age / 2)


def _stored(row: StsPolicy | None, *, error: str = "") -> Sts:
    if row is None or row.expires_at is None or row.expires_at <= timezone.now():
        return Sts(None, error)
    return Sts(Policy(row.mode, tuple(row.mx), row.max_age), error)


def _fetched(domain: str, wanted: str, row: StsPolicy | None) -> Sts:
    now = timezone.now()
    try:
        policy = _fetch(domain)
    except (fetch.FetchRefused, fetch.FetchFailed, PolicyError) as err:
        failed = {"failed_at": now, "error": str(err)[:300]}
        StsPolicy.objects.update_or_create(domain=domain, defaults=failed)
        return _stored(row, error=str(err)[:300])
    StsPolicy.objects.update_or_create(
        domain=domain,
        defaults={
            "policy_id": wanted,
            "mode": policy.mode,
            "mx": list(policy.mx),
            "max_age": policy.max_age,
            "fetched_at": now,
            "expires_at": now + timedelta(seconds=policy.max_age),
            "failed_at": None,
            "error": "",
        },
    )
    return Sts(policy)


def _fetch(domain: str) -> Policy:
    """Over HTTPS with a valid certificate of mta-sts.<domain>, without redirects (§3.3)."""
    port = settings.MTA_STS_PORT
    where = f"mta-sts.{domain}" + ("" if port == 443 else f":{port}")
    found = fetch.get(
        f"https://{where}{PATH}",
        resolve=lambda name: dns.run(dns.addresses(name)).records,
        allowed=[ipaddress.ip_network(net) for net in settings.EGRESS_PRIVATE_NETS],
        ports=frozenset({port}),
    )
    if found.status != 200:
        raise PolicyError(f"mta-sts.{domain} answers {found.status}.")
    return read_policy(found.body)
