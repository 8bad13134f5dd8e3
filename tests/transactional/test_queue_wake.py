"""Wake-ups: sent at once after a pause, seldom while they keep coming, and never in the way."""

import time
from collections.abc import Callable

import pytest
import redis
from celery import current_app
from django.conf import settings

from transactional.models import Lane
from transactional.queue import Waker, wake


def waiting(broker: redis.Redis) -> int:
    """Tasks in the queue that nobody serves here."""
    return int(broker.llen("egress"))


def until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_steady_flow_of_wake_ups_becomes_few_tasks_and_a_lone_one_goes_at_once() -> None:
    broker = redis.Redis.from_url(settings.REDIS_URL)
    broker.delete("egress")
    assert current_app.conf.broker_url == settings.REDIS_URL
    waker = Waker()
    waker.wake([Lane.NORMAL])
    until(lambda: waiting(broker) == 1)  # the connection to the broker is made
    began = time.monotonic()
    for _ in range(40):
        waker.wake([Lane.NORMAL])
        time.sleep(0.03)
    until(lambda: waiting(broker) > 1)
    flowing = time.monotonic() - began
    # At 0, 0.1, 0.3, 0.7 s and then at every LONGEST_PAUSE
    assert waiting(broker) <= 6 + flowing / Waker.LONGEST_PAUSE
    until(lambda: not waker._pending)
    time.sleep(2 * Waker.LONGEST_PAUSE)
    before = waiting(broker)
    waker.wake([Lane.NORMAL])
    until(lambda: waiting(broker) > before)
    assert waiting(broker) == before + 1
    assert waker.failures == 0
    broker.delete("egress")


def test_a_flow_of_bulk_mail_does_not_hold_up_the_wake_up_of_a_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[str, float]] = []
    monkeypatch.setattr(
        current_app, "send_task", lambda name, **_: sent.append((name, time.monotonic()))
    )
    over = time.monotonic() + 1.5
    while time.monotonic() < over:
        wake([Lane.BULK])
        time.sleep(0.02)
    asked = time.monotonic()
    wake([Lane.BULK, Lane.URGENT])
    until(lambda: any(name.endswith("urgent") for name, _ in sent))
    urgent = [at for name, at in sent if name.endswith("urgent")]
    after = [at for name, at in sent if not name.endswith("urgent") and at >= asked]
    assert not after or urgent[0] <= after[0]
