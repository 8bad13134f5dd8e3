"""The only place that says whose MTA-STS policy is fetched when: a bounded number at once, few of them
from one organisation, urgent mail's before all others'.

Each runs in a thread of its own, which a silent web server holds for `fetch.SECONDS`.
"""

import asyncio
import ipaddress
import logging
import time
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from threading import Thread

from django.conf import settings

from config import fetch
from domains import dns
from domains.names import organisational
from transactional.wire.mta_sts import Policy, PolicyError, read_policy

logger = logging.getLogger(__name__)

AT_ONCE = 24  # fetches under way
SPARE = 8  # of these for urgent mail alone
OF_ONE = 2  # of one organisation's domains: it may have a name for every message
WAITING = 1000  # domains that wait for their fetch, and
WAITING_OF_ONE = 20  # of one organisation's: beyond these there is none for now
SILENT = 3  # failures in a row, after which an organisation's further domains are not waited for,
SILENT_FOR = 300.0  # for so many seconds
KEPT = 5000  # organisations whose failures are remembered
PATH = "/.well-known/mta-sts.txt"

_organisation = lru_cache(maxsize=4096)(organisational)


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a fetch: a policy, or why there is none."""

    policy: Policy | None = None
    error: str = ""


@dataclass(slots=True)
class _Fetch:
    """A domain's fetch, under way or waiting for its turn."""

    organisation: str
    result: asyncio.Future[Found | None]
    urgent: bool
    began: bool = False


class Fetches:
    """Used by one loop; one per engine."""

    def __init__(self) -> None:
        self._fetches: dict[str, _Fetch] = {}
        self._running: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._failures: dict[str, tuple[int, float]] = {}

    def start(self, domain: str, *, urgent: bool) -> asyncio.Future[Found | None]:
        """What comes of a domain's fetch, which all who ask share; None: too many wait already."""
        known = self._fetches.get(domain)
        if known is not None:
            known.urgent = known.urgent or urgent
            self._go()
            return known.result
        result: asyncio.Future[Found | None] = asyncio.get_running_loop().create_future()
        organisation = _organisation(domain)
        full = self._waiting.total() >= WAITING
        if full or self._waiting[organisation] >= WAITING_OF_ONE:
            result.set_result(None)
            return result
        self._fetches[domain] = _Fetch(organisation, result, urgent)
        self._waiting[organisation] += 1
        self._go()
        return result

    def hurry(self, domain: str) -> None:
        """Urgent mail waits for it now."""
        if domain in self._fetches:
            self.start(domain, urgent=True)

    def is_silent(self, domain: str) -> bool:
        """Whether fetches from its organisation have failed again and again lately."""
        failures, until = self._failures.get(_organisation(domain), (0, 0.0))
        return failures >= SILENT and time.monotonic() < until

    def _go(self) -> None:
        while self._running.total() < AT_ONCE:
            domain = self._next()
            if domain is None:
                return
            one = self._fetches[domain]
            one.began = True
            _less(self._waiting, one.organisation)
            self._running[one.organisation] += 1
            loop = asyncio.get_running_loop()
            # Not a pool's: at the end of the process nobody waits for a silent web server
            Thread(target=self._run, args=(loop, domain), name="mta-sts", daemon=True).start()

    def _next(self) -> str | None:
        """The domain whose turn it is: urgent mail's first, then the longest waiting."""
        room = AT_ONCE - SPARE - self._running.total() > 0
        found = None
        for domain, one in self._fetches.items():
            if one.began or self._running[one.organisation] >= OF_ONE:
                continue
            if one.urgent:
                return domain
            if found is None and room:
                found = domain
        return found

    def _run(self, loop: asyncio.AbstractEventLoop, domain: str) -> None:
        found = _fetched(domain)
        try:
            loop.call_soon_threadsafe(self._done, domain, found)
        except RuntimeError:
            return  # the engine has ended meanwhile

    def _done(self, domain: str, found: Found) -> None:
        one = self._fetches.pop(domain)
        _less(self._running, one.organisation)
        self._note(one.organisation, failed=found.policy is None)
        if not one.result.done():
            one.result.set_result(found)
        self._go()

    def _note(self, organisation: str, *, failed: bool) -> None:
        if not failed:
            self._failures.pop(organisation, None)
            return
        if len(self._failures) >= KEPT:
            self._failures.clear()
        failures, _ = self._failures.get(organisation, (0, 0.0))
        self._failures[organisation] = (failures + 1, time.monotonic() + SILENT_FOR)


def _less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]


def _fetched(domain: str) -> Found:
    """In a thread. Never raises: whoever waits for it would do so for ever."""
    try:
        return Found(_fetch(domain))
    except (fetch.FetchRefused, fetch.FetchFailed, PolicyError) as err:
        return Found(error=str(err)[:300])
    except Exception as err:  # what nobody foresaw is a failed fetch as well
        logger.exception("the MTA-STS policy of %s cannot be fetched", domain)
        return Found(error=f"The fetch failed: {type(err).__name__}"[:300])


def _fetch(domain: str) -> Policy:
    """Over HTTPS with a valid certificate of mta-sts.<domain>, without redirects (RFC 8461 §3.3)."""
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
