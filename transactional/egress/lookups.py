"""What an engine looks up around its jobs: versions, keys, domains, streams, pools. Kept briefly.

Everything here is read in one thread of its own, so the event loop never waits for the ORM.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Any, TypeVar

from django.conf import settings
from django.db import connections
from django.db.models import Q, QuerySet

from config import database
from config.ids import uuid7_floor, uuid7_time
from config.sealing import Unreadable
from domains import complaint_pauses, dkim, dns, hosts, pools, why
from domains.models import Domain, EgressSource
from transactional import clock, retry
from transactional.compose.build import Material, VersionContent
from transactional.compose.contract import check as contract
from transactional.egress import fallback, profiles
from transactional.egress.departures import Departures
from transactional.egress.profiles import Profiles
from transactional.egress.route import Own
from transactional.incidents import breaker
from transactional.incidents.breaker import Standing
from transactional.models import (
    DeliveryAttempt,
    EmailVersion,
    Event,
    EventType,
    Recipient,
    Smarthost,
    Stream,
)
from transactional.queue import Job
from transactional.wire.outcome import Login, TlsPolicy
from transactional.wire.reply import Stage

logger = logging.getLogger(__name__)

FRESH = 2.0  # seconds: how long a revoked key, a moved pool or a changed stream may still count
PROFILES_FRESH = 5.0  # seconds: an operator's change of a limit
OWN_FRESH = 30.0  # seconds: which IPs are ours changes seldom
A_DAY = timedelta(days=1)
KEPT = 5000  # entries, so that a process does not grow for ever
_STANDING = ("standing",)
_OWN = ("own",)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StreamPolicy:
    """How a stream's mail leaves."""

    pool_id: int
    transport: str
    tls: str
    uncertain: str
    fallback_id: int | None = None


@dataclass(frozen=True, slots=True)
class Relay:
    """A smarthost as the engine uses it."""

    id: int
    host: str
    port: int
    tls: TlsPolicy
    login: Login | None
    operators: bool  # not an account's: it may be at a private address


@dataclass(frozen=True, slots=True)
class LastTry:
    """Whether no connection came about in it, and whether it went by the smarthost."""

    found_nobody: bool = False
    went_round: bool = False


@dataclass(frozen=True, slots=True)
class SigningDomain:
    """The identity of a verified domain at this moment."""

    keys: tuple[dkim.SigningKey, ...]
    return_path_host: str
    link_base: str


class Lookups:
    """The engine's reader of slow-changing facts."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lookups")
        self._kept: dict[Hashable, tuple[float, object]] = {}
        self._asked: dict[Hashable, asyncio.Future[Any]] = {}
        self._reached: frozenset[str] = frozenset()  # the addresses of MAIL_HOST
        self.departures = Departures(self.in_thread)

    async def material(self, job: Job) -> Material:
        """What is needed to build a job's copy."""
        identity = await self._get(
            ("domain", job.account_id, job.from_domain),
            FRESH,
            lambda: _signing_domain(job.account_id, job.from_domain),
        )
        version = None
        if job.version_id is not None:
            version_id = job.version_id
            version = await self._get(("version", version_id), 1e9, lambda: _version(version_id))
        return Material(version, identity.keys, identity.return_path_host, identity.link_base)

    async def stream(self, stream_id: int) -> StreamPolicy:
        """The stream's pool, transport and TLS policy."""
        return await self._get(("stream", stream_id), FRESH, lambda: _stream(stream_id))

    async def smarthost(self, smarthost_id: int) -> Relay | None:
        """A smarthost; None where it is gone or its password cannot be read."""
        return await self._get(("smarthost", smarthost_id), FRESH, lambda: _smarthost(smarthost_id))

    async def fleet(self, pool_id: int) -> pools.Fleet:
        """The pool's IPs: those that this machine sends from, and why not the others."""
        return await self._get(("pool", pool_id), FRESH / 2, lambda: hosts.fleet_here(pool_id))

    async def standby(self, pool_id: int) -> pools.Fleet:
        """The pool's IPs on this machine that may not speak to receivers, but to a smarthost."""
        return await self._get(
            ("standby", pool_id), FRESH, lambda: pools.Fleet(hosts.here(pools.standby(pool_id)))
        )

    def in_thread(self, work: Callable[[], T], /) -> asyncio.Future[T]:
        """Run a function where the database may be asked."""
        return asyncio.get_running_loop().run_in_executor(self._thread, _guarded, work)

    async def report_host(self) -> None:
        """Tell which IPs this machine has, where it is this process's turn."""
        await self.in_thread(hosts.report)

    async def pools_here(self) -> tuple[int, ...] | None:
        """The pools whose mail this machine claims; None: all of them."""
        return await self._get(("pools here",), FRESH / 2, hosts.pools_here)

    async def unready(self, stream: StreamPolicy) -> str:
        """Why no IP of a stream can be used here, for the reply that defers its mail."""
        return await self._get(
            ("unready", stream.pool_id), FRESH, lambda: why.of_pool(stream.pool_id)
        )

    async def profiles(self) -> Profiles:
        """The limits and rules towards sites."""
        return await self._get(("profiles",), PROFILES_FRESH, profiles.load)

    async def paused_domains(self) -> frozenset[tuple[int, str]]:
        """Accounts and domains whose marketing mail waits, since readers reported too much of it."""
        return await self._get(("complaints",), FRESH, complaint_pauses.paused_domains)

    async def standing(self) -> tuple[Standing, ...]:
        """Incidents that are not over."""
        return await self._get(_STANDING, FRESH / 2, _standing)

    def forget_standing(self) -> None:
        """One has just changed: what is being read now is old already."""
        self._kept.pop(_STANDING, None)
        self._asked.pop(_STANDING, None)

    async def do(self, work: Callable[[], T]) -> T:
        """A piece of work with the ORM, in the thread. Raises what it raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, _guarded, work)

    async def last_reply(self, recipient_id: uuid.UUID) -> str:
        """What was said to a recipient's last try."""
        return await self.do(lambda: _last_reply(recipient_id))

    async def last_try(self, job: Job) -> LastTry:
        """What came of a job's try before."""
        if not job.attempt:
            return LastTry()
        return await self.do(lambda: _last_try(job.message_id, job.id))

    async def was_beyond(self, job: Job, smarthost_id: int) -> bool:
        """Whether a try of a job has shown that its mail is beyond a smarthost's limits."""
        if not job.attempt:
            return False
        return await self.do(lambda: _was_beyond(job.message_id, job.id, smarthost_id))

    async def doubts(self, job: Job) -> int:
        """How many copies of a recipient's mail have had no answer to their final dot."""
        if not job.resent:
            return 0
        return await self.do(lambda: _doubts(job.message_id, job.id))

    async def own(self) -> Own:
        """What is ourselves, where mail must not be routed to."""
        return await self._get(_OWN, OWN_FRESH, lambda: ourselves(self._reached))

    async def look_for_ourselves(self) -> None:
        """Keep in mind under which addresses our inbound server is reached. No mail waits for it; where
        DNS does not answer, what it said last counts.
        """
        while True:
            found = frozenset[str]()
            try:
                if settings.EGRESS != "sandbox":  # whose mail leaves this machine by no name
                    found = frozenset(await dns.host_addresses(settings.MAIL_HOST))
            except Exception:  # a name that no question can be made of must not end the engine
                logger.exception("MAIL_HOST cannot be looked up")
            if found and found != self._reached:
                self._reached = found
                self._kept.pop(_OWN, None)
            await asyncio.sleep(OWN_FRESH * 2 if found else OWN_FRESH)

    async def _get(self, key: Hashable, fresh: float, load: Callable[[], T]) -> T:
        hit = self._kept.get(key)
        if hit is not None and time.monotonic() - hit[0] < fresh:
            return hit[1]  # type: ignore[return-value]  # stored under the same key
        asked = self._asked.get(key)
        if asked is None:
            # All that wait for the same fact share one query: what expires, expires for every session
            asked = asyncio.ensure_future(self._load(key, load))
            self._asked[key] = asked
            asked.add_done_callback(lambda _: self._asked.pop(key, None))
        found: T = await asyncio.shield(asked)  # one who gives up must not stop the others
        return found

    async def _load(self, key: Hashable, load: Callable[[], object]) -> object:
        loop = asyncio.get_running_loop()
        value = await loop.run_in_executor(self._thread, _guarded, load)
        if len(self._kept) > KEPT:
            self._kept.clear()
        self._kept[key] = (time.monotonic(), value)
        return value

    def close(self) -> None:
        """Let the thread end, and its connection with it."""
        self._thread.submit(connections.close_all)
        self._thread.shutdown(wait=False)


def _guarded(load: Callable[[], T]) -> T:
    """Run in the thread, dropping a connection that a restarted database has closed."""
    database.refresh()
    return load()


def _standing() -> tuple[Standing, ...]:
    found = breaker.standing()
    if found:
        clock.settle()  # the times of one that was opened before the clock was set move along
        found = breaker.standing()
    return found


def ourselves(reached: frozenset[str] = frozenset()) -> Own:
    """Our inbound host by name, our IPs by address. (Their EHLO names may have other servers.) And where
    our inbound server is `reached`: MAIL_HOST's addresses, those the operator names, and the one it
    listens on, if that is one and its port is mail's.
    """
    addresses = EgressSource.objects.values_list("address", flat=True)
    inbound = {str(ip_address(one)) for one in settings.INBOUND_ADDRESSES} | reached
    if settings.INBOUND_PORT == settings.EGRESS_PORT and not _is_any(settings.BIND):
        inbound.add(settings.BIND)
    return Own(frozenset({settings.MAIL_HOST.lower()}), frozenset(addresses), frozenset(inbound))


def _is_any(host: str) -> bool:
    """Whether a server that listens there listens on every address, or on one that DNS must tell."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return True


def _last_reply(recipient_id: uuid.UUID) -> str:
    found = Recipient.objects.filter(pk=recipient_id).values_list("reply", flat=True).first()
    return str(found or "")


def _last_try(message_id: uuid.UUID, recipient_id: uuid.UUID) -> LastTry:
    last = (
        _tries(message_id, recipient_id)
        .order_by("-pk")
        .values_list("stage", "code", "decisions")
        .first()
    )
    if last is None:
        return LastTry()
    stage, code, decisions = last
    steps = {one.get("step") for one in decisions or () if isinstance(one, dict)}
    return LastTry(stage == Stage.CONNECT and not code, "fallback" in steps)


def _was_beyond(message_id: uuid.UUID, recipient_id: uuid.UUID, smarthost_id: int) -> bool:
    shown = [{"step": fallback.CARRIED, "data": {"smarthost": smarthost_id}}]
    return _tries(message_id, recipient_id).filter(decisions__contains=shown).exists()


def _tries(message_id: uuid.UUID, recipient_id: uuid.UUID) -> QuerySet[DeliveryAttempt]:
    since = uuid7_floor(uuid7_time(message_id) - A_DAY)  # older months are not looked at
    return DeliveryAttempt.objects.filter(
        message_id=message_id, recipient_id=recipient_id, pk__gte=since
    )


def _doubts(message_id: uuid.UUID, recipient_id: uuid.UUID) -> int:
    told = Event.objects.filter(message_id=message_id, recipient_id=recipient_id)
    held = Q(type=EventType.HELD, data__because__in=retry.HOLDING)
    return int(told.filter(Q(type=EventType.UNCERTAIN) | held).count())


def _version(version_id: int) -> VersionContent:
    fields = ("subject", "preview_text", "html", "text", "track_opens", "track_clicks", "language")
    version = EmailVersion.objects.only(*fields, "contract").get(pk=version_id)
    values = {name: getattr(version, name) for name in fields}
    return VersionContent(**values, contract=contract.of_version(version))


def _stream(stream_id: int) -> StreamPolicy:
    fields = ("pool_id", "transport", "tls", "uncertain_policy", "fallback_id")
    pool_id, transport, *policies = Stream.objects.values_list(*fields).get(pk=stream_id)
    return StreamPolicy(pool_id, transport or settings.EGRESS, *policies)


def _smarthost(smarthost_id: int) -> Relay | None:
    row = Smarthost.objects.filter(pk=smarthost_id).first()
    if row is None:
        return None
    try:
        secret = row.read_password()
    except Unreadable as err:
        logger.error("smarthost %s: its password cannot be read: %s", row.pk, err)
        return None
    login = Login(row.username, secret) if row.username else None
    return Relay(row.pk, row.host, row.port, TlsPolicy(row.tls), login, row.account_id is None)


def _signing_domain(account_id: int, name: str) -> SigningDomain:
    domain = Domain.objects.of(account_id).filter(name=name).first()
    if domain is None:
        # Accepted, then the domain was removed: it leaves unsigned by it, in the platform's name
        return SigningDomain((), settings.PLATFORM_DOMAIN, settings.PUBLIC_URL)
    base = f"https://{domain.tracking_host}" if domain.tracking_ready else settings.PUBLIC_URL
    return SigningDomain(dkim.signing_keys(account_id, name), domain.return_path_host, base)
