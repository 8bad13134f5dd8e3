"""What `python -m bench.dead` judges by; its world is tried in `tests/faults/test_dead_list.py`."""

from collections import Counter

from bench.dead import MOST_EACH, Waits, list_of, verdict
from bench.dead_world import KINDS


def test_a_list_has_one_to_five_messages_to_each_domain_of_every_kind() -> None:
    each = Counter(list_of(80))
    assert len(each) == 80 and set(each.values()) == set(range(1, MOST_EACH + 1))
    assert {name.rstrip("0123456789") for name in (one.partition(".")[0] for one in each)} == set(
        KINDS
    )


def test_steady_mail_may_take_a_tenth_of_a_second_more_or_a_fifth() -> None:
    alone = Waits([50.0] * 100, [40.0] * 10)
    fine = verdict("x", alone, Waits([149.0] * 100, [999.0] * 10))
    assert [line[:6] for line in fine] == ["met   "] * 3
    late = verdict("x", alone, Waits([50.0] * 94 + [151.0] * 6, [40.0] * 9 + [1001.0]))
    assert [line[:6] for line in late] == ["MISSED"] * 3
    slow = Waits([1000.0] * 100, [40.0] * 10)
    assert verdict("x", slow, Waits([1190.0] * 100, [40.0] * 10))[0][:6] == "met   "
