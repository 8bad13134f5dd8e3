"""The only place that knows a domain's MTA-STS policy (RFC 8461), and whether it asks for TLS reports:
asked, fetched, remembered.

A policy that was fetched holds until it expires, so nobody gets rid of it by silencing DNS or the web
server for a while; its time is the database's, so that no machine's clock makes an end of it. Mail waits for a fetch where nothing is known of the domain at all: in its place for
SOON seconds, in the queue for FIRST; everything else goes on behind it.
"""

import asyncio
import logging
import math
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import Error
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from domains import dns
from transactional import clock
from transactional.egress.lookups import Lookups
from transactional.egress.places import NOBODY, Owner, Places
from transactional.egress.sts_fetches import Fetches, Found
from transactional.models import StsPolicy
from transactional.wire.mta_sts import Policy, policy_id

logger = logging.getLogger(__name__)

FIRST = 5.0  # seconds that mail waits for the policy of a domain that it meets first
SOON = 0.25  # of these in its place, where the mail of others could be
PAUSE = 0.5  # at least, before it is asked again by mail that went back to the queue
FRESH = 60.0  # seconds that what is known of a domain is not looked at again
STALE = 600.0  # seconds more that it serves while it is looked at again
KEPT = 20_000  # domains
RETRY = 300.0  # seconds after a fetch that failed
QUESTIONS = 64  # domains whose records are asked for at once,
OF_ONE = 24  # of one owner's mail,
LEAST = 4  # and so many, however many ask
IN_LINE = 200  # of one owner's that wait for their turn; the others' mail comes back later
UNKNOWN = "The policy is not fetched yet."
CROWDED = "Too many policies are being fetched."


@dataclass(frozen=True, slots=True)
class Sts:
    """A domain's policy, if it has one that holds; `error`: there should be one, and it is not to be
    had.
    """

    policy: Policy | None = None
    error: str = ""


NOTHING = Sts()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a domain asks of those who send to it. `reported`: to be told how TLS went."""

    sts: Sts = NOTHING
    reported: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    """What is stored of a domain. Times are seconds as of the reading, by the database's clock."""

    policy_id: str
    policy: Policy
    error: str
    left: float | None  # until the policy's end
    age: float | None  # since it was fetched
    failed: float | None  # since the last fetch, which failed


@dataclass(frozen=True, slots=True)
class _Kept:
    asked: Asked
    fresh: float  # until then, as time.monotonic() goes
    ends: float  # the policy's end


class StsPolicies:
    """What one engine knows of policies."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._fetches = Fetches()
        self._kept: dict[str, _Kept] = {}
        self._looks: dict[str, tuple[float, asyncio.Task[Asked]]] = {}
        self._wanted: dict[str, asyncio.Future[_Row | None]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._learning: dict[str, asyncio.Task[Found | None]] = {}
        self._places = Places(QUESTIONS, each=OF_ONE, least=LEAST)

    def known(self, domain: str) -> Asked | None:
        """What is known of a domain, without waiting; it is looked at again where that is due."""
        kept = self._kept.get(domain)
        if kept is None:
            return None
        now = time.monotonic()
        if now < kept.fresh:
            return kept.asked
        if now >= min(kept.fresh + STALE, kept.ends):
            return None
        self._look(domain, urgent=False)
        return kept.asked

    async def of(self, domain: str) -> Asked:
        """What a domain asks now. Raises django.db.Error."""
        known = self.known(domain)
        if known is not None:
            return known
        return await asyncio.shield(self._look(domain, urgent=False)[1])

    async def soon(self, domain: str, owner: Owner, *, urgent: bool) -> float:
        """Ask, and wait a little; 0 where it is known now, else in how many seconds to ask again.
        Raises django.db.Error.
        """
        if urgent:
            self._fetches.hurry(domain)
        if domain not in self._looks and self._places.waiting(owner) >= IN_LINE:
            return FIRST  # name servers that do not answer hold up what its own mail asks
        since, look = self._look(domain, owner, urgent=urgent)
        waited = time.monotonic() - since
        if waited < SOON:
            await asyncio.wait([look], timeout=SOON - waited)
        if look.done():
            look.result()
            return 0.0
        if self._places.waiting(owner):
            return FIRST
        return max(PAUSE, FIRST - waited) if waited >= SOON else PAUSE

    def _look(
        self, domain: str, owner: Owner = NOBODY, *, urgent: bool
    ) -> tuple[float, asyncio.Task[Asked]]:
        """All mail for a domain shares one look; when it began, as time.monotonic() goes."""
        look = self._looks.get(domain)
        if look is None:
            task = asyncio.create_task(self._ask(domain, owner, urgent=urgent))
            look = self._looks[domain] = time.monotonic(), task
            task.add_done_callback(lambda done: self._looked(domain, done))
        return look

    def _looked(self, domain: str, look: asyncio.Task[Asked]) -> None:
        self._looks.pop(domain, None)
        if not look.cancelled() and (error := look.exception()) is not None:
            logger.warning("what %s asks of senders is not known now: %s", domain, error)

    async def _ask(self, domain: str, owner: Owner, *, urgent: bool) -> Asked:
        await self._places.acquire(owner)
        try:
            policies, reports, row = await asyncio.gather(
                dns.kept_txt(f"_mta-sts.{domain}"), dns.kept_txt(f"_smtp._tls.{domain}"),
                self._row(domain),
            )  # fmt: skip
        finally:
            self._places.release(owner)
        reported = any(text.startswith("v=TLSRPTv1") for text in reports.records)
        wanted = policy_id(policies.records) if policies.status == dns.OK else ""
        sts, ends = _stored(row)
        if wanted and _is_due(row, wanted):
            fetch = self._fetch(domain, wanted, urgent=urgent)
            if sts.policy is None:
                failed = row is not None and row.failed is not None
                if not failed and not self._fetches.is_silent(domain):
                    await asyncio.wait([fetch], timeout=FIRST)
                if fetch.done():
                    sts, ends = _new(fetch.result())
                else:
                    sts = Sts(error=(row.error if row is not None else "") or UNKNOWN)
        elif wanted and row is not None:
            sts = replace(sts, error=row.error)
        return self._keep(domain, Asked(sts, reported), ends)

    def _keep(self, domain: str, asked: Asked, ends: float) -> Asked:
        if len(self._kept) >= KEPT:
            self._kept.clear()
        self._kept[domain] = _Kept(asked, time.monotonic() + FRESH, ends)
        return asked

    # -- fetching

    def _fetch(self, domain: str, wanted: str, *, urgent: bool) -> asyncio.Task[Found | None]:
        """Fetch a policy and write it down; None: it is not its turn for long."""
        fetch = self._fetches.start(domain, urgent=urgent)
        task = self._learning.get(domain)
        if task is None:
            task = self._learning[domain] = asyncio.create_task(self._learn(domain, wanted, fetch))
            task.add_done_callback(lambda _: self._learning.pop(domain, None))
        return task

    async def _learn(
        self, domain: str, wanted: str, fetch: asyncio.Future[Found | None]
    ) -> Found | None:
        """Take over what came of a fetch, for all engines and for this one."""
        found = await fetch
        if found is None:
            return None
        try:
            await self._lookups.do(partial(_write, domain, wanted, found))
        except Error as err:
            logger.warning("the MTA-STS policy of %s is not written down: %s", domain, err)
        kept = self._kept.get(domain)
        if kept is not None:
            sts, ends = replace(kept.asked.sts, error=found.error), kept.ends
            if found.policy is not None:
                sts, ends = _new(found)
            self._keep(domain, replace(kept.asked, sts=sts), ends)
        return found

    # -- rows

    async def _row(self, domain: str) -> _Row | None:
        """What is stored of a domain; all that are asked for meanwhile are one query."""
        wanted = self._wanted.get(domain)
        if wanted is None:
            wanted = self._wanted[domain] = asyncio.get_running_loop().create_future()
        if self._reader is None:
            self._reader = asyncio.create_task(self._read())
        return await asyncio.shield(wanted)

    async def _read(self) -> None:
        try:
            while self._wanted:
                wanted, self._wanted = self._wanted, {}
                names = list(wanted)
                try:
                    rows = await self._lookups.do(partial(_rows, names))
                except (Error, OSError, RuntimeError) as err:  # whoever waits must hear of it
                    for future in wanted.values():
                        future.set_exception(err)
                else:
                    for name, future in wanted.items():
                        future.set_result(rows.get(name))
        finally:
            self._reader = None


def _rows(names: list[str]) -> dict[str, _Row]:
    """What is stored of these. Where a policy's time seems over, the clock is looked at first: if it was
    set forward, its end moves along, and nobody's mail goes in clear for it.
    """
    found = _read(names)
    if any(row.left is not None and row.left <= 0 for row in found.values()):
        clock.settle()
        found = _read(names)
    return found


def _since(earlier: Now | F, later: Now | F) -> ExpressionWrapper[Any]:
    return ExpressionWrapper(later - earlier, output_field=DurationField())


def _read(names: list[str]) -> dict[str, _Row]:
    rows = StsPolicy.objects.filter(domain__in=names).annotate(
        left=_since(Now(), F("expires_at")),
        age=_since(F("fetched_at"), Now()),
        failed=_since(F("failed_at"), Now()),
    )
    return {
        row.domain: _Row(
            row.policy_id, Policy(row.mode, tuple(row.mx), row.max_age), row.error,
            _seconds(row.left), _seconds(row.age), _seconds(row.failed),
        )
        for row in rows
    }  # fmt: skip


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _is_due(row: _Row | None, wanted: str) -> bool:
    """Whether the policy that DNS names is to be fetched: another one, or half of its time is over."""
    if row is None:
        return True
    if row.failed is not None and 0 <= row.failed < RETRY:
        return False
    if row.policy_id != wanted or row.age is None:
        return True
    return not 0 <= row.age < row.policy.max_age / 2


def _stored(row: _Row | None) -> tuple[Sts, float]:
    """The policy of a row, and when it ends as time.monotonic() goes."""
    if row is None or row.left is None or row.left <= 0:
        return NOTHING, math.inf
    return Sts(row.policy), time.monotonic() + row.left


def _new(found: Found | None) -> tuple[Sts, float]:
    """The same of what was just fetched."""
    if found is None:
        return Sts(error=CROWDED), math.inf
    if found.policy is None:
        return Sts(error=found.error), math.inf
    return Sts(found.policy), time.monotonic() + found.policy.max_age


def _write(domain: str, wanted: str, found: Found) -> None:
    now = Now()
    if found.policy is None:
        failed = {"failed_at": now, "error": found.error}
        StsPolicy.objects.update_or_create(domain=domain, defaults=failed)
        return
    StsPolicy.objects.update_or_create(
        domain=domain,
        defaults={
            "policy_id": wanted,
            "mode": found.policy.mode,
            "mx": list(found.policy.mx),
            "max_age": found.policy.max_age,
            "fetched_at": now,
            "expires_at": now + timedelta(seconds=found.policy.max_age),
            "failed_at": None,
            "error": "",
        },
    )
