"""Which worker host has which IPs: each reports what it can send from, and claims only that.

An IP whose `host` is empty is sent from by every host that has it; one that names a host, by that
host alone. A host that falls silent is not waited for: its mail is then told about by the others.
"""

import errno
import logging
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import orjson
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from config import database, shared
from domains import pools
from domains.findings import OK, UNKNOWN, WRONG, Finding, about
from domains.models import USABLE, EgressSource, Pool, PoolMember, WorkerHost
from domains.passed import Passed
from domains.pools import Fleet, UsableSource

logger = logging.getLogger(__name__)

EVERY = timedelta(seconds=10)  # how often a host reports, however many workers it has
SILENT = timedelta(seconds=60)  # a host that has not reported for so long is not counted on
KEPT = timedelta(days=7)  # after which a host that is gone is forgotten
FRESH = 2.0  # seconds for which a process keeps what others reported
# Asked by each delivery process, every few seconds and every other one
_FRESH_REPORT = (
    "SELECT 1 FROM domains_workerhost WHERE name = %s AND seen_at > %s AND seen_at <= %s"
)
_REPORTS = """
SELECT name, bindable::text, refused::text FROM domains_workerhost WHERE seen_at > %s
"""
_WAKING = "egress:hosts"  # Redis: name → when it reported, so that wake-ups find its queues


@dataclass(frozen=True, slots=True)
class Report:
    """What one host said last: addresses it can send from; others with the reason."""

    bindable: frozenset[str]
    refused: Mapping[str, str]


def name() -> str:
    """This machine's name among the worker hosts."""
    return str(settings.WORKER_HOST)


def refusal(address: str) -> str | None:
    """Why this machine cannot open connections from an address; empty where it lacks it, None: it can."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
    except OSError as err:
        if err.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return ""
        return err.strerror or str(err)
    return None


def report() -> bool:
    """Tell what this machine can send from; True where it was this process's turn.

    Called by every delivery process every few seconds; one of a machine's does it.
    """
    now = timezone.now()
    # A report from times to come is one from before the clock was set back
    if database.ask(_FRESH_REPORT, [name(), now - EVERY, now + EVERY]):
        return False
    me, made = WorkerHost.objects.get_or_create(name=name(), defaults={"seen_at": now})
    rows = WorkerHost.objects.filter(pk=me.pk)
    due = Q(seen_at__lte=now - EVERY) | Q(seen_at__gt=now + EVERY)
    if not made and not rows.filter(due).update(seen_at=now):
        return False
    asked = EgressSource.objects.filter(host__in=("", me.name)).values_list("address", flat=True)
    said = {address: refusal(address) for address in asked}
    rows.update(
        bindable=sorted(address for address, why in said.items() if why is None),
        refused={address: why for address, why in said.items() if why is not None},
    )
    WorkerHost.objects.filter(seen_at__lt=now - KEPT).delete()
    shared.ask(lambda redis: redis.zadd(_WAKING, {me.name: now.timestamp()}), otherwise=None)
    return True


_reports: tuple[float, dict[str, Report]] = (0.0, {})


def reports() -> dict[str, Report]:
    """What the hosts that are alive said last, by name; at most FRESH seconds old."""
    global _reports
    now = time.monotonic()
    if _reports[0] and now - _reports[0] < FRESH:
        return _reports[1]
    rows = database.ask(_REPORTS, [timezone.now() - SILENT])
    found = {
        host: Report(frozenset(orjson.loads(bindable)), orjson.loads(refused))
        for host, bindable, refused in rows
    }
    _reports = (now, found)
    return found


def forget() -> None:
    """Drop what is kept: for tests."""
    global _reports, _machines
    _reports, _machines = (0.0, {}), (0.0, ())
    _elsewhere.clear()


def here(sources: Iterable[UsableSource]) -> tuple[UsableSource, ...]:
    """Those of the sources that this machine sends from."""
    return tuple(source for source in sources if _missing(source) is None)


def fleet_here(pool_id: int) -> Fleet:
    """A pool as this machine sees it: what it cannot send from is passed over."""
    whole = pools.fleet(pool_id)
    judged = [(source, _missing(source)) for source in whole.sources]
    lost = tuple(why for _, why in judged if why is not None)
    return Fleet(tuple(s for s, why in judged if why is None), (*lost, *whole.passed))


def _missing(source: UsableSource) -> Passed | None:
    """Why this machine does not send from a ready IP; None: it does."""
    if source.host not in ("", name()):
        code = "other_machine" if source.host in reports() else "machine_silent"
        return Passed(source.address, code, {"host": source.host})
    if refusal(source.address) is not None:
        return Passed(source.address, "not_on_machine", {"host": name()})
    return None


_elsewhere: dict[str, tuple[float, frozenset[int]]] = {}


def pools_here() -> tuple[int, ...] | None:
    """The pools whose mail this machine claims; None: all, for no other machine has any."""
    elsewhere = pools_elsewhere()
    if not elsewhere:
        return None
    return tuple(Pool.objects.exclude(pk__in=elsewhere).values_list("pk", flat=True))


def pools_elsewhere() -> frozenset[int]:
    """Pools whose ready IPs only other machines have, so this one leaves their mail to them.

    A pool that nobody serves, because no IP of it is ready or its machine is silent, is not among
    them: somebody has to say so to its mail. Costs one small query where there is one machine.
    """
    me, now = name(), time.monotonic()
    hit = _elsewhere.get(me)
    if hit and now - hit[0] < FRESH:
        return hit[1]
    others = {host: said for host, said in reports().items() if host != me}
    found: frozenset[int] = frozenset()
    if others:
        members = PoolMember.objects.filter(source__state__in=USABLE, weight__gt=0)
        rows = members.values_list("pool_id", "source__host", "source__address")
        ours: set[int] = set()
        theirs: set[int] = set()
        for pool_id, host, address in rows:
            if host in ("", me) and refusal(address) is None:
                ours.add(pool_id)
            elif host in others or (not host and _any_has(others, address)):
                theirs.add(pool_id)
        found = frozenset(theirs - ours)
    _elsewhere[me] = (now, found)
    return found


def _any_has(others: Mapping[str, Report], address: str) -> bool:
    return any(address in said.bindable for said in others.values())


def silent(sources: Iterable[UsableSource]) -> str:
    """For a refusal: ready IPs and the machines that have them and do not answer."""
    alive = reports()
    lost = [f"{s.address} is on {s.host}" for s in sources if s.host and s.host not in alive]
    return ", ".join(lost[:3])


_machines: tuple[float, tuple[str, ...]] = (0.0, ())


def waking() -> tuple[str, ...]:
    """Names of the machines to wake, from Redis; empty where it does not know. Kept for FRESH."""
    global _machines
    now = time.monotonic()
    if not _machines[0] or now - _machines[0] > FRESH:
        since = time.time() - SILENT.total_seconds()
        none: list[str] = []
        asked = shared.ask(lambda r: r.zrangebyscore(_WAKING, since, "+inf"), otherwise=none)
        _machines = (now, tuple(asked))
    return _machines[1]


def binding(source: EgressSource) -> Finding:
    """Whether a machine that delivers can send from an IP, as the machines themselves say."""
    alive, address = reports(), source.address
    asked = {source.host} if source.host else set(alive) or {name()}
    said: dict[str, str | None] = {}
    for host in sorted(asked):
        if host == name():  # this very machine: no need to wait for its next report
            said[host] = refusal(address)
        elif host in alive and address in alive[host].bindable:
            said[host] = None
        elif host in alive and address in alive[host].refused:
            said[host] = alive[host].refused[address]
    having = tuple(host for host, why in said.items() if why is None)
    if having:
        return about("bind", address, OK, "ok", having)
    if source.host and source.host != name() and source.host not in alive:
        return about("bind", address, UNKNOWN, "host_silent", name=source.host)
    if len(said) < len(asked):
        return about("bind", address, UNKNOWN, "host_unasked")
    why = next((text for text in said.values() if text), "")
    if why:
        return about("bind", address, WRONG, "bind_refused", error=why)
    if source.host:
        return about("bind", address, WRONG, "not_on_host", name=source.host)
    return about("bind", address, WRONG, "not_bindable")
