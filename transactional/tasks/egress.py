"""The delivery workers: a process that serves an egress queue hosts one engine for its life.

The tasks only wake the engine; a lost one costs a second, a doubled one nothing.
"""

import logging
import os
import signal
import threading
from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings

from config import collector
from transactional.egress.engine import Engine
from transactional.egress.part import seat
from transactional.models import Lane

logger = logging.getLogger(__name__)

# Each queue also exists per machine, as `egress@<WORKER_HOST>`: so a wake-up reaches every one.
# The urgent worker does nothing else; the workers of everyday mail help where urgent mail waits
LANES_OF = {
    "egress.urgent": (Lane.URGENT,),
    "egress": (Lane.URGENT, Lane.NORMAL, Lane.BULK),
}

LAST_WORDS = 15.0  # seconds in which Celery may end in order

_engine: Engine | None = None
_lock = threading.Lock()


@worker_ready.connect
def start_engine(sender: Any = None, **_: Any) -> None:
    """Start the engine where the worker serves an egress queue. `EGRESS` unset is an error."""
    names = [queue.name for queue in sender.task_consumer.queues] if sender else []
    queues = {name.partition("@")[0] for name in names}
    served = [name for name in LANES_OF if name in queues]
    if not served:
        return
    if not settings.EGRESS:
        # Not an Exception: Celery would log one and go on without delivering anything
        raise SystemExit("EGRESS is not set: choose mx, sandbox or relay://host:port")
    lanes = sorted({lane for name in served for lane in LANES_OF[name]})
    global _engine
    with _lock:
        if _engine is None:
            helps = "egress.urgent" not in queues
            _engine = Engine(
                lanes,
                sessions=settings.EGRESS_SESSIONS,
                helps=helps,
                seat=seat(str(sender.hostname)),
                broken=_end_process,
            )
            collector.settle()
            _engine.start()


def _end_process() -> None:
    """Its engine is dead: a worker that goes on would look well and deliver nothing. Whoever started
    the process starts it again; what was leased is found by the sweeper.
    """
    logger.critical("the egress engine has ended, so does this process")
    os.kill(os.getpid(), signal.SIGTERM)
    last = threading.Timer(LAST_WORDS, os._exit, (os.EX_SOFTWARE,))
    last.daemon = True
    last.start()


@worker_shutting_down.connect
def stop_engine(**_: Any) -> None:
    """Finish what is under way; the rest goes back to the queue."""
    if _engine is not None:
        threading.Thread(target=_engine.stop, name="egress-stop").start()


@worker_shutdown.connect
def await_engine(**_: Any) -> None:
    """The process ends only after the engine has written what it knows."""
    if _engine is not None:
        _engine.stop()


def _wake() -> None:
    if _engine is not None:
        _engine.wake()


@shared_task(name="transactional.drain")
def drain() -> None:
    """Look at the queue now: everyday mail."""
    _wake()


@shared_task(name="transactional.drain_urgent")
def drain_urgent() -> None:
    """Look at the queue now: codes and resets."""
    _wake()
