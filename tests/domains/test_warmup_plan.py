"""How a budget goes on: growth on evidence alone, holds, steps back, and an end in sight."""

from datetime import date, timedelta
from typing import Any

import pytest

from domains.warmup_plan import COLD, FITS, OTHER, PLANS, Day, forecast, plan_for, step, worst

TODAY = date(2026, 11, 25)
PLAN = PLANS["google"]


def day(ago: int, cap: int | None = 1000, **counts: int) -> Day:
    used = {"taken": 1000, "sent": 1000} | counts
    return Day(TODAY - timedelta(days=ago), cap, **used)


def test_the_first_day_is_small() -> None:
    first = step(PLAN, [], TODAY)
    assert (first.cap, first.code) == (PLAN.start, "start")
    assert 0 < first.reserve <= PLAN.start * 0.2


@pytest.mark.parametrize(
    ("counts", "cap", "code", "signal"),
    [
        ({}, 1400, "grown", ""),
        ({"taken": 499, "sent": 499}, 1000, "unused", ""),
        ({"deferred": 40}, 1400, "grown", ""),
        ({"deferred": 60}, 1000, "held", "deferred"),
        ({"deferred": 300}, 500, "stepped_back", "deferred"),
        ({"blocked": 9}, 1400, "grown", ""),
        ({"blocked": 20}, 1000, "held", "blocked"),
        ({"blocked": 80}, 500, "stepped_back", "blocked"),
        ({"complaints": 1}, 1000, "held", "complaints"),
        ({"complaints": 3}, 500, "stepped_back", "complaints"),
        # Much deferred and complained about: the worse of the two decides
        ({"deferred": 60, "complaints": 3}, 500, "stepped_back", "complaints"),
    ],
)
def test_the_next_budget_follows_the_signals(
    counts: dict[str, int], cap: int, code: str, signal: str
) -> None:
    found = step(PLAN, [day(1, **counts)], TODAY)
    assert (found.cap, found.code, found.data.get("signal", "")) == (cap, code, signal)


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({"sent": 10, "deferred": 1}, "good"),  # one of eleven is no rate
        ({"sent": 10, "deferred": 2}, "mixed"),
        ({"sent": 5, "deferred": 5}, "bad"),
        ({"sent": 100, "complaints": 1}, "mixed"),  # a single one never steps back
        ({"sent": 100, "complaints": 2}, "bad"),
        ({"sent": 0}, "good"),
    ],
)
def test_few_messages_say_little(counts: dict[str, int], verdict: str) -> None:
    assert worst(day(1, **counts))[1] == verdict


def test_a_step_back_never_goes_below_the_start() -> None:
    bad = day(1, cap=60, taken=60, sent=30, deferred=30)
    assert step(PLAN, [bad], TODAY).cap == PLAN.start


def test_it_ends_at_the_target_and_stays_ended() -> None:
    last = day(1, cap=40_000, taken=40_000, sent=40_000)
    assert step(PLAN, [last], TODAY).code == "target"
    assert step(PLAN, [day(1, cap=None)], TODAY).cap is None


def test_it_ends_where_two_weeks_fit_well_within_the_budget() -> None:
    few: dict[str, Any] = {"taken": 80, "sent": 80}
    fitting = [day(ago, **few) for ago in range(FITS, 0, -1)]
    assert step(PLAN, fitting, TODAY).code == "fits"
    assert step(PLAN, fitting[1:], TODAY).code == "unused"
    assert step(PLAN, [*fitting[:-1], day(1, **few, deferred=30)], TODAY).code == "stepped_back"


def test_a_reputation_that_went_cold_begins_anew() -> None:
    assert step(PLAN, [day(COLD)], TODAY).code == "grown"
    again = step(PLAN, [day(COLD + 1)], TODAY)
    assert (again.cap, again.code) == (PLAN.start, "cold")


def test_what_urgent_mail_needed_is_kept_for_it() -> None:
    assert step(PLAN, [day(1, urgent=100)], TODAY).reserve == 210  # 1.5 × 100 × 1.4
    assert step(PLAN, [day(1, urgent=900)], TODAY).reserve == 280  # a fifth at the most
    assert step(PLAN, [day(1)], TODAY).reserve == 28


@pytest.mark.parametrize("provider", sorted(PLANS))
def test_the_forecast_ends_within_a_month_or_so(provider: str) -> None:
    coming, ends = forecast(provider, [], TODAY)
    caps = [one.cap or 0 for one in coming]
    assert caps[0] == PLANS[provider].start and caps == sorted(caps)
    assert ends is not None and timedelta(days=14) < ends - TODAY < timedelta(days=40)


def test_the_forecast_begins_with_today_as_it_is() -> None:
    coming, ends = forecast("google", [day(1), day(0, cap=777)], TODAY)
    assert (coming[0].day, coming[0].cap) == (TODAY, 777)
    assert coming[1].cap == 1088 and ends == TODAY + timedelta(days=len(coming))
    assert forecast("google", [day(0, cap=None)], TODAY) == ((), TODAY)


def test_a_provider_without_a_plan_of_its_own_has_the_others() -> None:
    assert plan_for("nobody") == PLANS[OTHER]
