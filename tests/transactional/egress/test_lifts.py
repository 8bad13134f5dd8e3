"""What a rule has asked for ends in every worker when an operator lifts it, and stays ended."""

import asyncio
import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.utils import timezone

from config import shared
from tests.cast import Cast
from tests.emptied import emptied
from tests.transactional.egress.test_shares import (
    RULES,
    STOP,
    cell,
    during,
    until,
    worker,
)
from tests.transactional.test_lifecycle import enqueue
from transactional.egress import cell_list, lifts, shares
from transactional.egress.cell import Cell
from transactional.egress.profiles import Limits
from transactional.egress.shaping import Shaper
from transactional.models import Lane, QueueRow
from transactional.queue import parking

KEY = ("127.0.0.10", "a.example")
STATE = "shaping:state:127.0.0.10:a.example"


@pytest.fixture(autouse=True)
def server() -> redis.Redis:
    return emptied()


def suspend(shaper: Shaper) -> Cell:
    one = cell(shaper)
    one.obey(STOP, asyncio.get_running_loop().time())
    shaper.changed.add(KEY)
    return one


def test_workers_that_use_the_cell_no_more_hear_of_a_lift_too(
    server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "ACTIVE", 1.5)
    (one, first), (two, second), (late, third) = worker(), worker(), worker()

    async def work() -> None:
        a, b = suspend(one), cell(two)
        await until(lambda: b.until > 0 and bool(server.exists(STATE)))
        await asyncio.sleep(2.5)  # both are idle: neither tells, nor asks for this cell
        before = server.hvals("shaping:users:127.0.0.10:a.example")
        was, _ = lifts._lift(server, KEY, RULES)
        assert was.suspended_by == "stop"
        lifted = asyncio.get_running_loop().time()
        await until(lambda: a.until == 0 and b.until == 0)
        assert asyncio.get_running_loop().time() - lifted < lifts.HEARD + 8  # of a busy machine
        assert server.hvals("shaping:users:127.0.0.10:a.example") == before
        c = cell(late)  # begins after it
        await until(lambda: c.changed > 0)
        assert c.closed(asyncio.get_running_loop().time()) is None

    during(first, second, third, work=work)
    told = json.loads(server.get(STATE))
    assert told["until"] <= told["at"] + 1


def test_what_is_asked_for_behind_a_lift_stands_and_what_was_asked_before_does_not_come_back() -> (
    None
):
    one, slow = Cell(Limits("x"), now=0.0), Cell(Limits("x"), now=0.0)
    for each in (one, slow):
        each.obey(STOP, 10.0)
    assert one.lift(20.0, 21.0) and one.closed(21.0) is None
    slow.throttled(22.0, "receiver_throttles")  # it has not heard of the lift
    one.adopt(slow.state(0.0), 0.0)
    assert one.until == 0.0 and one.rate is not None
    one.obey(STOP, 30.0)
    assert not one.lift(20.0, 31.0)  # heard once more
    assert one.closed(31.0) is not None
    later = Cell(Limits("x"), now=0.0)
    later.obey(STOP, 50.0)
    assert not later.lift(40.0, 51.0) and later.closed(51.0) is not None


def test_a_machine_that_booted_a_moment_ago_hears_what_was_told_before() -> None:
    other = Cell(Limits("x"), now=0.0)
    other.obey(STOP, 10_000.0)
    fresh = Cell(Limits("x"), now=5.0)
    fresh.adopt(other.state(1_000_000.0), 1_010_000.0)  # it was told 5 s ago, and 0 s is the boot
    assert fresh.changed == 0.0
    fresh = Cell(Limits("x"), now=5.0)
    fresh.adopt(other.state(1_000_000.0), 1_010_100.0)  # 100 s before the boot
    assert fresh.closed(5.0) is not None
    assert fresh.lift(1.0, 5.0) and fresh.closed(5.0) is None


def test_a_lift_where_nothing_is_held_writes_nothing(server: redis.Redis) -> None:
    was, now = lifts._lift(server, KEY, RULES)
    assert was.until <= now and not server.keys("*")
    server.set(STATE, '{"at": "nonsense"')
    lifts._lift(server, KEY, RULES)
    assert server.keys("*") == [STATE]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("shaping:state:192.0.2.1:a.example", ("192.0.2.1", "a.example")),
        ("shaping:users:192.0.2.1:relay 10.0.0.1:25", ("192.0.2.1", "relay 10.0.0.1:25")),
        ("shaping:users:2001:db8::1:(a|b).example", ("2001:db8::1", "(a|b).example")),
        ("shaping:state:2001:db8::1:relay h:25", ("2001:db8::1", "relay h:25")),
        ("shaping:state:192.0.2.1:", None),
        ("shaping:state:nowhere:a.example", None),
        ("shaping:lifts", None),
        ("shaping:state:" + ":" * 3000, None),
    ],
)
def test_a_key_tells_its_ip_and_site(name: str, key: tuple[str, str] | None) -> None:
    assert cell_list.key_from(name) == key
    if key is not None:
        assert lifts.key_of(name.split(":")[1], key) == name


@pytest.mark.django_db
def test_the_list_is_bounded_filtered_and_survives_nonsense(
    server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell_list, "SHOWN", 3)
    now = lifts.time_of(server)
    for n in range(8):
        users = {
            "one": f"{now:.3f} 2",
            "two": f"{now:.3f} 1",
            "gone": f"{now - 100:.3f} 9",
            "x": "y",
        }
        server.hset(f"shaping:users:192.0.2.{n}:google", mapping=users)
    held = Cell(Limits("x"), now=now)
    held.obey(STOP, now)
    server.set(
        "shaping:state:192.0.2.200:a.example", json.dumps(held.state(0.0))
    )  # its rule is gone
    server.set("shaping:state:192.0.2.201:a.example", "][")
    found = cell_list.cells()
    assert found is not None and (len(found.rows), found.more, found.cut) == (3, 7, False)
    (one,) = cell_list.cells("192.0.2.3").rows  # type: ignore[union-attr]  # None would fail here, as it should
    assert (one.open, one.workers, one.connections, one.provider) == (3, 2, 10, "Google")
    rows = cell_list.cells("A.EXAMPLE").rows  # type: ignore[union-attr]  # as above
    assert [(row.source, row.liftable) for row in rows] == [
        ("192.0.2.200", False),
        ("192.0.2.201", False),
    ]
    monkeypatch.setattr(cell_list, "TURNS", 1)
    monkeypatch.setattr(cell_list, "STEP", 1)
    assert cell_list.cells().cut  # type: ignore[union-attr]  # as above


@pytest.mark.django_db(transaction=True)
def test_what_waits_for_the_rule_comes_one_by_one_and_nothing_later_than_it_would(
    cast: Cast,
) -> None:
    enqueue(cast.account, 6)
    ids = [row.id for row in QueueRow.objects.order_by("id")]
    now = timezone.now()
    in_an_hour = now + timedelta(hours=1)
    waiting = QueueRow.objects.filter(pk__in=ids[:4])
    waiting.update(parked="stop a.example", due_at=in_an_hour, lane=Lane.BULK)
    QueueRow.objects.filter(pk=ids[1]).update(due_at=now + timedelta(seconds=1))
    QueueRow.objects.filter(pk=ids[2]).update(lane=Lane.URGENT)
    QueueRow.objects.filter(pk=ids[4]).update(parked="incident a.example", due_at=in_an_hour)
    QueueRow.objects.filter(pk=ids[5]).update(parked="stop b.example", due_at=in_an_hour)
    lifted = lifts.Lifted("stop", "a.example", 10.0, ("other a.example", "stop a.example"))
    assert lifts.bring_back(lifted) == 4
    after = {row.pk: row for row in QueueRow.objects.all()}
    due = [round((after[pk].due_at - now).total_seconds()) for pk in ids]
    assert due[1] == 1 and due[4:] == [3600, 3600]
    assert 2 <= due[2] < 10  # urgent: first
    assert sorted(due[pk] // 10 for pk in (0, 3)) == [2, 3]
    assert Counter(after[pk].parked for pk in ids[:4]) == {"lifted a.example": 4}
    assert lifts.bring_back(lifted) == 0  # once


@pytest.mark.django_db(transaction=True)
def test_more_than_one_statement_takes_come_batch_behind_batch(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parking, "FORWARD", 2)
    enqueue(cast.account, 3)
    now = timezone.now()
    QueueRow.objects.update(parked="stop a.example", due_at=now + timedelta(hours=1))
    lifted = lifts.Lifted("stop", "a.example", 10.0, ("stop a.example",))
    assert [lifts.bring_back(lifted), lifts.bring_back(lifted, behind=2)] == [2, 1]
    due = sorted((row.due_at - now).total_seconds() for row in QueueRow.objects.all())
    assert [int(seconds) // 10 for seconds in due] == [0, 1, 2]


@pytest.mark.django_db
def test_without_redis_nothing_is_listed_or_lifted(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    shared.forget()
    try:
        assert cell_list.cells() is None
        with pytest.raises(lifts.Unreachable):
            lifts.lift(KEY)
    finally:
        shared.forget()
