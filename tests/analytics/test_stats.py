"""The formulas of the public contract."""

from decimal import Decimal

import pytest

from analytics.stats import METRICS, Numbers, percent, total


def test_the_contracts_formulas() -> None:
    numbers = Numbers(sent=9, delivered=7, opens=3, clicks=2, bounced=1, expired=1)
    assert numbers.openratio == Decimal("42.857")
    assert numbers.clickratio == Decimal("28.571")
    assert numbers.clickthroughratio == Decimal("66.667")
    assert numbers.deliveredratio == Decimal("77.778")
    assert numbers.bounceratio == Decimal("22.222")
    assert (numbers.bounces, numbers.pending) == (2, 0)


def test_a_ratio_of_nothing_is_none() -> None:
    numbers = Numbers()
    for metric in METRICS:
        assert getattr(numbers, metric.name) == (None if metric.rate else 0)
    assert Numbers(delivered=1, clicks=0).clickthroughratio is None


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(1, 1, "100.000"), (0, 5, "0.000"), (1, 3, "33.333"), (2, 3, "66.667"), (1, 16000, "0.006"),
     (1, 200000, "0.001")],
)  # fmt: skip
def test_percent(part: int, whole: int, expected: str) -> None:
    assert str(percent(part, whole)) == expected


def test_a_bounce_after_delivery_leaves_pending_at_nought() -> None:
    assert Numbers(sent=1, delivered=1, bounced=1).pending == 0


def test_a_sum_has_the_ratios_of_its_counts() -> None:
    found = total([Numbers(delivered=1, opens=1), Numbers(delivered=3)])
    assert found == Numbers(delivered=4, opens=1)
    assert found.openratio == Decimal("25.000")
    assert total([]) == Numbers()
