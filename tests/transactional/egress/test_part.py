"""The workers' parts of a limit never add up to more than it, and nobody is left without for long."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.egress.cell import FIRST, Cell
from transactional.egress.part import SOONER, TURN, UNTIL_TOLD, Part, seat
from transactional.egress.profiles import Limits

WORKERS = st.integers(1, 5)
LIMITS = st.integers(1, 20)
TIMES = st.floats(0, 1e6)


def parts(of: int, urgent: int = 1, **more: float) -> list[Part]:
    return [Part(of, place, urgent, **more) for place in range(of)]


@given(WORKERS, LIMITS, st.integers(0, 1), TIMES)
def test_parts_add_up_to_the_limit_and_never_beyond(
    of: int, most: int, urgent: int, now: float
) -> None:
    given_out = [part.connections(most, now) for part in parts(of, urgent)]
    assert sum(given_out) <= most
    if most >= of:
        assert sum(given_out) == most
        assert max(given_out) - min(given_out) <= 1
        assert not any(part.takes_turns(most) for part in parts(of, urgent))


@given(WORKERS, LIMITS)
def test_who_does_not_know_its_place_keeps_to_what_is_safe_and_stops_no_mail(
    of: int, most: int
) -> None:
    alone = Part(of)
    assert alone.connections(most, 0.0) >= 1
    assert of * alone.connections(most, 0.0) <= max(most, of)


@given(WORKERS, LIMITS, st.integers(0, 1), TIMES)
def test_without_redis_nobody_waits_longer_than_a_round(
    of: int, most: int, urgent: int, since: float
) -> None:
    moments = [since + n * TURN / 4 for n in range(4 * (of + 1))]
    for part in parts(of, urgent):
        assert any(part.connections(most, now) for now in moments)
        if part.place == 0 and urgent and most > 1:
            assert all(part.connections(most, now) for now in moments)  # a code waits for nobody


@given(st.integers(2, 5), st.integers(1, 4), TIMES)
def test_the_wait_that_is_told_leads_to_the_turn(of: int, most: int, now: float) -> None:
    if most >= of:
        return
    for place in range(of):
        at, asked, one = now, 0, Part(of, place, 1)
        while not one.connections(most, at):
            wait = one.wait(most, at)
            assert 0 < wait <= SOONER
            at += wait + 1e-3
            asked += 1
            assert asked < 100
        assert at - now <= (of + 1) * TURN


@pytest.mark.parametrize("most", [1, 2, 3, 4])
@pytest.mark.parametrize("of", [2, 3, 5])
def test_turns_keep_to_the_limit_whatever_is_still_under_way_and_starve_nobody(
    of: int, most: int
) -> None:
    """Conversations of up to 9 s, some far longer than a turn; each tells every quarter second."""
    draw = random.Random(of * 10 + most)
    ends: list[list[float]] = [[] for _ in range(of)]
    told = [(0.0, 0)] * of
    begun = [0] * of
    for tick in range(40_000):
        now = 1000 + tick / 100
        for place in range(of):
            ends[place] = [end for end in ends[place] if end > now]
            if tick % 25 == (7 * place) % 25:
                told[place] = (now, len(ends[place]))
            others = [at for other, (at, _) in enumerate(told) if other != place]
            part = Part(of, place, 1, 0.0, tuple(n for _, n in told), min(others))
            assert place or most == 1 or part.connections(most, now)  # a code waits for nobody
            if len(ends[place]) < part.connections(most, now):
                ends[place].append(now + draw.choice((0.1, 0.3, 2.0, 9.0)))
                begun[place] += 1
        assert sum(map(len, ends)) <= most
    assert min(begun) >= 5


@given(st.integers(2, 5), LIMITS, st.data())
def test_who_joins_has_one_at_most_until_the_others_know_and_then_what_they_leave(
    of: int, most: int, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, of - 1))
    others = [data.draw(st.integers(0, most)) for _ in range(of - 1)]
    open_ = (*others[:place], data.draw(st.integers(0, most)), *others[place:])
    joined = Part(of, place, 1, 0.0, open_, told=9.0, since=10.0)
    known = Part(of, place, 1, 0.0, open_, told=10.5, since=10.0)
    if most < of:
        return
    parts = [Part(of, n, 1).connections(most, 11.0) for n in range(of)]
    assert sum(parts) == most
    one_is_left = sum(others) < most
    assert joined.connections(most, 11.0) == int(
        one_is_left or place == 0
    )  # a code waits for nobody
    assert not joined.is_settled(most, 11.0)
    takes = known.connections(most, 11.0)
    taken = sum(max(parts[n], open_[n]) for n in range(of) if n != place)
    assert takes == max(parts[place] - (taken - (most - parts[place])), int(place == 0))
    assert takes <= parts[place]
    assert takes == parts[place] or not known.is_settled(most, 11.0)
    # who has told nothing for so long does not hear of it either
    assert joined.connections(most, 13.5) == takes
    if takes == 0:
        assert known.wait(most, 11.0) == UNTIL_TOLD


def test_a_pace_is_divided_among_those_who_may_speak() -> None:
    assert [part.rate(5) for part in parts(3)] == [1 / 3] * 3
    assert [part.rate(2) for part in parts(3)] == [1 / 2] * 3
    assert Part(3).rate(2) == 1 / 3


@given(WORKERS, LIMITS, TIMES)
def test_cells_open_no_more_together_than_the_limit_of_their_site(
    of: int, most: int, now: float
) -> None:
    cells = [Cell(Limits("x", most), now=now, part=part) for part in parts(of)]
    for cell in cells:
        for _ in range(500):
            cell.went_well()
    assert sum(cell.allowed(now) for cell in cells) <= most
    for cell in cells:
        while cell.closed(now) is None:
            cell.take(now)
    assert sum(cell.inflight for cell in cells) <= most
    assert sum(cell.inflight for cell in cells) == most or most < of


def test_a_part_that_was_not_heard_of_lately_is_the_safe_one_again() -> None:
    cell = Cell(Limits("x", 4), now=0.0, part=Part(3, 1))
    cell.told(Part(1, 0), until=10.0)
    assert (cell.allowed(9.9), cell.allowed(10.0)) == (4, 1)
    assert Cell(Limits("x", 0), now=0.0).allowed(0.0) > FIRST


@pytest.mark.parametrize(
    ("name", "place"),
    [("urgent@a", 0), ("egress@a", 1), ("egress-2@a", 2), ("egress-x@a", None), ("mail@a", None)],
)
def test_a_worker_s_place_is_in_its_name(name: str, place: int | None) -> None:
    assert seat(name) == place
