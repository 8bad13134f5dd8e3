"""Beat as `up` starts it: what is due is sent, as often as it is due, by one process and the next."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import redis
from django.conf import settings

from config.celery import app
from config.every import Every
from tests.config.test_every import Beat

QUEUES = ("default", "engagement")
BROADCAST, FOLD = "transactional.broadcast", "analytics.fold"  # due each second, and each other one


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    found = redis.Redis.from_url(settings.REDIS_URL)
    found.delete(*QUEUES)
    yield found
    found.delete(*QUEUES)


@contextmanager
def beating(file: Path) -> Iterator[None]:
    """A beat, until the end of the block; then it is told to stop, and does."""
    command = [sys.executable, "manage.py", "beat", "-s", str(file)]
    process = subprocess.Popen(command, env=os.environ | {"REDIS_URL": settings.REDIS_URL})
    try:
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def sent(broker: redis.Redis, queue: str = "default") -> list[tuple[str, datetime]]:
    """What waits in a queue, in the order it was sent: the task, and until when it is of use."""
    heads = [json.loads(one)["headers"] for one in reversed(broker.lrange(queue, 0, -1))]
    return [(one["task"], datetime.fromisoformat(one["expires"])) for one in heads]


def until(broker: redis.Redis, task: str, times: int) -> list[tuple[str, datetime]]:
    """What has been sent when this was so often: up to that one."""
    deadline = time.monotonic() + 30
    while True:
        found = sent(broker)
        places = [place for place, (name, _) in enumerate(found) if name == task]
        if len(places) >= times:
            return found[: places[times - 1] + 1]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_beat_sends_each_task_as_often_as_it_is_due(broker: redis.Redis, tmp_path: Path) -> None:
    with beating(tmp_path / "beat"):
        found = until(broker, BROADCAST, 5)
        engagement = sent(broker, "engagement")
    times = [at for name, at in found if name == BROADCAST]
    assert times[-1] - times[0] > timedelta(seconds=3)  # four, but for the moment it took to begin
    counts = Counter(name for name, _ in found)
    assert counts[FOLD] == 2 and counts["transactional.sweep"] <= 1
    assert not counts["transactional.retention"]  # by the hour
    assert len(engagement) >= 4
    broker.delete(*QUEUES)
    time.sleep(2)
    with beating(tmp_path / "beat"):  # it remembers: what was due meanwhile goes in the first turn
        names = [name for name, _ in until(broker, BROADCAST, 2)]
    assert names.count(FOLD) == 1


def test_what_a_beat_that_stood_still_has_missed_is_not_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beat = Beat(app=app, lazy=True)
    beat.ran, beat.schedule = [], {}
    beat.update_from_dict({"often": {"task": "nothing", "schedule": Every(1.0)}})
    real, passed = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + passed[0])
    assert 0.9 < beat.tick() <= 1.0
    passed[0] = 60.0
    assert 0.5 < beat.tick() <= 1.0
    assert beat.ran == ["often"]
    for seconds in (61.1, 62.1, 63.1):
        passed[0] = seconds
        assert 0.5 < beat.tick() <= 1.0
    assert beat.ran == ["often"] * 4
