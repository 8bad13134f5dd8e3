"""The rule that ends a roll-out: exact, deaf to a few bad mails, sure of many."""

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.compose.rollout_verdict import binomial, fisher, judge


def exact(bad: int, total: int, other_bad: int, other: int) -> float:
    all_bad = bad + other_bad
    ways = sum(
        comb(all_bad, k) * comb(total + other - all_bad, total - k)
        for k in range(bad, min(total, all_bad) + 1)
        if total - k <= total + other - all_bad
    )
    return ways / comb(total + other, total)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 60), st.integers(0, 60))
def test_the_chance_is_fishers(bad: int, good: int, other_bad: int, other_good: int) -> None:
    found = fisher(bad, bad + good, other_bad, other_bad + other_good)
    assert found == pytest.approx(
        exact(bad, bad + good, other_bad, other_bad + other_good), abs=1e-9
    )


@given(st.integers(0, 40), st.integers(0, 40), st.sampled_from([0.003, 0.02, 0.05]))
def test_the_chance_at_a_rate_is_the_binomial_one(bad: int, good: int, rate: float) -> None:
    n = bad + good
    wanted = sum(comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(bad, n + 1))
    assert binomial(bad, n, rate) == pytest.approx(wanted, abs=1e-9)


LIVE = {"accepted": 950, "delivered": 930, "bounced": 9, "failed": 0, "complained": 1}


@pytest.mark.parametrize(
    ("trial", "live", "code", "harm"),
    [
        ({}, LIVE, "TOO_FEW", False),
        ({"accepted": 50, "delivered": 49, "bounced": 1}, LIVE, "HEALTHY", False),
        ({"accepted": 0, "failed": 3}, LIVE, "RENDER_ERRORS", True),
        ({"accepted": 48, "failed": 2}, LIVE, "HEALTHY", False),
        ({"accepted": 50, "delivered": 38, "bounced": 12}, LIVE, "BOUNCES", True),
        ({"accepted": 50, "delivered": 46, "bounced": 4}, LIVE, "HEALTHY", False),
        ({"accepted": 50, "delivered": 50, "complained": 4}, LIVE, "COMPLAINTS", True),
        # Both do badly: the new version is not to blame
        ({"accepted": 50, "failed": 50}, {"accepted": 500, "failed": 500}, "HEALTHY", False),
        # Nothing is known of the live one: too much is too much
        ({"accepted": 50, "failed": 10}, {}, "RENDER_ERRORS", True),
        ({"accepted": 50, "delivered": 45, "bounced": 5}, {}, "HEALTHY", False),
    ],
)
def test_verdicts(trial: dict[str, int], live: dict[str, int], code: str, harm: bool) -> None:
    found = judge(trial, live)
    assert (found.code, found.harm) == (code, harm)
    if harm:
        assert found.data["chance"] < 0.001 and found.data["bad"] >= 3


@given(st.dictionaries(st.sampled_from(["accepted", "failed", "delivered", "bounced", "complained"]),
                       st.integers(0, 10**6)),
       st.dictionaries(st.sampled_from(["accepted", "failed", "delivered", "bounced"]),
                       st.integers(0, 10**6)))  # fmt: skip
def test_any_counters_are_judged(trial: dict[str, int], live: dict[str, int]) -> None:
    judge(trial, live)
