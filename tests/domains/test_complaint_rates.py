"""What a complaint rate is, when it pauses marketing mail, and when that ends."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.complaint_rates import (
    DAY,
    MONTH,
    WEEK,
    WINDOWS,
    Counts,
    DayCounts,
    Terms,
    is_over,
    judge,
    within,
)

TODAY = date(2026, 11, 26)
TERMS = Terms(Decimal("0.3"), 1000)


def ago(days: int, delivered: int, complaints: int, unreported: int = 0) -> DayCounts:
    return DayCounts(TODAY - timedelta(days=days), Counts(delivered, unreported, complaints))


def test_a_rate_is_of_what_may_be_reported_in_per_cent() -> None:
    assert Counts(3000, 50_000, 9).percent == Decimal("0.300")
    assert Counts(0, 50_000, 0).percent is None
    assert Counts(3000, 0, 9).reaches(TERMS.percent)
    assert not Counts(3001, 0, 9).reaches(TERMS.percent)
    assert not Counts(0, 0, 0).reaches(Decimal(0))
    assert Counts(-1, 0, 1).reaches(TERMS.percent)  # bounces came back for all that was delivered


def test_windows_are_of_utc_days_with_today_in_them() -> None:
    days = [ago(n, 1, 0) for n in range(-1, 40)]
    assert [within(days, window, TODAY).delivered for window in (DAY, WEEK, MONTH)] == [2, 7, 30]
    assert within(days, WEEK, TODAY, since=TODAY).delivered == 1


@pytest.mark.parametrize(
    ("days", "window"),
    [
        ([ago(3, 1000, 3)], WEEK),
        ([ago(6, 400, 0), ago(5, 300, 1), ago(2, 300, 2)], WEEK),
        ([ago(5, 100_000, 20), ago(1, 600, 3), ago(0, 400, 1)], DAY),  # hidden by a clean week
        ([ago(3, 999, 900)], None),  # too little to judge by
        ([ago(3, 1000, 2)], None),
        ([ago(7, 5000, 500)], None),  # long ago
        ([ago(5, 100_000, 20), ago(2, 1000, 9)], None),  # no spike of a day any more
        ([], None),
    ],
)
def test_marketing_mail_is_paused_by_the_rate_of_a_week_or_of_a_day(
    days: list[DayCounts], window: str | None
) -> None:
    found = judge(days, TODAY, TERMS)
    assert (found.window if found else None) == window
    if found:
        assert found.since == TODAY - timedelta(days=WINDOWS[found.window] - 1)
        assert found.counts == within(days, found.window, TODAY)


def test_what_a_person_answered_for_is_not_held_against_it_again() -> None:
    answered = TODAY - timedelta(days=1)
    days = [ago(2, 1000, 50)]
    assert judge(days, TODAY, TERMS) is not None
    assert judge(days, TODAY, TERMS, since=answered) is None
    again = judge([*days, ago(1, 500, 1), ago(0, 500, 2)], TODAY, TERMS, since=answered)
    assert again is not None and again.since == answered and again.counts == Counts(1000, 0, 3)


def test_a_pause_lasts_until_both_rates_are_below_however_little_was_delivered() -> None:
    assert not is_over([ago(3, 1000, 3)], TODAY, TERMS)
    assert not is_over([ago(3, 10, 1)], TODAY, TERMS)  # it makes the mail little itself
    assert not is_over([ago(5, 100_000, 20), ago(1, 1000, 3)], TODAY, TERMS)
    assert is_over([ago(5, 100_000, 20), ago(2, 1000, 3)], TODAY, TERMS)
    assert is_over([ago(7, 1000, 30), ago(3, 10, 0)], TODAY, TERMS)
    assert is_over([], TODAY, TERMS)


def test_it_can_be_switched_off() -> None:
    off = Terms(Decimal(0), 1000)
    assert judge([ago(0, 1000, 1000)], TODAY, off) is None
    assert is_over([ago(0, 1000, 1000)], TODAY, off)


DAYS = st.lists(
    st.builds(ago, st.integers(0, 12), st.integers(0, 3000), st.integers(0, 12)), max_size=8
)


@given(DAYS)
def test_what_is_paused_is_never_over_and_ends_when_the_mail_is_a_week_old(
    days: list[DayCounts],
) -> None:
    if judge(days, TODAY, TERMS) is not None:
        assert not is_over(days, TODAY, TERMS)
    assert is_over(days, TODAY + timedelta(days=7), TERMS)
