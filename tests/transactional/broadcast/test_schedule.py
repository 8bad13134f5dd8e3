"""Times in named zones, over the changes of the clocks."""

from datetime import UTC, datetime

import pytest

from transactional.broadcast.schedule import ScheduleError, moment, zones

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wall", "zone", "meant"),
    [
        ("2026-03-28T09:00", "Europe/Rome", "2026-03-28T08:00+00:00"),
        ("2026-03-29T09:00", "Europe/Rome", "2026-03-29T07:00+00:00"),  # summer time since 02:00
        ("2026-03-29T03:00", "Europe/Rome", "2026-03-29T01:00+00:00"),
        ("2026-10-25T02:30", "Europe/Rome", "2026-10-25T00:30+00:00"),  # the first of two
        ("2026-10-25T03:00", "Europe/Rome", "2026-10-25T02:00+00:00"),
        ("2026-11-01T01:30", "America/New_York", "2026-11-01T05:30+00:00"),
        ("2026-04-05T01:45", "Australia/Lord_Howe", "2026-04-04T14:45+00:00"),  # half an hour
        ("2026-06-01T12:00", "UTC", "2026-06-01T12:00+00:00"),
    ],
)
def test_the_moment_that_is_meant(wall: str, zone: str, meant: str) -> None:
    found = moment(datetime.fromisoformat(wall), zone, now=NOW)
    assert found == datetime.fromisoformat(meant)


@pytest.mark.parametrize(
    ("wall", "zone", "code"),
    [
        ("2026-03-29T02:30", "Europe/Rome", "gap"),
        ("2026-03-08T02:00", "America/New_York", "gap"),
        ("2025-12-31T23:00", "UTC", "past"),
        ("2026-01-01T00:30", "Europe/Rome", "past"),
        ("2027-06-01T00:00", "UTC", "far"),
        ("2026-06-01T00:00", "Europe/Atlantis", "zone"),
        ("2026-06-01T00:00", "../../etc/passwd", "zone"),
    ],
)
def test_times_at_which_nothing_can_be_sent(wall: str, zone: str, code: str) -> None:
    with pytest.raises(ScheduleError) as told:
        moment(datetime.fromisoformat(wall), zone, now=NOW)
    assert told.value.code == code


def test_zones_are_those_that_people_know() -> None:
    assert "Europe/Rome" in zones() and "UTC" in zones()
    assert "Etc/GMT+5" not in zones() and len(zones()) > 300
