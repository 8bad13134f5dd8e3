"""A retry leaves from the IP of the try before, which a greylist knows the sender by (faults S1)."""

import asyncio
import math
from collections import Counter, defaultdict
from typing import Any

import pytest

from domains import pools
from domains.models import EgressSource
from domains.pools import UsableSource, choose
from domains.sites import Site
from tests.transactional.egress.sink import Sink, running
from tests.transactional.egress.test_engine import drained, engine, eventually, send_raw
from tokens.models import Account
from transactional.egress import shaping
from transactional.egress.route import Route, Target
from transactional.egress.shaping import Permit, Shaper
from transactional.models import DeliveryAttempt
from transactional.wire.handler import Envelope
from transactional.wire.reply import Reply

A = UsableSource(1, "203.0.113.1", "a.example", 1)
B = UsableSource(2, "203.0.113.2", "b.example", 99)
ROUTE = Route((Target("mx.a.example", "192.0.2.1", 25),), site=Site("a.example"), code="mx")


@pytest.mark.django_db(transaction=True)
def test_every_try_of_a_greylisted_message_has_the_ip_of_the_first(
    account: Account, settings: Any
) -> None:
    second = EgressSource.objects.create(
        account=account, address="127.0.0.60", ehlo_name="w.shop.example", state="active"
    )
    pools.add(pools.dedicated_pool(account), second)
    pools.forget()
    settings.RETRY_SCALE = 0.01
    tries: dict[str, list[str]] = defaultdict(list)

    def greylist(envelope: Envelope, number: int) -> Reply | None:
        seen = tries[envelope.rcpts[0]]
        seen.append(envelope.peer)
        return Reply(451, "4.7.1", ("Greylisted, come back",)) if len(seen) < 3 else None

    with running(Sink(greylist)) as sink, engine():
        settings.EGRESS = f"relay://127.0.0.1:{sink.port}"
        send_raw(account, 20)
        sink.wait_for(60, 40)
        eventually(drained)
    assert {len(peers) for peers in tries.values()} == {3}
    assert [peers for peers in tries.values() if len(set(peers)) > 1] == []
    # First tries have the pool's weights
    assert {peers[0] for peers in tries.values()} == {"127.0.0.10", "127.0.0.60"}
    told: Counter[tuple[int, str]] = Counter()
    for one in DeliveryAttempt.objects.all():
        step = next(step for step in one.decisions if step["step"] == "source")
        told[one.number, step["code"]] += 1
        if one.number > 1:
            assert [other["code"] for other in step["data"]["others"]] == ["not_kept"]
    assert told == {(1, "weighted"): 20, (2, "kept"): 20, (3, "kept"): 20}


def test_the_ip_is_kept_while_it_is_fit_and_no_longer() -> None:
    def kept(**asked: Any) -> pools.Choice:
        return choose((A, B), ipv6=False, kind="transactional", keep=A.id, **asked)

    for _ in range(50):
        assert (kept().source, kept().code) == (A, "kept")
    assert [one.row() for one in kept().passed] == [{"address": B.address, "code": "not_kept"}]
    assert kept(within_budget=lambda source: source is B).source is B
    refused = [kept(health=lambda source: 0.05 if source is A else 1.0) for _ in range(50)]
    assert {one.code for one in refused} == {"weighted"}
    assert choose((B,), ipv6=False, kind="transactional", keep=A.id).code == "only"


def test_a_retry_waits_a_little_for_the_ip_that_has_no_place_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        shaper = Shaper(sessions=20, scale=1.0)
        busy = shaper.cell(A.address, ROUTE)
        shaper.gate(ROUTE, "a.example").proven_until = math.inf  # it has answered before

        def draw(fit: tuple[UsableSource, ...]) -> pools.Choice:
            return choose(fit, ipv6=False, kind="transactional", keep=A.id)

        async def enter(keep: int | None) -> str:
            found = await shaper.enter(ROUTE, "a.example", (A, B), draw, keep=keep)
            assert isinstance(found, Permit)
            return found.source.address

        asked = shaper.enter(ROUTE, "a.example", (A,), draw)
        first = await asked
        assert isinstance(first, Permit)
        now = asyncio.get_running_loop().time()
        while busy.inflight < busy.allowed(now):
            busy.take(now)
        assert await enter(None) == B.address  # a first try takes what has room
        with monkeypatch.context() as patient:
            patient.setattr(shaping, "PATIENCE", 30.0)
            waiting = asyncio.ensure_future(enter(A.id))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            shaper.leave(first)
            assert await waiting == A.address
        assert await enter(A.id) == B.address  # in vain: half a second later another one

    asyncio.run(main())
