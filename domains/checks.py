"""The only place that decides whether a domain is verified. DNS first, then one short write."""

import asyncio
import hashlib
import hmac
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from config import fetch, keyring
from domains import dns, records
from domains.findings import OK, UNKNOWN, WRONG, Finding
from domains.models import Domain, DomainState
from domains.observe import look
from domains.records import Record

AT_ONCE = 10  # domains asked about at the same time
YOUNG = timedelta(minutes=10)  # someone may be sitting in front of the page
SOON, LATER, SELDOM = timedelta(seconds=15), timedelta(minutes=5), timedelta(hours=1)
PROBE_PATH = "/.well-known/postino/"


@dataclass(frozen=True, slots=True)
class DomainReport:
    """What a check of a domain found; `tracking_ready` is the probe's verdict."""

    findings: tuple[Finding, ...]
    tracking_ready: bool

    @property
    def passed(self) -> bool:
        """Every required record is right."""
        return all(f.status == OK for f in self.findings if f.required)

    @property
    def undecided(self) -> bool:
        """DNS failed for a required record, and none is known to be at fault."""
        states = {f.status for f in self.findings if f.required}
        return UNKNOWN in states and states <= {OK, UNKNOWN}


def check_domain(domain: Domain) -> DomainReport:
    """Ask DNS about a domain now, and write down what follows. The domain's row is refreshed."""
    return check_domains([domain])[0]


def check_domains(domains: Sequence[Domain]) -> list[DomainReport]:
    """The same for several at once; no transaction is open while DNS is asked."""
    wanted = [records.required(domain) for domain in domains]
    pairs = list(zip(domains, wanted, strict=True))
    reports = dns.run(_observe_all(pairs))
    for domain, report in zip(domains, reports, strict=True):
        _apply(domain, report)
    return reports


async def _observe_all(pairs: Sequence[tuple[Domain, tuple[Record, ...]]]) -> list[DomainReport]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(domain: Domain, wanted: tuple[Record, ...]) -> DomainReport:
        async with gate:
            return await observe(domain, wanted)

    return list(await asyncio.gather(*(one(*pair) for pair in pairs)))


async def observe(domain: Domain, wanted: tuple[Record, ...]) -> DomainReport:
    """What DNS and the tracking probe say. Reads no rows and writes none."""
    found = await asyncio.gather(*(look(domain.name, record, wanted) for record in wanted))
    ready = False
    result = []
    for finding in found:
        if finding.purpose == "tracking" and finding.status in (OK, WRONG):
            ready, finding = await asyncio.to_thread(_probed, domain, finding)
        result.append(finding)
    return DomainReport(tuple(result), ready)


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


def _apply(domain: Domain, report: DomainReport) -> None:
    """Write the findings and the state that follows; nothing is written for a deleted domain."""
    now = timezone.now()
    domain.findings = [finding.stored() for finding in report.findings]
    domain.checked_at = now
    domain.tracking_ready = report.tracking_ready
    if report.passed:
        domain.state = DomainState.VERIFIED
        domain.verified_at = domain.verified_at or now
    elif not report.undecided and domain.state == DomainState.VERIFIED:
        domain.state = DomainState.BROKEN
    calm = domain.state == DomainState.VERIFIED and report.passed
    domain.next_check_at = now + pause(calm=calm, age=now - domain.created_at)
    fields = ("state", "findings", "checked_at", "tracking_ready", "verified_at", "next_check_at")
    values = {field: getattr(domain, field) for field in fields}
    Domain.objects.of(domain.account_id).filter(pk=domain.pk).update(**values)


def pause(*, calm: bool, age: timedelta) -> timedelta:
    """How long until the next periodic check: short while somebody waits for the result."""
    if calm:
        return SELDOM
    return SOON if age < YOUNG else LATER
