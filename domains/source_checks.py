"""The only place that decides whether an IP is ready: its names in DNS, and that we can use it.

Forward-confirmed reverse DNS (RFC 8499 §9) and the EHLO name (RFC 5321 §4.1.4) are what
receivers look at first.
"""

import asyncio
import errno
import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from config.fetch import is_public
from domains import dns, pools
from domains.checks import AT_ONCE, pause
from domains.diagnose import uncovered_by
from domains.findings import MISSING, OK, UNKNOWN, WRONG, Finding
from domains.models import Domain, DomainState, EgressSource, SourceState
from domains.records import spf

MAX_NAMES = 5  # PTR names confirmed: more than one is legal, a hundred a fault


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What a check of an IP found."""

    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Every property is right."""
        return all(f.status == OK for f in self.findings)

    @property
    def undecided(self) -> bool:
        """DNS failed somewhere, and nothing is known to be at fault."""
        states = {f.status for f in self.findings}
        return UNKNOWN in states and states <= {OK, UNKNOWN}


def check_source(source: EgressSource) -> SourceReport:
    """Check an IP now, and write down what follows. The source's row is refreshed."""
    return check_sources([source])[0]


def check_sources(sources: Sequence[EgressSource]) -> list[SourceReport]:
    """The same for several at once; no transaction is open while DNS is asked."""
    reports = dns.run(_observe_all([(source, _spf_hosts(source)) for source in sources]))
    for source, report in zip(sources, reports, strict=True):
        _apply(source, report)
    return reports


def _spf_hosts(source: EgressSource) -> tuple[str, ...]:
    """Return-path hosts whose SPF must name an IP before it is used: the verified domains'.

    None for a ready IP: a domain whose SPF breaks later is stopped by itself, and no other.
    """
    if source.account_id is None or source.state == SourceState.READY:
        return ()
    verified = Domain.objects.of(source.account_id).exclude(state=DomainState.PENDING)
    return tuple(domain.return_path_host for domain in verified.order_by("pk"))


async def _observe_all(
    pairs: Sequence[tuple[EgressSource, tuple[str, ...]]],
) -> list[SourceReport]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(source: EgressSource, hosts: tuple[str, ...]) -> SourceReport:
        async with gate:
            return await observe(source.address, source.ehlo_name, hosts)

    return list(await asyncio.gather(*(one(*pair) for pair in pairs)))


async def observe(address: str, ehlo_name: str, spf_hosts: tuple[str, ...] = ()) -> SourceReport:
    """What DNS and this host say about an IP. Reads no rows and writes none."""
    names, own = await asyncio.gather(dns.ptr(address), dns.addresses(ehlo_name))
    listed = names.records[:MAX_NAMES]
    forward = await asyncio.gather(*(dns.addresses(name) for name in listed))
    policies = await asyncio.gather(*(dns.txt(host) for host in spf_hosts))
    return SourceReport(
        (
            _range(address),
            _ptr(address, ehlo_name, names),
            _confirmed(address, names, forward),
            _ehlo(address, ehlo_name, own),
            _generic(address, ehlo_name),
            _bindable(address),
            _spf(address, spf_hosts, policies),
        )
    )


def _finding(
    purpose: str, host: str, status: str, code: str, sentence: str = "", found: Sequence[str] = ()
) -> Finding:
    return Finding(purpose, host, status, code, sentence, tuple(found[:5]))


def in_range(address: str) -> bool:
    """Whether mail may leave from an address of this kind: public, or named by the operator."""
    if settings.SANDBOX or settings.EGRESS == "sandbox":
        return True
    nets = [ipaddress.ip_network(net) for net in settings.EGRESS_PRIVATE_NETS]
    return is_public(address, nets)


def is_connected(address: str) -> bool:
    """Whether any account, or the operator, has connected this IP: it can be used once only."""
    return EgressSource.objects.filter(address=address).exists()


def _range(address: str) -> Finding:
    if in_range(address):
        return _finding("range", address, OK, "ok")
    text = f"{address} is a private or local address: no mail leaves from it. Use a public one."
    return _finding("range", address, WRONG, "private", text)


def _unanswered(purpose: str, host: str, answer: dns.Answer) -> Finding | None:
    """The finding where DNS itself failed."""
    if answer.status in (dns.TIMEOUT, dns.SERVFAIL):
        text = f"DNS does not answer for {host} ({answer.status}). We keep asking."
        return _finding(purpose, host, UNKNOWN, answer.status, text)
    return None


def _ptr(address: str, ehlo_name: str, names: dns.Answer) -> Finding:
    failed = _unanswered("ptr", address, names)
    if failed:
        return failed
    if not names.records:
        text = (
            f"{address} has no reverse record (PTR). Ask whoever gave you the IP to set it to "
            f"{ehlo_name}."
        )
        return _finding("ptr", address, MISSING, "no_ptr", text)
    return _finding("ptr", address, OK, "ok", found=names.records)


def _confirmed(address: str, pointer: dns.Answer, forward: Sequence[dns.Answer]) -> Finding:
    names = pointer.records[:MAX_NAMES]
    if any(_holds(answer, address) for answer in forward):
        return _finding("forward", address, OK, "ok", found=names)
    for name, answer in zip(names, forward, strict=True):
        failed = _unanswered("forward", name, answer)
        if failed:
            return failed
    failed = _unanswered("forward", address, pointer)
    if failed:
        return failed
    if not names:
        text = "This is looked at once the reverse record exists."
        return _finding("forward", address, MISSING, "no_ptr", text)
    kind = "AAAA" if ":" in address else "A"
    text = (
        f"The reverse record says {names[0]}, but that name does not lead back to {address}. Add "
        f"an {kind} record for it."
    )
    return _finding("forward", address, WRONG, "not_confirmed", text, names)


def _ehlo(address: str, ehlo_name: str, own: dns.Answer) -> Finding:
    failed = _unanswered("ehlo", ehlo_name, own)
    if failed:
        return failed
    kind = "AAAA" if ":" in address else "A"
    if not own.records:
        text = f"{ehlo_name} has no address. Add an {kind} record with {address}."
        return _finding("ehlo", ehlo_name, MISSING, "ehlo_unresolved", text)
    if not _holds(own, address):
        text = f"{ehlo_name} leads to {', '.join(own.records[:3])}; it must lead to {address}."
        return _finding("ehlo", ehlo_name, WRONG, "ehlo_elsewhere", text, own.records)
    return _finding("ehlo", ehlo_name, OK, "ok", found=own.records)


def _holds(answer: dns.Answer, address: str) -> bool:
    ip = ipaddress.ip_address(address)
    return any(ipaddress.ip_address(found) == ip for found in answer.records)


def _generic(address: str, ehlo_name: str) -> Finding:
    """Receivers take a name made from the IP's numbers for a dial-up line."""
    if _spells(address, ehlo_name.lower()):
        text = (
            f"{ehlo_name} is made from the numbers of the IP, as names of dial-up lines are; many "
            "receivers refuse those. Choose a name like mail.example.com."
        )
        return _finding("generic", ehlo_name, WRONG, "generic_name", text)
    return _finding("generic", ehlo_name, OK, "ok")


def _spf(address: str, hosts: Sequence[str], policies: Sequence[dns.Answer]) -> Finding:
    """Whether the SPF of every domain that sends already names the IP."""
    for host, answer in zip(hosts, policies, strict=True):
        failed = _unanswered("spf", host, answer)
        if failed:
            return failed
        terms = [term for text in answer.records for term in text.lower().split()]
        if uncovered_by(spf([address]), terms):
            text = f"The SPF record of {host} does not name {address}: its domain's page shows how."
            return _finding("spf", host, WRONG, "spf_not_covered", text, answer.records)
    return _finding("spf", address, OK, "ok")


def _spells(address: str, name: str) -> bool:
    """Whether a name holds the whole address, forwards or backwards, as providers write it."""
    ip = ipaddress.ip_address(address)
    if ip.version == 6:
        return ip.exploded.replace(":", "") in re.sub(r"[^0-9a-z]", "", name)
    octets = address.split(".")
    for order in (octets, octets[::-1]):
        if re.search(r"(?<!\d)0*" + r"\D{1,3}0*".join(order) + r"(?!\d)", name):
            return True
    return "".join(octet.zfill(3) for octet in octets) in name


def _bindable(address: str) -> Finding:
    """Whether this host can open connections from the address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
    except OSError as err:
        if err.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            text = f"This host does not have {address}. Add it to a network interface here."
        else:
            text = f"This host cannot send from {address}: {err.strerror}."
        return _finding("bind", address, WRONG, "not_bindable", text)
    return _finding("bind", address, OK, "ok")


def _apply(source: EgressSource, report: SourceReport) -> None:
    """Write the findings and the state that follows. A paused source stays paused."""
    now = timezone.now()
    changes = {
        "findings": [finding.stored() for finding in report.findings],
        "checked_at": now,
        "next_check_at": now + pause(calm=report.passed, age=now - source.created_at),
    }
    rows = EgressSource.objects.filter(pk=source.pk)
    if rows.update(**changes) and report.passed:
        if source.account is not None:
            pools.add(pools.dedicated_pool(source.account), source)
        # In the statement itself, so that a pause of this moment is not undone
        rows.filter(state=SourceState.PENDING).update(state=SourceState.READY, ready_at=now)
    elif not report.passed and not report.undecided:
        rows.filter(state=SourceState.READY).update(state=SourceState.PENDING)
    pools.forget()
    if rows.exists():
        source.refresh_from_db()
