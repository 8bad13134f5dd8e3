"""How much is held for one endpoint: little for a slow one, so that it never fills the engine."""

import uuid
from datetime import UTC, datetime

from analytics.webhooks import schedule
from analytics.webhooks.deliveries import Job, Target
from analytics.webhooks.lane import AHEAD, FIRST, QUICK, Lane

NOW = datetime.now(UTC)


def lane(failures: int = 0) -> Lane:
    return Lane(Target(1, "https://a.example/", b"", b"", None, failures, 0), 8, 0.0, 0.0)


def jobs(number: int) -> list[Job]:
    return [
        Job(uuid.uuid4(), 1, 1, uuid.uuid4(), "delivered", False, 0, 0, None, NOW, True)
        for _ in range(number)
    ]


def test_one_that_answers_soon_has_the_next_ones_ready() -> None:
    one = lane()
    assert one.room(0.0) == FIRST
    one.add(jobs(FIRST))
    assert one.take() is not None
    one.done(took=True, seconds=0.01)
    assert one.room(0.0) == (FIRST + 1) * AHEAD - (FIRST - 1)


def test_one_that_has_become_slow_gives_back_what_it_cannot_post() -> None:
    one = lane()
    one.quick = True
    given = jobs(FIRST * AHEAD)
    one.add(given)
    assert one.shed() == []
    assert one.take() is given[0]
    one.done(took=True, seconds=QUICK)
    back = one.shed()
    assert len(back) == len(given) - 1 - one.places
    assert list(one.waiting) == given[1 : 1 + one.places]
    assert one.room(0.0) == 0


def test_one_that_only_gets_probes_holds_nothing() -> None:
    one = lane()
    one.add(jobs(2))
    one.use(lane(failures=schedule.ENOUGH).target)
    assert len(one.shed()) == 2 and one.idle
