"""Failed sign-ins are counted, with Redis and without."""

import uuid

import pytest
import redis

from tokens import attempts

HOST = "192.0.2.7"


def _name() -> str:
    return f"{uuid.uuid4().hex}@shop.example"


def _host() -> str:
    octets = uuid.uuid4().bytes
    return f"10.{octets[0]}.{octets[1]}.{octets[2]}"


def test_the_limit_is_per_person_and_host() -> None:
    name, host = _name(), _host()
    for _ in range(attempts.PAIR_LIMIT[0] - 1):
        attempts.failed(name=name, host=host)
    assert not attempts.blocked(name=name, host=host)
    attempts.failed(name=name.upper() + " ", host=host)
    assert attempts.blocked(name=name, host=host)
    assert not attempts.blocked(name=name, host=_host())
    assert not attempts.blocked(name=_name(), host=host)


def test_one_host_trying_many_names_is_blocked() -> None:
    host = _host()
    for _ in range(attempts.HOST_LIMIT[0]):
        attempts.failed(name=_name(), host=host)
    assert attempts.blocked(name=_name(), host=host)


def test_an_ipv6_customer_is_one_host() -> None:
    prefix = f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}"
    name = _name()
    for number in range(attempts.PAIR_LIMIT[0]):
        attempts.failed(name=name, host=f"{prefix}::{number + 1:x}")
    assert attempts.blocked(name=name, host=f"{prefix}::ffff")


def test_success_forgets_a_persons_own_mistakes() -> None:
    name, host = _name(), _host()
    for _ in range(attempts.PAIR_LIMIT[0]):
        attempts.failed(name=name, host=host)
    attempts.succeeded(name=name, host=host)
    assert not attempts.blocked(name=name, host=host)


def test_windows_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(attempts, "_here", attempts._InProcess(clock=lambda: now[0]))
    monkeypatch.setattr(attempts, "_redis", _unreachable)
    name, host = _name(), _host()
    for _ in range(attempts.PAIR_LIMIT[0]):
        attempts.failed(name=name, host=host)
    assert attempts.blocked(name=name, host=host)
    now[0] += attempts.PAIR_LIMIT[1] + 1
    assert not attempts.blocked(name=name, host=host)


def _unreachable() -> redis.Redis:
    raise redis.ConnectionError("no server")


def test_memory_is_bounded_without_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    here = attempts._InProcess()
    for number in range(attempts.KEPT + 10):
        here.add(f"key {number}", 60)
    assert len(here.counts) <= attempts.KEPT


def test_what_is_no_address_still_counts() -> None:
    name = _name()
    for _ in range(attempts.PAIR_LIMIT[0]):
        attempts.failed(name=name, host="not an address \udcff")
    assert attempts.blocked(name=name, host="not an address \udcff")
