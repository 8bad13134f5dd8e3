"""What one IP may send to one site: limits, back-off and recovery, rules, dead sites."""

import re

import pytest

from transactional.egress.cell import FIRST, UNLIMITED, Breaker, Cell
from transactional.egress.part import Part
from transactional.egress.profiles import Limits, Rule

MINUTE = 60.0


def cell(connections: int = 0, per_minute: int = 0, of: int = 1, scale: float = 1.0) -> Cell:
    """`of`: so many workers use it."""
    return Cell(Limits("test", connections, per_minute), now=0.0, part=Part(of), scale=scale)


def send(one: Cell, at: float) -> bool:
    """Whether a message went out at this time; it is over at once."""
    if one.closed(at):
        return False
    one.take(at)
    one.give_back(at)
    return True


def sent(one: Cell, start: float, seconds: float, every: float = 0.05) -> int:
    return sum(send(one, start + n * every) for n in range(int(seconds / every)))


def flowing(one: Cell, rate: float, until: float) -> float:
    """Mail at `rate` a second up to `until`; the time after the last."""
    now = 0.0
    while now < until:
        assert send(one, now)
        now += 1 / rate
    return now


def rule(action: str, value: int = 0, hits: int = 1, seconds: float = 600) -> Rule:
    return Rule("r", "", re.compile("x"), hits, 3600.0, action, value, seconds)


def test_a_rate_is_kept_and_shared_with_the_other_workers() -> None:
    assert sent(cell(per_minute=600), 0, MINUTE) == pytest.approx(600, rel=0.05)
    assert sent(cell(per_minute=600, of=4), 0, MINUTE) == pytest.approx(150, rel=0.05)
    assert sent(cell(per_minute=30), 0, 2 * MINUTE) == pytest.approx(60, abs=2)


def test_the_wait_that_is_told_is_the_wait_that_helps() -> None:
    one = cell(per_minute=60)
    while send(one, 100.0):
        pass
    shut = one.closed(100.0)
    assert shut is not None
    assert shut.code == "rate"
    assert one.closed(100.0 + shut.wait - 0.01)
    assert one.closed(100.0 + shut.wait + 0.01) is None


def test_connections_grow_one_by_one_up_to_the_share_of_the_limit() -> None:
    one = cell(connections=20)
    assert one.allowed(0) == FIRST
    for _ in range(FIRST + 1):
        one.went_well()
    assert one.allowed(0) == FIRST + 1
    for _ in range(1000):
        one.went_well()
    assert one.allowed(0) == 20
    assert cell(connections=3).allowed(0) == 3
    assert cell(connections=3, of=10).allowed(0) == 1
    assert cell().allowed(0) == UNLIMITED


def test_a_throttling_answer_halves_what_is_sent_and_it_comes_back() -> None:
    one = cell(connections=20)
    now = flowing(one, 10, 120)  # 600 a minute
    decision = one.throttled(now, "receiver_throttles")
    assert decision is not None
    assert (decision.step, decision.code) == ("shaping", "slowed")
    assert one.throttled(now + 1, "receiver_throttles") is None  # the same event
    minute = sent(one, now, MINUTE)
    assert minute <= 0.5 * 600 * 1.1
    assert minute >= 0.4 * 600
    assert sent(one, now + 10 * MINUTE, MINUTE) > 600
    assert one.rate is None


def test_throttling_again_and_again_never_stops_it_altogether() -> None:
    one = cell()
    now = flowing(one, 10, 60)
    for n in range(30):
        one.throttled(now + n * 10, "receiver_throttles")
    assert one.rate == 1.0
    assert sent(one, now + 300, 3 * MINUTE) >= 3


def test_a_rule_counts_for_its_time_and_no_longer() -> None:
    one = cell()
    assert one.obey(rule("rate", 10, hits=2), 0.0) is None
    assert one.obey(rule("rate", 10, hits=2), 5.0) is not None
    assert sent(one, 10, 5 * MINUTE) == pytest.approx(50, abs=2)
    # from its end on the rate comes back by half as much again each minute
    assert sent(one, 605 + 20 * MINUTE, MINUTE) > 500
    stopped = cell()
    stopped.obey(rule("suspend"), 0.0)
    shut = stopped.closed(100)
    assert shut is not None
    assert (shut.code, shut.wait) == ("r", pytest.approx(500))
    assert stopped.closed(601) is None
    few = cell(connections=20)
    few.obey(rule("connections", 2), 0.0)
    assert (few.allowed(1), few.allowed(601)) == (2, FIRST)


def test_old_hits_of_a_rule_do_not_count() -> None:
    one = cell()
    assert one.obey(rule("suspend", hits=2), 0.0) is None
    assert one.obey(rule("suspend", hits=2), 4000.0) is None
    assert one.closed(4000.0) is None


def test_a_dead_site_is_left_alone_longer_and_longer_and_tried_with_one() -> None:
    one = cell(connections=20)
    assert one.no_answer(0) is None
    assert one.no_answer(0) is None
    assert one.no_answer(0) is not None
    waits = []
    now = 0.0
    for _ in range(10):
        shut = one.closed(now)
        assert shut is not None
        assert shut.code == "site_down"
        waits.append(shut.wait)
        now += shut.wait + 0.1
        assert one.closed(now) is None
        assert one.allowed(now) == 1
        one.no_answer(now)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (15.0, 600.0)
    one.until = 0.0
    one.went_well()
    assert one.allowed(now) == FIRST


def test_a_receiver_that_hangs_up_after_some_messages_is_told_goodbye_before_them() -> None:
    one = cell()
    assert one.session_limit(0) == 100
    one.session_ended(7, 0)
    assert one.session_limit(10) == 7
    assert one.session_limit(4000) == 100


def test_a_fast_clock_shrinks_every_wait() -> None:
    one = cell(per_minute=60, scale=0.01)
    assert sent(one, 0, 0.6, every=0.001) == pytest.approx(60, abs=4)


def test_a_site_that_is_down_besides_stays_suspended_and_the_others_are_told_of_it() -> None:
    one, other = cell(), cell()
    one.obey(rule("suspend"), 1.0)
    for _ in range(3):
        one.no_answer(2.0)
    shut = one.closed(100.0)
    assert shut is not None
    assert (shut.code, shut.wait) == ("r", pytest.approx(501))
    other.adopt(one.state(0.0), 0.0)
    told = other.closed(100.0)
    assert told is not None
    assert (told.code, told.wait) == ("r", pytest.approx(501))
    # nor does a throttling answer from what was under way rename it
    one.throttled(10.0, "receiver_throttles")
    still = one.closed(100.0)
    assert still is not None and still.code == "r"


def test_that_nobody_is_there_is_one_workers_own_finding() -> None:
    one, other = cell(), cell()
    for _ in range(3):
        one.no_answer(2.0)
    one.throttled(3.0, "receiver_throttles")
    shut = one.closed(3.0)
    assert shut is not None and shut.code == "site_down"
    other.adopt(one.state(0.0), 0.0)
    assert other.closed(3.0) is None and other.rate == one.rate


def test_a_slow_start_sets_the_pace() -> None:
    one, shared = cell(per_minute=600), cell(of=2)
    one.breaker = shared.breaker = Breaker(1, "x", probing=False, until=0.0, per_minute=10.0)
    assert sent(one, 0, 3 * MINUTE) == pytest.approx(30, abs=2)
    assert sent(shared, 0, 4 * MINUTE) == pytest.approx(20, abs=2)
    one.breaker.per_minute = 1280.0  # more than the profile allows: that one counts
    assert sent(one, 4 * MINUTE, MINUTE) == pytest.approx(600, rel=0.05)


def test_new_limits_hold_at_once_and_what_was_learnt_stays() -> None:
    one = cell(per_minute=1)
    assert send(one, 0.0) and not send(one, 1.0)
    one.session_ended(7, 0.0)
    one.limited(Limits("test", 2, 600, per_session=5))
    assert send(one, 1.0)
    assert (one.allowed(1.0), one.session_limit(1.0)) == (2, 5)
    one.limited(Limits("test", 2, 600, per_session=50))
    assert one.session_limit(1.0) == 7
    assert sent(one, 10.0, MINUTE) == pytest.approx(600, rel=0.05)


def test_what_a_rule_asked_for_ends_when_an_operator_switches_it_off() -> None:
    one, other = cell(connections=20), cell(connections=20)
    one.obey(rule("suspend", seconds=3600), 0.0)
    one.obey(rule("connections", 1, seconds=3600), 0.0)
    assert not one.forgive({"r"}, 5.0) and one.closed(5.0) is not None
    other.adopt(one.state(1.0), 0.0)
    for each in (one, other):
        assert each.closed(5.0) is not None
        assert each.forgive({"another"}, 5.0)
        assert each.closed(5.0) is None and each.allowed(5.0) == FIRST
        assert not each.forgive({"another"}, 5.0)
    # whoever comes later is told of that
    late = cell()
    late.adopt(one.state(0.0), 0.0)
    assert late.closed(6.0) is None
