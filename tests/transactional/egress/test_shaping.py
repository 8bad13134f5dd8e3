"""How long a message that finds no place at a site is sent back for."""

import pytest

from transactional.egress.shaping import BUSY, STALLED, Gate


def gate(*, inflight: int, hold: float, left_at: float) -> Gate:
    made = Gate(most=50)
    made.inflight, made.hold, made.left_at = inflight, hold, left_at
    return made


def test_places_that_move_are_shared_out() -> None:
    moving = gate(inflight=5, hold=0.5, left_at=100.0)
    assert moving.expected(100.0, room=5) == pytest.approx(0.1)
    # one that is a little late is not a site that stands still
    assert moving.expected(100.0 + 0.9 * STALLED, room=5) == pytest.approx(0.18)


@pytest.mark.parametrize("room", [1, 5, 50])
def test_a_site_that_stands_still_is_waited_for_as_long_again(room: int) -> None:
    still = gate(inflight=5, hold=0.05, left_at=100.0)
    for seconds in (STALLED, 10.0, 40.0):
        assert still.expected(100.0 + seconds, room=room) == pytest.approx(seconds)
    assert still.expected(1000.0, room=room) == BUSY


def test_a_slow_site_whose_places_move_keeps_its_pace() -> None:
    slow = gate(inflight=5, hold=36.0, left_at=100.0)
    assert slow.expected(102.0, room=5) == pytest.approx(7.2)


def test_nobody_stands_still_where_nobody_is() -> None:
    empty = gate(inflight=0, hold=0.05, left_at=100.0)
    assert empty.expected(1000.0, room=5) == pytest.approx(0.01)
