"""Signs of life of the processes and their chores, in Redis: for operators; nothing depends on them.

Emptied, they come back by themselves within PERIOD, and with each chore's next run.
"""

import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from config import shared

PERIOD = 10.0  # seconds between two signs of a process
QUIET = 5.0  # seconds for which a chore that is done well again and again tells of it no more
FORGOTTEN = 86400.0  # seconds after which a process that is gone is told about no more
_ALIVE, _DONE, _TOOK, _FAILED = "pulse:alive", "pulse:done", "pulse:took", "pulse:failed"


@dataclass(frozen=True, slots=True)
class Chore:
    """A periodic task: when it last came to its end well and what it took, in seconds; failures."""

    name: str
    done_at: float
    seconds: float
    failures: int


def start(name: str, *, alive: Callable[[], bool] = lambda: True) -> None:
    """Have this process give its sign every PERIOD seconds, while `alive` says that it works."""

    def beat() -> None:
        while True:
            if alive():
                sign(name)
            # Not time.sleep: below a clock that is set (libfaketime), it may raise, and end the thread
            select.select([], [], [], PERIOD)

    threading.Thread(target=beat, name="pulse", daemon=True).start()


def sign(name: str) -> None:
    """One sign of this process."""
    own = f"{name}@{socket.gethostname()}"
    shared.ask(lambda redis: redis.hset(_ALIVE, own, time.time()), otherwise=None)


_told: dict[str, float] = {}  # by this process: task → when


def ran(task: str, *, seconds: float, well: bool) -> None:
    """A chore has come to its end."""
    now = time.monotonic()
    if well and now - _told.get(task, -QUIET) < QUIET:
        return
    _told[task] = now

    def tell(redis: Any) -> None:
        if not well:
            redis.hincrby(_FAILED, task, 1)
            return
        redis.hset(_DONE, task, time.time())
        redis.hset(_TOOK, task, seconds)

    shared.ask(tell, otherwise=None)


def forget() -> None:
    """Tell of each chore's next run: for tests, and a Redis that was emptied."""
    _told.clear()


def alive() -> dict[str, float]:
    """Every process that gave a sign within a day, and the seconds since its last."""
    now = time.time()
    found: dict[str, str] = shared.ask(lambda redis: redis.hgetall(_ALIVE), otherwise={})
    gone = [name for name, at in found.items() if now - float(at) > FORGOTTEN]
    if gone:
        shared.ask(lambda redis: redis.hdel(_ALIVE, *gone), otherwise=None)
    return {name: now - float(at) for name, at in found.items() if name not in gone}


def chores() -> list[Chore]:
    """Every chore that has run since Redis was emptied last."""
    nothing: tuple[dict[str, str], ...] = ({}, {}, {})
    done, took, failed = shared.ask(
        lambda redis: (redis.hgetall(_DONE), redis.hgetall(_TOOK), redis.hgetall(_FAILED)),
        otherwise=nothing,
    )
    return [
        Chore(name, float(done.get(name, 0)), float(took.get(name, 0)), int(failed.get(name, 0)))
        for name in sorted({*done, *failed})
    ]


def redis_answers() -> bool:
    """Whether Redis answers now."""
    return bool(shared.ask(lambda redis: redis.ping(), otherwise=False))
