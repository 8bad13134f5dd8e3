"""What deliveries learn of TLS and keep: servers whose STARTTLS fails, and counts for TLS reports.

Known at once in this process; written to the database, and read from other processes, every minute.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import psycopg
from django.conf import settings
from django.db import DataError, connection, transaction
from django.db import Error as DjangoDatabaseError
from django.db.models import F, Q
from django.utils import timezone

from transactional.models import BrokenTls, StsPolicy, TlsCount

logger = logging.getLogger(__name__)

BROKEN_FOR = timedelta(days=1)  # servers are repaired: tried again after that
# A connection that ended or fell silent in the handshake may have done so once: it counts the second time,
# not sooner than that after the first (a server that restarts breaks many at once), nor later
AGAIN_AFTER, AGAIN_WITHIN = 30.0, 1800.0
FORGOTTEN = timedelta(
    days=30
)  # after its end an entry, a policy or a failed fetch says nothing any more
KEEP_EVERY = 60.0  # seconds between two exchanges with the database
MOST_BROKEN = 20_000
NAME = 253  # characters of a host's name that are kept: with escapes DNS can say four times as many
MOST_COUNTS = 50_000  # kinds of outcomes between two exchanges; further ones are not counted


@dataclass(frozen=True, slots=True)
class Counted:
    """Deliveries alike, for the report of a day."""

    day: date
    domain: str
    policy: str
    mx: str
    source: str
    result: str


class TlsMemory:
    """One per engine. Used by its loop alone, but for what runs in its thread."""

    def __init__(self) -> None:
        self._broken: dict[tuple[str, int], tuple[float, str]] = {}
        self._new: dict[tuple[str, int], tuple[str, str]] = {}
        self._mended: set[tuple[str, int]] = set()  # of those that were written
        self._once: dict[tuple[str, int], float] = {}  # ended in a handshake, when
        self._counts: Counter[Counted] = Counter()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tls-memory")
        self._keeper: asyncio.Task[None] | None = None
        self._under_way: asyncio.Task[None] | None = None
        self._loaded: asyncio.Event | None = None

    async def ready(self) -> None:
        """What other processes have learnt is known from here on."""
        if self._keeper is None:
            self._loaded = asyncio.Event()
            self._keeper = asyncio.create_task(self._keep())
        if self._loaded is not None:
            await self._loaded.wait()

    def broken(self, address: str, port: int) -> str:
        """Why this server is spoken to in clear; empty where it is not."""
        until, error = self._broken.get((address, port), (0.0, ""))
        return error if until > time.monotonic() else ""

    def failed(self, host: str, address: str, port: int, error: str, *, certainly: bool) -> None:
        """TLS failed and mail in clear was taken. `certainly`: another try would not change that."""
        now = time.monotonic()
        since = now - self._once.get((address, port), -AGAIN_WITHIN)
        if certainly or AGAIN_AFTER * settings.RETRY_SCALE <= since < AGAIN_WITHIN:
            self._once.pop((address, port), None)
            self.remember(host, address, port, error)
        elif since >= AGAIN_WITHIN:
            if len(self._once) >= MOST_BROKEN:
                self._once.clear()
            self._once[address, port] = now

    def works(self, address: str, port: int) -> None:
        """A connection there is under TLS."""
        if self._once:
            self._once.pop((address, port), None)

    def forget(self, address: str, port: int) -> None:
        """In clear it takes nothing: its TLS is tried again with the next message."""
        if self._broken.pop((address, port), None) is not None:
            self._new.pop((address, port), None)
            self._mended.add((address, port))

    def remember(self, host: str, address: str, port: int, error: str) -> None:
        """Its TLS is broken: mail there goes in clear for a day."""
        if len(self._broken) >= MOST_BROKEN:
            self._broken.clear()
        self._broken[address, port] = (time.monotonic() + BROKEN_FOR.total_seconds(), error[:300])
        self._new[address, port] = (host[:NAME], error[:300])

    def count(self, counted: Counted) -> None:
        """A delivery to a domain that asks for reports."""
        if len(counted.mx) > NAME:
            counted = replace(counted, mx=counted.mx[:NAME])
        if counted in self._counts or len(self._counts) < MOST_COUNTS:
            self._counts[counted] += 1

    async def _keep(self) -> None:
        while True:
            self._under_way = asyncio.create_task(self._exchange())
            try:
                await asyncio.shield(self._under_way)
            finally:  # deliveries wait for the first exchange, never for a second
                if self._loaded is not None:
                    self._loaded.set()
            await asyncio.sleep(KEEP_EVERY)

    async def _exchange(self) -> None:
        loop = asyncio.get_running_loop()
        new, self._new = self._new, {}
        mended, self._mended = self._mended, set()
        counts, self._counts = self._counts, Counter()
        try:
            known = await loop.run_in_executor(self._thread, exchange, new, counts, mended)
            fresh = {key: self._broken[key] for key in self._new if key in self._broken}
            # Also what an operator has removed is known no more
            self._broken = {key: known[key] for key in known.keys() - self._mended} | fresh
        except (DataError, psycopg.DataError) as err:
            # One of them cannot be stored, now or later: it must not stand before what comes
            logger.error("what was learnt of TLS in a minute is lost: %s", err)
        except (DjangoDatabaseError, psycopg.Error) as err:
            logger.warning("what is known of TLS is not written yet: %s", err)
            self._new = new | self._new
            self._mended |= mended
            self._counts.update(counts)

    async def close(self) -> None:
        """Write what is new, and end."""
        if self._keeper is not None:
            self._keeper.cancel()
        if self._under_way is not None:
            # What it writes is out of `_new` already
            await asyncio.wait([self._under_way], timeout=2)
        if self._new or self._counts or self._mended:
            await self._exchange()
        self._thread.shutdown(wait=False)


def exchange(
    new: dict[tuple[str, int], tuple[str, str]],
    counts: Counter[Counted],
    mended: Collection[tuple[str, int]] = (),
) -> dict[tuple[str, int], tuple[float, str]]:
    """In a thread: write what is new; returns the servers that are broken, until when and why."""
    now = timezone.now()
    try:
        for address, port in mended:
            BrokenTls.objects.filter(address=address, port=port).delete()
        with transaction.atomic():  # or a part of it would be counted again with the next try
            _write(new, counts, now)
        moment = time.monotonic()
        rows = BrokenTls.objects.filter(until__gt=now).order_by("-seen_at")[:MOST_BROKEN]
        return {
            (row.address, row.port): (moment + (row.until - now).total_seconds(), row.error)
            for row in rows
        }
    finally:
        connection.close()


def _write(
    new: dict[tuple[str, int], tuple[str, str]], counts: Counter[Counted], now: datetime
) -> None:
    BrokenTls.objects.bulk_create(
        [
            BrokenTls(
                address=address,
                port=port,
                host=host,
                error=error,
                seen_at=now,
                until=now + BROKEN_FOR,
            )
            for (address, port), (host, error) in sorted(new.items())
        ],
        update_conflicts=True,
        unique_fields=["address", "port"],
        update_fields=["host", "error", "seen_at", "until"],
    )
    for counted, number in sorted(counts.items(), key=lambda one: str(one[0])):
        fields = {name: getattr(counted, name) for name in Counted.__slots__}
        row, made = TlsCount.objects.get_or_create(**fields, defaults={"count": number})
        if not made:
            TlsCount.objects.filter(pk=row.pk).update(count=F("count") + number)


def forget(now: datetime) -> int:
    """Remove what ended long ago; how many rows. One name for every message could fill the tables."""
    old = now - FORGOTTEN
    over = Q(expires_at=None) | Q(expires_at__lt=old)
    quiet = Q(failed_at=None) | Q(failed_at__lt=old)
    policies, _ = StsPolicy.objects.filter(over, quiet).delete()
    broken, _ = BrokenTls.objects.filter(until__lt=old).delete()
    return policies + broken
