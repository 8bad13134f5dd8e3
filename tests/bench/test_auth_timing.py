"""The statistic behind `python -m bench.auth_timing`: it must find what is there, and only that."""

import random

from bench.auth_timing import p_value, tell


def test_a9_the_test_tells_different_times_apart_and_equal_ones_not() -> None:
    dice = random.Random(7)
    same = [[dice.lognormvariate(5, 0.3) for _ in range(500)] for _ in range(2)]
    slower = [value * 1.2 for value in same[1]]
    assert p_value(*same) > 0.01
    assert p_value(same[0], slower) < 1e-6
    assert p_value([1.0] * 50, [1.0] * 50) == 1.0
    # By hand: 1, 2, 4 against 3, 5, 6 has U = 1
    assert abs(p_value([1, 2, 4], [3, 5, 6]) - 0.1266) < 0.001
    assert tell({"a": same[0], "b": same[1]}) and not tell({"a": same[0], "b": slower})
