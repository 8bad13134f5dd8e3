"""Wake-ups that hasten a claim: many calls, one task; a lost one costs a second."""

import logging
import threading
from collections.abc import Sequence

from celery import current_app
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from domains import hosts
from transactional.models import Lane

logger = logging.getLogger(__name__)


class Waker:
    """Sends wake-ups from one background thread: many calls, one task; never blocks or raises.

    A lost wake-up costs a second, since idle workers look at the table themselves; while mail
    flows they look so often that a wake-up tells them little, and each costs a task.
    """

    PAUSE = 0.1  # seconds in which further wake-ups are one
    LONGEST_PAUSE = 0.8  # the same while they keep coming; a worker that had mail looks longer
    BROKEN_PAUSE = 1.0  # seconds before a broker that failed is tried again

    def __init__(self, *, longest: float = LONGEST_PAUSE) -> None:
        """`longest`: seconds between two wake-ups while they keep coming."""
        self._longest = longest
        self._pending: set[str] = set()
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self.failures = 0

    def wake(self, lanes: Sequence[int]) -> None:
        """Ask the workers of these lanes to look at the table now."""
        names = {
            "transactional.drain_urgent" if lane == Lane.URGENT else "transactional.drain"
            for lane in lanes
        }
        with self._condition:
            self._pending |= names
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
                self._thread.start()
            self._condition.notify()

    def _run(self) -> None:
        pause = self.PAUSE
        while True:
            with self._condition:
                flowing = bool(self._pending)
                while not self._pending:
                    self._condition.wait()
                names, self._pending = self._pending, set()
            pause = min(2 * pause, self._longest) if flowing else self.PAUSE
            for name, queue in _addressed(names):
                try:
                    current_app.send_task(name, retry=False, expires=5, queue=queue)
                except (KombuError, RedisError, OSError) as err:
                    self.failures += 1
                    pause = self.BROKEN_PAUSE
                    logger.warning("wake-up not sent: %s", err)
            threading.Event().wait(pause)


_QUEUES = {"transactional.drain": "egress", "transactional.drain_urgent": "egress.urgent"}


def _addressed(names: set[str]) -> list[tuple[str, str | None]]:
    """Each wake-up with the queue of every machine that delivers; where it is one, with none."""
    machines = hosts.waking()
    if len(machines) < 2:
        return [(name, None) for name in names]
    return [(name, f"{_QUEUES[name]}@{machine}") for name in names for machine in machines]


URGENT_PAUSE = 0.2  # seconds: a flow of bulk mail must not make a one-time code wait for its turn
_waker = Waker()
_urgent = Waker(longest=URGENT_PAUSE)


def wake(lanes: Sequence[int]) -> None:
    """Coalesced wake-up of the delivery workers; call it after the commit."""
    if Lane.URGENT in lanes:
        _urgent.wake([Lane.URGENT])
    if rest := [lane for lane in lanes if lane != Lane.URGENT]:
        _waker.wake(rest)
