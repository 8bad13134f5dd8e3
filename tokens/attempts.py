"""Counts failed sign-ins, so that passwords cannot be guessed: in Redis, which all web processes
share, or in this process while Redis does not answer.
"""

import hashlib
import ipaddress
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import redis
from django.conf import settings

QUARTER, HOUR = 15 * 60, 60 * 60
# One person mistyping; one host trying many names; many hosts trying one name
PAIR_LIMIT, HOST_LIMIT, NAME_LIMIT = (10, QUARTER), (50, QUARTER), (200, HOUR)
KEPT = 10_000  # keys kept in process memory; stops a guesser from filling it
TIMEOUT = 0.5  # seconds a sign-in waits for Redis


@dataclass(slots=True)
class _InProcess:
    """Windows that start with the first failure, as the ones in Redis do."""

    clock: Callable[[], float] = time.monotonic
    counts: dict[str, tuple[int, float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: str) -> int:
        count, ends = self.counts.get(key, (0, 0.0))
        return count if ends > self.clock() else 0

    def add(self, key: str, seconds: int) -> None:
        with self.lock:
            if len(self.counts) >= KEPT:
                self.counts.clear()
            count, ends = self.counts.get(key, (0, 0.0))
            now = self.clock()
            self.counts[key] = (count + 1, ends) if ends > now else (1, now + seconds)

    def forget(self, key: str) -> None:
        self.counts.pop(key, None)


_here = _InProcess()
_client: redis.Redis | None = None


def _redis() -> redis.Redis:
    global _client
    if _client is None:
        _client = redis.Redis.from_url(
            settings.REDIS_URL or settings.CELERY_BROKER_URL,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
        )
    return _client


def _keys(name: str, host: str) -> Iterator[tuple[str, int, int]]:
    """Key, limit and seconds of every window a failure counts in. Names are kept as a hash."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        network = "unknown"
    else:
        # Whoever has one IPv6 address has its whole /64
        bits = 64 if address.version == 6 else 32
        network = str(ipaddress.ip_network((address, bits), strict=False))
    who = hashlib.sha256(name.strip().lower().encode(errors="replace")).hexdigest()[:32]
    yield (f"signin:pair:{who}:{network}", *PAIR_LIMIT)
    yield (f"signin:host:{network}", *HOST_LIMIT)
    yield (f"signin:name:{who}", *NAME_LIMIT)


def _count(key: str) -> int:
    try:
        found = _redis().get(key)
        return max(int(found or 0), _here.get(key))
    except (redis.RedisError, OSError):
        return _here.get(key)


def blocked(*, name: str, host: str) -> bool:
    """Whether sign-ins as `name` from `host` must wait."""
    return any(_count(key) >= limit for key, limit, _ in _keys(name, host))


def failed(*, name: str, host: str) -> None:
    """Count one failure."""
    for key, _, seconds in _keys(name, host):
        try:
            pipe = _redis().pipeline()
            pipe.set(key, 0, ex=seconds, nx=True)
            pipe.incr(key)
            pipe.execute()
        except (redis.RedisError, OSError):
            _here.add(key, seconds)


def succeeded(*, name: str, host: str) -> None:
    """Forget this person's own mistakes; the host's and the name's windows stay."""
    key = next(_keys(name, host))[0]
    _here.forget(key)
    try:
        _redis().delete(key)
    except (redis.RedisError, OSError):
        return
