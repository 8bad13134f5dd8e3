"""Health of IPs at sites: less for who is put off, back as it fades, and known to all processes."""

from collections.abc import Iterator
from typing import Any

import pytest

from config import shared
from domains.health import HALF_LIFE, KEPT, LEAST, Health


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    shared.forget()
    yield
    shared.ask(lambda redis: redis.delete("egress:health"), otherwise=0)


def test_an_ip_loses_its_share_at_the_site_that_puts_it_off_and_gets_it_back() -> None:
    clock = Clock()
    health = Health("a", clock=clock)
    assert health.factor(1, "google") == 1.0
    falling = []
    for _ in range(30):
        health.note(1, "google", good=False)
        falling.append(health.factor(1, "google"))
    assert falling == sorted(falling, reverse=True) and falling[-1] == LEAST
    assert health.factor(1, "yahoo") == health.factor(2, "google") == 1.0
    recovering = []
    for _ in range(12):
        clock.now += HALF_LIFE
        recovering.append(health.factor(1, "google"))
    assert recovering == sorted(recovering) and recovering[-1] > 0.99


def test_one_bad_answer_among_many_good_ones_changes_little() -> None:
    health = Health("a", clock=Clock())
    for _ in range(50):
        health.note(1, "google", good=True)
    health.note(1, "google", good=False)
    assert health.factor(1, "google") > 0.95


def test_good_answers_are_a_way_back_too() -> None:
    health = Health("a", clock=Clock())
    for _ in range(10):
        health.note(1, "google", good=False)
    low = health.factor(1, "google")
    for _ in range(40):
        health.note(1, "google", good=True)
    assert health.factor(1, "google") > 2 * low


def test_processes_hear_of_each_other_through_redis() -> None:
    clock = Clock()
    one, two = Health("one", clock=clock), Health("two", clock=clock)
    for _ in range(10):
        one.note(1, "google", good=False)
    one.exchange()
    two.exchange()
    assert two.factor(1, "google") == pytest.approx(one.factor(1, "google"), abs=0.02)
    two.exchange()  # hearing it again does not count it twice
    assert two.factor(1, "google") == pytest.approx(one.factor(1, "google"), abs=0.02)
    clock.now += 12 * HALF_LIFE
    one.exchange()
    two.exchange()
    assert two.factor(1, "google") > 0.99


def test_without_redis_each_process_knows_what_it_saw(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    health = Health("a", clock=Clock())
    for _ in range(10):
        health.note(1, "google", good=False)
    before = health.factor(1, "google")
    health.exchange()
    assert health.factor(1, "google") == before < 0.5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "7",
        "[]",
        "{}",
        '{"at": 1000000}',
        '{"at": 1000000, "pairs": 7}',
        '{"at": 1000000, "pairs": {"a": 1}}',
        '{"at": 1000000, "pairs": [[1, "google", 0]]}',
        '{"at": 1000000, "pairs": [[{}, "google", 0, 9]]}',
        '{"at": 1000000, "pairs": [["x", "google", 0, 9]]}',
        '{"at": 1000000, "pairs": [[1e999, "google", 0, 9]]}',
        '{"at": 1000000, "pairs": [[1, "google", -90, 9]]}',
        '{"at": 1000000, "pairs": [[1, "google", 0, 1e999]]}',
        '{"at": 1000000, "pairs": [[1, "google", 0, NaN]]}',
        '{"at": "now", "pairs": [[1, "google", 0, 9]]}',
        '{"at": -1e300, "pairs": [[1, "google", 0, 9]]}',
        '{"at": 1' + "0" * 400 + ', "pairs": [[1, "google", 0, 9]]}',
        '{"at": 1' + "0" * 5000 + ', "pairs": [[1, "google", 0, 9]]}',
        "[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_what_is_not_understood_is_left_out_and_the_rest_is_heard(text: str | bytes) -> None:
    clock = Clock()
    one, two = Health("one", clock=clock), Health("two", clock=clock)
    for _ in range(10):
        one.note(1, "google", good=False)
    one.exchange()
    shared.ask(lambda redis: redis.hset("egress:health", "a", text), otherwise=None)
    shared.ask(lambda redis: redis.hset("egress:health", "z", text), otherwise=None)
    two.exchange()
    assert two.factor(1, "google") == pytest.approx(one.factor(1, "google"), abs=0.02)


def test_what_is_kept_has_a_bound() -> None:
    clock = Clock()
    health = Health("a", clock=clock)
    for number in range(KEPT + 1):
        health.note(1, f"site{number}", good=True)
    assert len(health._seen) <= 1
