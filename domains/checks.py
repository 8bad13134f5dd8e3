"""The only place that checks domains: DNS first, then one short write (`domains/standing.py`)."""

import asyncio
import hashlib
import hmac
import ipaddress
from collections.abc import Sequence
from dataclasses import replace

from django.conf import settings
from django.utils import timezone

from config import fetch, keyring
from domains import dns, records, standing
from domains.findings import OK, WRONG, Finding
from domains.models import Domain
from domains.observe import look
from domains.records import Record
from domains.standing import DomainReport

AT_ONCE = 10  # domains asked about at the same time
PROBE_PATH = "/.well-known/postino/"


def check_domain(domain: Domain) -> DomainReport:
    """Ask DNS about a domain now, and write down what follows. The domain's row is refreshed."""
    return check_domains([domain])[0]


def check_domains(domains: Sequence[Domain]) -> list[DomainReport]:
    """The same for several at once; no transaction is open while DNS is asked."""
    wanted = [records.required(domain) for domain in domains]
    pairs = list(zip(domains, wanted, strict=True))
    reports = dns.run(_observe_all(pairs))
    for (domain, listed), report in zip(pairs, reports, strict=True):
        standing.apply(domain, listed, report)
    return reports


async def _observe_all(pairs: Sequence[tuple[Domain, tuple[Record, ...]]]) -> list[DomainReport]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(domain: Domain, wanted: tuple[Record, ...]) -> DomainReport:
        async with gate:
            return await observe(domain, wanted)

    return list(await asyncio.gather(*(one(*pair) for pair in pairs)))


async def observe(domain: Domain, wanted: tuple[Record, ...]) -> DomainReport:
    """What DNS and the tracking probe say. Reads no rows and writes none."""
    asked_at = timezone.now()
    found = await asyncio.gather(*(look(domain.name, record, wanted) for record in wanted))
    ready = False
    result = []
    for finding in found:
        if finding.purpose == "tracking" and finding.status in (OK, WRONG):
            ready, finding = await asyncio.to_thread(_probed, domain, finding)
        result.append(finding)
    return DomainReport(tuple(result), ready, asked_at)


def probe_proof(host: str) -> str:
    """What this installation, and no other, answers to a probe of a host."""
    text = f"tracking-probe:{host.lower()}".encode()
    return hmac.new(keyring.current("confirm"), text, hashlib.sha256).hexdigest()


def _probed(domain: Domain, finding: Finding) -> tuple[bool, Finding]:
    """Whether the tracking host leads to us over HTTPS with a valid certificate."""
    host = domain.tracking_host
    nets = [ipaddress.ip_network(net) for net in settings.EGRESS_PRIVATE_NETS]
    try:
        found = fetch.get(
            f"https://{host}{PROBE_PATH}{host}",
            resolve=lambda name: dns.run(dns.addresses(name)).records,
            allowed=nets,
        )
    except (fetch.FetchRefused, fetch.FetchFailed) as err:
        if finding.status == WRONG:
            return False, finding  # DNS says more than the probe
        return False, replace(finding, status=WRONG, code="no_https", params={"error": str(err)})
    if found.status != 200 or found.body.strip() != probe_proof(host).encode():
        return False, replace(finding, status=WRONG, code="other_server", params={})
    return True, replace(finding, status=OK, code="ok", params={})
