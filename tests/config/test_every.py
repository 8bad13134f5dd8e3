"""Periodic work goes on whatever is done to the clock."""

import pickle
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery.beat import ScheduleEntry

from config import every
from config.celery import app
from config.every import Every
from config.ticker import Ticker


class Beat(Ticker):
    """Runs nothing, and notes what it would have run. Its schedule is in no file."""

    ran: list[str]
    schedule: dict[str, Any] = {}
    producer = None  # type: ignore[assignment]  # Celery's connects to the broker when it is asked for

    def apply_entry(self, entry: ScheduleEntry, producer: object = None) -> None:
        self.ran.append(str(entry.name))


@pytest.fixture
def beat() -> Beat:
    made = Beat(app=app, lazy=True)
    made.ran, made.schedule = [], {}
    made.update_from_dict(
        {
            name: {"task": "nothing", "schedule": Every(seconds)}
            for name, seconds in (("often", 5.0), ("seldom", 7.0))
        }
    )
    return made


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_stops_nothing(
    beat: Beat, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    real, passed = time.monotonic, [0.0]
    monkeypatch.setattr(every.time, "monotonic", lambda: real() + passed[0])

    class Set(datetime):
        """The wall clock after it was set."""

        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + timedelta(hours=hours)

    assert beat.tick() > 4
    monkeypatch.setattr(every, "datetime", Set)
    monkeypatch.setattr("celery.app.base.Celery.now", lambda self: Set.now())
    for _ in range(3):
        passed[0] += 8
        while beat.tick() == 0:
            pass
    assert beat.ran.count("often") == 3 and beat.ran.count("seldom") == 3


def test_a_last_run_in_times_to_come_is_from_before_the_clock_was_set_back() -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    assert Every(3600.0).is_due(ahead).is_due
    assert not Every(3600.0).is_due(datetime.now(UTC) - timedelta(minutes=1)).is_due


def test_all_periodic_work_goes_by_it_and_is_kept_in_beats_file() -> None:
    for name, entry in app.conf.beat_schedule.items():
        schedule = entry["schedule"]
        assert isinstance(schedule, Every), name
        assert pickle.loads(pickle.dumps(schedule)) == schedule
