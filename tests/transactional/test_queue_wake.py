"""Wake-ups: sent at once after a pause, seldom while they keep coming, and never in the way."""

import time

import redis
from celery import current_app
from django.conf import settings

from transactional.models import Lane
from transactional.queue import Waker


def waiting(broker: redis.Redis) -> int:
    """Tasks in the queue that nobody serves here."""
    return int(broker.llen("egress"))


def test_a_steady_flow_of_wake_ups_becomes_few_tasks_and_a_lone_one_goes_at_once() -> None:
    broker = redis.Redis.from_url(settings.REDIS_URL)
    broker.delete("egress")
    assert current_app.conf.broker_url == settings.REDIS_URL
    waker = Waker()
    began = time.monotonic()
    for _ in range(40):
        waker.wake([Lane.NORMAL])
        time.sleep(0.03)
    flowing = time.monotonic() - began
    # At 0, 0.1, 0.3, 0.7 s and then at every LONGEST_PAUSE
    assert 1 <= waiting(broker) <= 5 + flowing / Waker.LONGEST_PAUSE
    time.sleep(2 * Waker.LONGEST_PAUSE)
    before = waiting(broker)
    waker.wake([Lane.NORMAL])
    deadline = time.monotonic() + 10
    while waiting(broker) == before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert waiting(broker) == before + 1
    assert waker.failures == 0
    broker.delete("egress")
