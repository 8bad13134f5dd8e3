"""When what failed is tried again, and when it is given up; what leads to a probe."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from analytics.webhooks import schedule

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@given(st.integers(0, 9))
def test_each_wait_is_that_of_the_table_give_or_take(step: int) -> None:
    due = schedule.due(step, NOW)
    assert due is not None
    assert abs((due - NOW).total_seconds() / schedule.WAITS[step] - 1) <= schedule.JITTER + 1e-9


def test_it_is_given_up_after_ten_hours_at_least_and_ten_tries_at_least() -> None:
    assert schedule.TRIES >= 10
    assert sum(schedule.WAITS) * (1 - schedule.JITTER) >= 10 * 3600
    assert schedule.due(len(schedule.WAITS), NOW) is None


def test_a_server_may_ask_for_more_time_within_bounds() -> None:
    assert schedule.due(0, NOW, asked=1800) == NOW + timedelta(seconds=1800)
    assert schedule.due(0, NOW, asked=10**8) == NOW + timedelta(seconds=schedule.ASKED_MOST)


def test_probes_come_ever_more_seldom_up_to_ten_minutes() -> None:
    waits = [schedule.probe_wait(n) for n in range(40)]
    assert waits[0] == 15
    assert waits == sorted(waits)
    assert waits[-1] == 600
