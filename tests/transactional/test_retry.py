from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional import retry

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_the_first_wait_suits_a_greylist() -> None:
    assert retry.delay("greylisted", 1, jitter=lambda: 0.5) == pytest.approx(60)


def test_a_greylist_of_five_minutes_is_passed_within_six() -> None:
    waits = [retry.delay("greylisted", n, jitter=lambda: 0.5) for n in range(1, 6)]
    assert waits == pytest.approx([60, 120, 150, 300, 600])
    assert 300 < sum(waits[:3]) <= 360


def test_waits_double_up_to_an_hour() -> None:
    waits = [retry.delay("temporary", n, jitter=lambda: 0.5) for n in range(1, 12)]
    assert waits[:6] == pytest.approx([60, 120, 240, 480, 960, 1920])
    assert waits[-1] == pytest.approx(3600)


@given(
    st.sampled_from([*retry.FIRST, "never heard of"]),
    st.integers(1, 10_000),
    st.floats(0, 1, exclude_max=True),
)
def test_no_wait_is_shorter_than_48_seconds_or_longer_than_72_minutes(
    kind: str, tries: int, jitter: float
) -> None:
    assert 48 <= retry.delay(kind, tries, jitter=lambda: jitter) <= 4320


def test_jitter_spreads_a_batch_by_a_fifth_either_way() -> None:
    assert retry.delay("temporary", 1, jitter=lambda: 0.0) == pytest.approx(48)
    assert retry.delay("temporary", 1, jitter=lambda: 0.999999) == pytest.approx(72, abs=0.01)


def test_scale_shrinks_every_wait() -> None:
    assert retry.delay("throttled", 1, jitter=lambda: 0.5, scale=0.01) == pytest.approx(3)


def test_a_try_is_due_after_its_wait() -> None:
    assert retry.next_due(NOW, NOW + timedelta(hours=1), 60) == NOW + timedelta(seconds=60)


def test_a_wait_past_the_deadline_becomes_one_last_try_before_it() -> None:
    deadline = NOW + timedelta(minutes=2)
    assert retry.next_due(NOW, deadline, 3600) == deadline - timedelta(seconds=5)


@pytest.mark.parametrize("left", [-1, 0, 1, 9])
def test_after_the_deadline_nothing_is_tried(left: int) -> None:
    assert retry.next_due(NOW, NOW + timedelta(seconds=left), 3600) is None


def test_a_near_deadline_shortens_waits_but_not_below_what_the_class_needs() -> None:
    def wait(kind: str, left: float) -> float:
        return retry.wait(kind, 1, left, jitter=lambda: 0.0)

    # ten minutes: a throttled code is not put off for five, and the greylist has its minute
    assert wait("throttled", 600) == pytest.approx(150)
    assert wait("greylisted", 600) == pytest.approx(48)
    assert wait("mailbox_full", 600) == pytest.approx(300)
    assert wait("mailbox_full", 72 * 3600) == pytest.approx(0.8 * 1800)


@given(
    st.sampled_from([*retry.FIRST, "never heard of"]),
    st.integers(30, 5 * 24 * 3600),
    st.integers(0, 40),
)
def test_the_tries_ahead_rise_and_end_before_the_deadline(kind: str, left: int, tries: int) -> None:
    deadline = NOW + timedelta(seconds=left)
    due = NOW + timedelta(seconds=20)
    ahead = list(retry.tries_ahead(due, deadline, kind, tries))
    assert ahead[0] == due
    assert ahead == sorted(set(ahead))
    assert all(at < deadline for at in ahead)
    assert len(ahead) <= 150
    # the last one comes shortly before the end, not long before it
    assert (deadline - ahead[-1]).total_seconds() <= max(10, 1.2 * retry.FLOOR.get(kind, 30) + 5)


def test_past_the_deadline_nothing_is_ahead() -> None:
    assert list(retry.tries_ahead(NOW, NOW, "temporary", 1)) == []
