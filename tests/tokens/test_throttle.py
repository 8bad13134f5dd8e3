"""Guessers wait longer and longer; nobody else waits at all."""

import socket
import threading
import uuid
from collections.abc import Iterator

import pytest
import redis
from django.conf import settings

from tokens import rate, throttle


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    found = Clock()
    monkeypatch.setattr(throttle, "_clock", found)
    monkeypatch.setattr(throttle, "_redis_from", 0.0)
    throttle.forget()
    yield found
    throttle.forget()


@pytest.fixture
def host() -> str:
    """An address of its own, as Redis outlives a test."""
    octets = uuid.uuid4().bytes
    return f"10.{octets[0]}.{octets[1]}.{octets[2]}"


def name() -> str:
    return f"{uuid.uuid4().hex}@1.smtp"


def fail(times: int, *, who: str, host: str) -> None:
    for _ in range(times):
        throttle.failed(name=who, host=host)


def test_ten_failures_are_refused_and_the_wait_doubles(clock: Clock, host: str) -> None:
    who = name()
    fail(9, who=who, host=host)
    assert not throttle.blocked(name=who, host=host)
    waits = []
    for _ in range(4):
        fail(1, who=who, host=host)
        start = clock.now
        while throttle.blocked(name=who, host=host):
            clock.now += 1
        waits.append(clock.now - start)
    assert waits == [5, 10, 20, 40]


def test_the_wait_has_an_end(clock: Clock, host: str) -> None:
    who = name()
    fail(45, who=who, host=host)
    assert throttle.blocked(name=who, host=host)
    clock.now += throttle.LONGEST_WAIT
    assert not throttle.blocked(name=who, host=host)


def test_other_accounts_and_other_hosts_are_unaffected(clock: Clock, host: str) -> None:
    who, other = name(), name()
    fail(20, who=who, host=host)
    assert not throttle.blocked(name=other, host=host)
    assert not throttle.blocked(name=who, host="192.0.2.1")


def test_a_host_that_tries_many_names_waits_but_known_ones_behind_it_do_not(
    clock: Clock, host: str
) -> None:
    neighbour = name()
    throttle.succeeded(name=neighbour, host=host)
    for _ in range(60):
        fail(1, who=name(), host=host)
    assert throttle.blocked(name=name(), host=host)
    assert not throttle.blocked(name=neighbour, host=host)


def test_success_forgets_the_pairs_own_mistakes(clock: Clock, host: str) -> None:
    who = name()
    fail(9, who=who, host=host)
    throttle.succeeded(name=who, host=host)
    fail(9, who=who, host=host)
    assert not throttle.blocked(name=who, host=host)


def test_one_ipv6_network_is_one_guesser(clock: Clock) -> None:
    who, net = name(), uuid.uuid4().hex[:4]
    for number in range(10):
        throttle.failed(name=who, host=f"2001:db8:{net}::{number:x}")
    assert throttle.blocked(name=who, host=f"2001:db8:{net}::ffff")


def test_processes_share_their_counts(clock: Clock, host: str) -> None:
    """A second process learns at its first failure what the others have seen."""
    who = name()
    fail(10, who=who, host=host)
    throttle._windows.clear()  # as in a process that has just begun
    assert not throttle.blocked(name=who, host=host)
    fail(1, who=who, host=host)
    assert throttle.blocked(name=who, host=host)


def test_memory_is_bounded(clock: Clock, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "KEPT", 30)
    for _ in range(40):
        fail(1, who=name(), host=host)
    assert len(throttle._windows) == 30


@pytest.fixture
def hanging() -> Iterator[redis.Redis]:
    """A Redis that takes connections and never says a word."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []
    calls = threading.Event()

    def accept() -> None:
        while not calls.is_set():
            try:
                held.append(listener.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    patience = 0.05
    yield redis.Redis.from_url(
        f"redis://127.0.0.1:{listener.getsockname()[1]}",
        socket_timeout=patience,
        socket_connect_timeout=patience,
    )
    calls.set()
    listener.close()
    for one in held:
        one.close()


def test_a_hanging_redis_is_asked_once_and_then_left_alone(
    clock: Clock, host: str, hanging: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "_client", hanging)
    asked: list[int] = []
    pipeline = hanging.pipeline
    monkeypatch.setattr(hanging, "pipeline", lambda **kw: asked.append(1) or pipeline(**kw))
    who = name()
    fail(10, who=who, host=host)
    assert throttle.blocked(name=who, host=host)
    assert len(asked) == 1
    clock.now += throttle.RETRY
    fail(1, who=who, host=host)
    assert len(asked) == 2


def test_the_rate_limit_is_off_until_an_operator_sets_it(clock: Clock) -> None:
    assert settings.RATE_LIMIT_10S == 0
    assert [rate.wait(1) for _ in range(50)] == [0] * 50


def test_the_rate_limit_counts_each_account_alone(
    clock: Clock, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RATE_LIMIT_10S = 3  # type: ignore[attr-defined]
    monkeypatch.setattr("time.time", lambda: 1_000_004.0)
    one, two = uuid.uuid4().int % 10**9, uuid.uuid4().int % 10**9
    assert [rate.wait(one) for _ in range(5)] == [0, 0, 0, 6, 6]
    assert rate.wait(two) == 0
    monkeypatch.setattr("time.time", lambda: 1_000_010.0)
    assert rate.wait(one) == 0
