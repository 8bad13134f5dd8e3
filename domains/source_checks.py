"""The only place that decides whether an IP is ready: its names in DNS, and that we can use it.

Forward-confirmed reverse DNS (RFC 8499 §9) and the EHLO name (RFC 5321 §4.1.4) are what
receivers look at first.
"""

import asyncio
import contextlib
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from config.addresses import is_public
from domains import blocklists, dns, hosts, pools
from domains.checks import AT_ONCE
from domains.findings import MISSING, OK, UNKNOWN, WRONG, Finding, about
from domains.models import Domain, DomainState, EgressSource, SourceEvent, SourceState
from domains.names import organisational
from domains.source_states import Why, move
from domains.spf import PASSED, TEMPERROR, Verdict, verdict_for
from domains.standing import pause

MAX_NAMES = 5  # PTR names confirmed: more than one is legal, a hundred a fault


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What a check of an IP found; of two at once, the one that asked DNS later is right."""

    findings: tuple[Finding, ...]
    asked_at: datetime

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
    asked = [(source, hosts.binding(source), _spf_hosts(source)) for source in sources]
    reports = dns.run(_observe_all(asked))
    right = [s for s, report in zip(sources, reports, strict=True) if report.passed]
    blocklists.look([s.address for s in right] + [organisational(s.ehlo_name) for s in right])
    stopped = blocklists.stopping([source.address for source in sources])
    for source, report in zip(sources, reports, strict=True):
        apply(source, report, stopped.get(source.address, ()))
    return reports


def _spf_hosts(source: EgressSource) -> tuple[str, ...]:
    """Return-path hosts whose SPF must name an IP before it is used: the verified domains'.

    None once it is: a domain whose SPF breaks later is stopped by itself, and no other.
    """
    if source.account_id is None or source.state != SourceState.PENDING:
        return ()
    verified = Domain.objects.of(source.account_id).exclude(state=DomainState.PENDING)
    return tuple(domain.return_path_host for domain in verified.order_by("pk"))


async def _observe_all(
    asked: Sequence[tuple[EgressSource, Finding, tuple[str, ...]]],
) -> list[SourceReport]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(source: EgressSource, bound: Finding, spf: tuple[str, ...]) -> SourceReport:
        async with gate:
            return await observe(source.address, source.ehlo_name, bound, spf)

    return list(await asyncio.gather(*(one(*each) for each in asked)))


async def observe(
    address: str, ehlo_name: str, bound: Finding, spf_hosts: tuple[str, ...] = ()
) -> SourceReport:
    """What DNS says about an IP; `bound` is what the worker hosts do. Reads no rows, writes none."""
    asked_at = timezone.now()
    names, own = await asyncio.gather(dns.ptr(address), dns.addresses(ehlo_name))
    listed = names.records[:MAX_NAMES]
    forward = await asyncio.gather(*(dns.addresses(name) for name in listed))
    verdicts = {host: await verdict_for(address, host, {}) for host in spf_hosts}
    return SourceReport(
        (
            _range(address),
            _ptr(address, ehlo_name, names),
            _confirmed(address, names, forward),
            _ehlo(address, ehlo_name, own),
            _generic(address, ehlo_name),
            bound,
            _spf(address, verdicts),
        ),
        asked_at,
    )


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
        return about("range", address, OK, "ok")
    return about("range", address, WRONG, "private")


def _unanswered(purpose: str, host: str, answer: dns.Answer) -> Finding | None:
    """The finding where DNS itself failed."""
    if answer.status in (dns.TIMEOUT, dns.SERVFAIL):
        return about(purpose, host, UNKNOWN, answer.status)
    return None


def _kind(address: str) -> str:
    return "AAAA" if ":" in address else "A"


def _ptr(address: str, ehlo_name: str, names: dns.Answer) -> Finding:
    failed = _unanswered("ptr", address, names)
    if failed:
        return failed
    if not names.records:
        return about("ptr", address, MISSING, "no_ptr", address=address, name=ehlo_name)
    return about("ptr", address, OK, "ok", names.records)


def _confirmed(address: str, pointer: dns.Answer, forward: Sequence[dns.Answer]) -> Finding:
    names = pointer.records[:MAX_NAMES]
    if any(_holds(answer, address) for answer in forward):
        return about("forward", address, OK, "ok", names)
    for name, answer in zip(names, forward, strict=True):
        failed = _unanswered("forward", name, answer)
        if failed:
            return failed
    failed = _unanswered("forward", address, pointer)
    if failed:
        return failed
    if not names:
        return about("forward", address, MISSING, "awaits_ptr")
    said = {"name": names[0], "address": address, "type": _kind(address)}
    return about("forward", address, WRONG, "not_confirmed", names, **said)


def _ehlo(address: str, ehlo_name: str, own: dns.Answer) -> Finding:
    failed = _unanswered("ehlo", ehlo_name, own)
    if failed:
        return failed
    if not own.records:
        said = {"address": address, "type": _kind(address)}
        return about("ehlo", ehlo_name, MISSING, "ehlo_unresolved", (), **said)
    if not _holds(own, address):
        said = {"address": address, "hosts": ", ".join(own.records[:3])}
        return about("ehlo", ehlo_name, WRONG, "ehlo_elsewhere", own.records, **said)
    return about("ehlo", ehlo_name, OK, "ok", own.records)


def _holds(answer: dns.Answer, address: str) -> bool:
    ip = ipaddress.ip_address(address)
    return any(ipaddress.ip_address(found) == ip for found in answer.records)


def _generic(address: str, ehlo_name: str) -> Finding:
    """Receivers take a name made from the IP's numbers for a dial-up line."""
    if _spells(address, ehlo_name.lower()):
        return about("generic", ehlo_name, WRONG, "generic_name")
    return about("generic", ehlo_name, OK, "ok")


def _spf(address: str, verdicts: Mapping[str, Verdict]) -> Finding:
    """Whether the SPF of every domain that sends already lets the IP pass."""
    for host, verdict in verdicts.items():
        if verdict.result == TEMPERROR:
            return about("spf", host, UNKNOWN, "spf_unanswered", problem=verdict.problem)
        if verdict.result != PASSED:
            return about("spf", host, WRONG, "spf_not_covered", address=address)
    return about("spf", address, OK, "ok")


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


def apply(source: EgressSource, report: SourceReport, lists: tuple[str, ...]) -> None:
    """Write the findings, and let happen what follows. A paused source stays paused.

    `lists` are the blocklists that stop it.
    """
    with transaction.atomic():
        if _write(source, report):
            _follow(source, report, lists)
    pools.forget()
    with contextlib.suppress(EgressSource.DoesNotExist):  # disconnected while DNS was asked
        source.refresh_from_db()


def _write(source: EgressSource, report: SourceReport) -> bool:
    """Write the findings; False where it is gone, or another check has asked DNS later."""
    now = timezone.now()
    older = Q(asked_at__isnull=True) | Q(asked_at__lte=report.asked_at)
    written = EgressSource.objects.filter(older, pk=source.pk).update(
        findings=[finding.stored() for finding in report.findings],
        checked_at=now,
        asked_at=report.asked_at,
        next_check_at=now + pause(calm=report.passed, age=now - source.created_at),
    )
    return bool(written)


def _follow(source: EgressSource, report: SourceReport, lists: tuple[str, ...]) -> None:
    if report.passed:
        if source.account is not None:
            pools.add(pools.dedicated_pool(source.account), source)
        if lists:
            move(source.pk, SourceEvent.LISTED, Why("listed", {"lists": ", ".join(lists)}))
        else:
            move(source.pk, SourceEvent.DNS_RIGHT)
            move(source.pk, SourceEvent.CLEARED)
    elif not report.undecided:
        first = next(f for f in report.findings if f.status not in (OK, UNKNOWN))
        move(
            source.pk, SourceEvent.DNS_WRONG, Why(first.code, {"host": first.host, **first.params})
        )
