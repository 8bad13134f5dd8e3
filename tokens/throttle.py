"""Counts failed authentications of keys and SMTP tokens, so that a guesser has to wait longer
and longer: in this process, and in Redis for the others while it answers.

A success costs no look-up outside this process. A failure is told to Redis, whose answer is the
count of all processes; so a guesser who changes process gains one try each.
"""

import hashlib
import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import redis
from django.conf import settings

QUARTER = 15 * 60
# (failures that are free, seconds they are remembered): of one name from one host; of one host,
# whatever the names; of one name, wherever from
PAIR, HOST, NAME = (10, QUARTER), (50, QUARTER), (50, QUARTER)
SUSPECT = 10  # failures of one name, wherever from: answers come later, and its owner is told
FIRST_WAIT, LONGEST_WAIT = 5.0, 900.0  # seconds; the wait doubles with each further failure
KEPT = 20_000  # windows kept in process memory; the oldest go first
PATIENCE = 0.05  # seconds a failure waits for Redis
RETRY = 5.0  # seconds for which a Redis that did not answer is left alone

_clock = time.monotonic
_lock = threading.Lock()
_windows: OrderedDict[str, tuple[int, float, float]] = OrderedDict()  # count, ends, wait until
_welcome: OrderedDict[str, float] = OrderedDict()  # pairs that have succeeded, until when
_client: redis.Redis | None = None
_redis_from = 0.0


@lru_cache(maxsize=2048)  # the same few with every call
def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:24]


@lru_cache(maxsize=2048)
def _network(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"
    if address.version == 4:
        return str(address)
    # Whoever has one IPv6 address has its whole /64
    return str(ipaddress.ip_network((address, 64), strict=False))


def _keys(name: str, host: str) -> Iterator[tuple[str, int, int]]:
    """Key, free failures and seconds of the pair's, the host's and the name's window."""
    who, network = _digest(name.strip().lower()), _network(host)
    yield (f"auth:pair:{who}:{network}", *PAIR)
    yield (f"auth:host:{network}", *HOST)
    yield (f"auth:name:{who}", *NAME)


def blocked(*, name: str, host: str) -> bool:
    """Whether authentications as `name` from `host` must wait.

    A pair that has succeeded lately is held back by its own failures alone: those of others
    behind the same address, or of strangers trying its name, do not lock it out.
    """
    if not _windows:
        return False
    now = _clock()
    pair, *others = (key for key, _, _ in _keys(name, host))
    judged = [pair] if _welcome.get(pair, 0.0) > now else [pair, *others]
    return any(_windows[key][2] > now for key in judged if key in _windows)


@dataclass(frozen=True, slots=True)
class Failure:
    """What one more failure means. `of_name` counts those of the name, wherever from."""

    of_name: int
    suspicious: bool  # it is the one that made the name suspect

    @property
    def slow(self) -> int:
        """How many times the usual delay the answer should have: 1, then up to 8."""
        return min(8, 1 << max(0, self.of_name - 1) // SUSPECT)


def failed(*, name: str, host: str) -> Failure:
    """Count one failure. Waits for Redis PATIENCE seconds at most; never raises."""
    keys = list(_keys(name, host))
    shared = _count_shared(keys)
    now = _clock()
    with _lock:
        for (key, free, seconds), elsewhere in zip(keys, shared, strict=True):
            count, ends, until = _windows.pop(key, (0, 0.0, 0.0))
            if ends <= now:
                count, ends, until = 0, now + seconds, 0.0
            before, count = count, max(count + 1, elsewhere)
            if count >= free:
                wait = min(FIRST_WAIT * 2 ** min(count - free, 20), LONGEST_WAIT)
                until, ends = now + wait, max(ends, now + wait + seconds)
            _windows[key] = (count, ends, until)
        while len(_windows) > KEPT:
            _windows.popitem(last=False)
    # The last of the keys is the name's
    return Failure(count, before < SUSPECT <= count)


def succeeded(*, name: str, host: str) -> None:
    """Forget the pair's own mistakes; the host's and the name's windows stay."""
    now = _clock()
    pair = next(_keys(name, host))[0]
    with _lock:
        _welcome[pair] = now + QUARTER
        _welcome.move_to_end(pair)
        while len(_welcome) > KEPT:
            _welcome.popitem(last=False)
        had_failed = _windows.pop(pair, None) is not None
    if had_failed:
        _forget_shared(pair)


def forget() -> None:
    """Start afresh, in this process and in Redis: for tests, and after an operator's change."""
    with _lock:
        keys = list(_windows)
        _windows.clear()
        _welcome.clear()
    for key in keys:
        _forget_shared(key)


def _redis() -> redis.Redis | None:
    """The client; None while Redis is being left alone."""
    global _client
    if _clock() < _redis_from:
        return None
    if _client is None:
        _client = redis.Redis.from_url(
            settings.REDIS_URL or settings.CELERY_BROKER_URL,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
        )
    return _client


def _leave_alone() -> None:
    global _redis_from
    _redis_from = _clock() + RETRY


def _count_shared(keys: list[tuple[str, int, int]]) -> list[int]:
    """The counts of all processes, this failure included; zeros while Redis does not answer."""
    client = _redis()
    if client is None:
        return [0] * len(keys)
    try:
        pipe = client.pipeline(transaction=False)
        for key, _, seconds in keys:
            pipe.incr(key)
            pipe.expire(key, seconds)
        return [int(count) for count in pipe.execute()[::2]]
    except (redis.RedisError, OSError):
        _leave_alone()
        return [0] * len(keys)


def count_shared(key: str, seconds: int) -> int:
    """Count one in Redis; how many that makes, 0 while Redis does not answer."""
    return _count_shared([(key, 0, seconds)])[0]


def _forget_shared(key: str) -> None:
    client = _redis()
    if client is None:
        return
    try:
        client.delete(key)
    except (redis.RedisError, OSError):
        _leave_alone()
