"""The claim: order of lanes, fairness among streams, bounded walks, leases that never overlap."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from unittest.mock import patch

import pytest

from domains import pools
from tests.cast import make_account
from tests.transactional.queue.rows import queue, streams
from tokens.models import Account
from transactional.egress.engine import connect
from transactional.models import Lane, QueueRow
from transactional.queue import Caps, Claimed, Claimer
from transactional.queue import claim as claiming

pytestmark = pytest.mark.django_db(transaction=True)

EVERY = (Lane.URGENT, Lane.NORMAL, Lane.BULK)


def claims(claimer: Claimer, *limits: int) -> list[Claimed]:
    async def ask() -> list[Claimed]:
        async with await connect() as connection:
            return [await claimer.claim(connection, limit=limit) for limit in limits]

    return asyncio.run(ask())


def shares(found: Claimed) -> Counter[int]:
    return Counter(job.stream_id for job in found.jobs)


def test_a_backlog_of_one_stream_does_not_stand_before_anothers_mail(account: Account) -> None:
    big, small, late = streams(account, 3)
    queue(account, big, 500, due=-3600)
    queue(account, small, 3)
    queue(account, late, 1, due=+60)
    (first,) = claims(Claimer(EVERY), 40)
    assert shares(first) == {big: 20, small: 3}
    assert first.more
    # within a stream the oldest come first
    given = {job.id for job in first.jobs if job.stream_id == big}
    oldest = QueueRow.objects.filter(stream_id=big).order_by("due_at").values_list("id", flat=True)
    assert given == set(oldest[:20])


def test_alone_a_stream_gets_all_the_room_there_is(account: Account) -> None:
    (only,) = streams(account, 1)
    queue(account, only, 100)
    first, second, third = claims(Claimer(EVERY), 40, 60, 40)
    assert [len(one.jobs) for one in (first, second, third)] == [40, 60, 0]
    assert not third.more


def test_a_claim_brings_no_more_of_a_stream_than_its_cap(account: Account) -> None:
    full, known, new = streams(account, 3)
    for stream in (full, known, new):
        queue(account, stream, 30)
    queue(account, full, 5, lane=Lane.BULK)
    caps = Caps(40, 9, {(Lane.NORMAL, full): 0, (Lane.NORMAL, known): 4})

    async def ask() -> Claimed:
        async with await connect() as connection:
            return await Claimer(EVERY).claim(connection, caps=caps)

    found = asyncio.run(ask())
    assert Counter((job.lane, job.stream_id) for job in found.jobs) == {
        (Lane.NORMAL, known): 4,
        (Lane.NORMAL, new): 9,
        (Lane.BULK, full): 5,
    }
    assert found.more  # of what was cut there may be more once there is room


def test_with_less_room_than_streams_each_has_its_turn(account: Account) -> None:
    many = streams(account, 9)
    for stream in many:
        queue(account, stream, 5)
    served: Counter[int] = Counter()
    for found in claims(Claimer(EVERY), *[2] * 14):
        served += shares(found)
    assert set(served) == set(many)
    assert max(served.values()) - min(served.values()) <= 2


def test_a_long_walk_is_cut_and_goes_on_where_it_stopped(account: Account) -> None:
    many = streams(account, 7)
    for stream in many[:-1]:
        queue(account, stream, 1, due=+600)
    queue(account, many[-1], 1)
    with patch.object(claiming, "VISITS", 3):
        found = claims(Claimer(EVERY), 10, 10, 10, 10)
    assert [len(one.jobs) for one in found] == [0, 0, 1, 0]
    assert [one.more for one in found[:2]] == [True, True]  # the engine looks on at once
    assert found[2].jobs[0].stream_id == many[-1]


def test_urgent_goes_first_and_bulk_has_its_turn_before_normal(account: Account) -> None:
    one, two = streams(account, 2)
    queue(account, one, 3, lane=Lane.URGENT)
    queue(account, one, 200, lane=Lane.NORMAL)
    queue(account, two, 200, lane=Lane.BULK)
    found = claims(Claimer(EVERY), *[10] * claiming.BULK_TURN)
    lanes = [Counter(job.lane for job in one.jobs) for one in found]
    assert lanes[0] == {Lane.URGENT: 3, Lane.NORMAL: 7}
    assert [set(seen) for seen in lanes[1:-1]] == [{Lane.NORMAL}] * (claiming.BULK_TURN - 2)
    assert lanes[-1] == {Lane.BULK: 10}


def test_a_claim_can_be_kept_to_the_streams_of_some_pools(account: Account) -> None:
    (mine,) = streams(account, 1)
    other = make_account("Other", domain="other.example", address="127.0.0.12")
    (theirs,) = streams(other, 1)
    queue(account, mine, 5)
    queue(other, theirs, 5)
    pool = pools.dedicated_pool(other).pk
    kept, none = claims(Claimer(EVERY, pools=[pool]), 20), claims(Claimer(EVERY, pools=[]), 20)
    assert shares(kept[0]) == {theirs: 5}
    assert none[0].jobs == ()


def test_what_is_held_or_claimed_beside_is_never_claimed_twice(account: Account) -> None:
    one, two = streams(account, 2)
    for stream in (one, two):
        queue(account, stream, 50)
        queue(account, stream, 5, held=True)

    async def race() -> list[Sequence[Claimed]]:
        async def one_engine() -> list[Claimed]:
            claimer = Claimer(EVERY)
            async with await connect() as connection:
                return [await claimer.claim(connection, limit=15) for _ in range(12)]

        return await asyncio.gather(*(one_engine() for _ in range(4)))

    found = [job.id for engine in asyncio.run(race()) for claimed in engine for job in claimed.jobs]
    assert len(found) == len(set(found)) == 100
    assert QueueRow.objects.filter(lease=None).count() == 0


def test_who_delivers_bulk_mail_too_leaves_urgent_mail_to_its_own_worker_for_a_moment(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A moment that outlasts this test, however slow the machine
    monkeypatch.setattr(claiming, "HELP_AFTER", 60.0)
    monkeypatch.setattr(claiming, "_text", claiming._text.__wrapped__)
    (only,) = streams(account, 1)
    queue(account, only, 2, lane=Lane.URGENT, due=-0.01)
    queue(account, only, 2, lane=Lane.URGENT, due=-claiming.HELP_AFTER - 1)
    queue(account, only, 1, lane=Lane.BULK)
    (helper,) = claims(Claimer(EVERY, helps=True), 40)
    assert Counter(job.lane for job in helper.jobs) == {Lane.URGENT: 2, Lane.BULK: 1}
    (own,) = claims(Claimer((Lane.URGENT,)), 40)
    assert len(own.jobs) == 2
