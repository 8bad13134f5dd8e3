"""Hosts that take no connection are tried last for a while: by themselves, and with one engine."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from django.test import Client

from config import shared
from domains.pools import UsableSource
from tests.dns_server import DnsServer
from tests.faults.world import blackhole
from tests.transactional.egress.peers import Talk, reply, server
from tests.transactional.egress.test_engine import engine, eventually
from tests.transactional.egress.test_shaping_engine import nothing, receivers, send
from tokens import credentials
from tokens.models import Account
from transactional.egress import hosts_down
from transactional.egress.hosts_down import FIRST, LONGEST, PROBING, HostsDown
from transactional.egress.route import Target
from transactional.explain import Step
from transactional.metrics import hosts_that_are_down
from transactional.models import DeliveryAttempt, Message, Recipient
from transactional.wire.outcome import Outcome
from transactional.wire.reply import Reply, Stage

OURS, OTHER = "192.0.2.1", "192.0.2.2"
A1, A2 = Target("a", "198.51.100.1", 25), Target("a", "198.51.100.2", 25)
B1, B2 = Target("b", "198.51.100.3", 25), Target("b", "198.51.100.4", 25)
C = Target("c", "198.51.100.5", 25)
NOBODY = Outcome(Stage.CONNECT, error="no connection in 30 s")
TAKEN = Outcome(Stage.DOT, Reply(250))


class Clock:
    """The loop's time, as a test sets it."""

    now = 1000.0


def timed(test: Callable[[HostsDown, Clock], None]) -> None:
    async def main() -> None:
        clock = Clock()
        asyncio.get_running_loop().time = lambda: clock.now  # type: ignore[method-assign]  # minutes pass at once
        test(HostsDown(scale=1.0), clock)

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        work: Coroutine[Any, Any, None] = main()
        runner.run(work)


def order(memory: HostsDown, *targets: Target, source: str = OURS, urgent: bool = False) -> str:
    found, _ = memory.order(source, targets, urgent=urgent)
    return " ".join(f"{one.host}{one.address[-1]}" for one in found)


def test_what_took_no_connection_is_asked_last_until_one_message_has_found_it_well() -> None:
    def test(memory: HostsDown, clock: Clock) -> None:
        assert order(memory, A1, B1) == "a1 b3"
        memory.learn(OURS, A1, NOBODY)
        memory.learn(OURS, A1, NOBODY)  # one that had begun with the first: the same event
        assert order(memory, A1, B1) == "b3 a1"
        assert order(memory, A1, B1, source=OTHER) == "a1 b3"
        assert order(memory, A1) == "a1"
        _, (told,) = memory.order(OURS, [A1, B1])
        assert (told.step, told.code) == ("route", "host_down")
        assert told.data["why"] == "connect: no connection in 30 s"
        assert memory.held_back() == 1
        clock.now += FIRST
        assert memory.held_back() == 0
        assert order(memory, A1, B1, urgent=True) == "b3 a1"  # a code waits for no dead host
        assert order(memory, A1, B1) == "a1 b3"  # this one asks
        assert order(memory, A1, B1) == "b3 a1"  # and the others pass it by
        memory.learn(OURS, A1, TAKEN)
        assert order(memory, A1, B1) == "a1 b3"

    timed(test)


def test_the_time_grows_and_a_message_that_never_comes_back_shuts_nothing() -> None:
    def test(memory: HostsDown, clock: Clock) -> None:
        waits = []
        memory.learn(OURS, A1, NOBODY)
        for _ in range(6):
            began = clock.now
            while order(memory, A1, B1) != "a1 b3":
                clock.now += 1
            waits.append(clock.now - began)
            memory.learn(OURS, A1, NOBODY)
        assert waits == [60, 120, 240, 480, LONGEST, LONGEST]
        clock.now += LONGEST
        assert order(memory, A1, B1) == "a1 b3"  # and is cancelled
        clock.now += PROBING
        assert order(memory, A1, B1) == "a1 b3"
        clock.now += LONGEST
        assert order(memory, A1, B1, urgent=True) == "a1 b3"  # nobody else has come for so long

    timed(test)


def test_where_all_are_down_two_are_asked_those_of_longest_ago_first() -> None:
    def test(memory: HostsDown, clock: Clock) -> None:
        for target in (B1, A1, A2, B2, C):
            memory.learn(OURS, target, NOBODY)
            clock.now += 1
        assert order(memory, A1, A2, B1, B2, C) == "b3 a1"
        memory.learn(OURS, B1, NOBODY)
        memory.learn(OURS, A1, NOBODY)
        assert order(memory, A1, A2, B1, B2, C) == "a2 b4"
        assert order(memory, A1, A2) == "a2 a1"
        _, told = memory.order(OURS, [A1, A2, B1, B2, C])
        assert len(told) == 5
        clock.now += FIRST
        assert order(memory, A1, A2, B1, B2, C) == "a1 a2 b4"  # one asks one of them in its place

    timed(test)


@pytest.mark.parametrize(
    ("seen", "down"),
    [
        (NOBODY, True),
        (Outcome(Stage.BANNER, Reply(421, "4.7.0", ("Busy",))), True),
        (Outcome(Stage.BANNER, Reply(554)), True),
        (Outcome(Stage.EHLO, error="no answer in 60 s"), True),
        (Outcome(Stage.STARTTLS, Reply(421)), True),
        (Outcome(Stage.CONNECT, error="Too many open files", ours=True), False),
        (Outcome(Stage.STARTTLS, error="STARTTLS not offered"), False),
        (Outcome(Stage.MAIL, Reply(421)), False),
        (Outcome(Stage.RCPT, Reply(550)), False),
        (Outcome(Stage.DOT, error="connection lost", uncertain=True), False),
    ],
)
def test_only_a_host_that_would_not_speak_with_us_is_down(seen: Outcome, down: bool) -> None:
    def test(memory: HostsDown, clock: Clock) -> None:
        memory.learn(OURS, A1, seen)
        assert (order(memory, A1, B1) == "b3 a1") is down

    timed(test)


def test_the_memory_is_bounded_and_tells_of_whole_families(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts_down, "KEPT", 3)
    six = Target("a", "2001:db8::1", 25)

    def test(memory: HostsDown, clock: Clock) -> None:
        sources = [UsableSource(n, address, "me", 1) for n, address in ((1, OURS), (2, OTHER))]
        for target in (A2, B1, six, A1):
            memory.learn(OURS, target, NOBODY)
        assert order(memory, A2, C) == "a2 c5"  # forgotten: it failed longest ago
        assert memory.shut(sources[:1], [A1, B1])
        assert not memory.shut(sources, [A1, B1]) and not memory.shut(sources[:1], [A1, C])
        clock.now += FIRST
        assert not memory.shut(sources[:1], [A1, B1])

    timed(test)


def attempts(domain: str, host: str) -> int:
    return DeliveryAttempt.objects.filter(
        recipient__address__endswith=f"@{domain}", host=host
    ).count()


@pytest.mark.django_db(transaction=True)
def test_a_dead_exchanger_costs_the_first_message_and_no_other(
    account: Account, settings: Any, dns_server: DnsServer
) -> None:
    """Its SYNs get no answer; the mail goes to the second one, and tells why."""
    settings.EGRESS_TIMEOUT = 2.0
    shared.ask(lambda redis: redis.delete(hosts_down._TOLD), otherwise=None)
    with receivers(settings, dns_server, alive=server(nothing)) as peers:
        dns_server.publish("mx.hole.example", "A", "127.0.3.9")
        dns_server.publish("hole.example", "MX", "10 mx.hole.example.", "20 mx.alive.example.")
        with blackhole("127.0.3.9", peers.port), engine():
            send(account, "hole.example", 1)
            eventually(lambda: Recipient.objects.filter(status="delivered").count() == 1, 30)
            assert attempts("hole.example", "mx.hole.example") == 1
            send(account, "hole.example", 49)
            eventually(lambda: Recipient.objects.filter(status="delivered").count() == 50, 30)
            assert attempts("hole.example", "mx.hole.example") == 1
            eventually(lambda: hosts_down.counted() == 1, 15)
    assert peers.connections["127.0.3.1"] <= 5  # and kept connections are used
    [told] = hosts_that_are_down()
    assert told.samples == [({}, 1)]
    last = DeliveryAttempt.objects.filter(host="mx.alive.example").latest("id")
    [data] = [d["data"] for d in last.decisions if d["code"] == "host_down"]
    assert (data["host"], data["address"]) == ("mx.hole.example", "127.0.3.9")
    said = Step("route", "host_down", data).says
    assert "No connection came about within 1 seconds." in said and "+00" not in said
    message = Message.objects.latest("id")
    secret = key_of(account)
    answer = Client().get(
        f"/api/v1/messages/{message.pk}/explain", headers={"Authorization": f"Bearer {secret}"}
    )
    assert answer.status_code == 200 and "host_down" in answer.content.decode()


def key_of(account: Account) -> str:
    _, secret = credentials.create_api_key(
        account, name="r", scopes=["transactional-email"], by="a"
    )
    return secret


@pytest.mark.django_db(transaction=True)
def test_an_exchanger_that_is_back_is_found_by_one_message_and_has_the_mail_again(
    account: Account, settings: Any, dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts_down, "FIRST", 2.0)
    gone = True

    async def first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (reply("421 4.3.2 Going down") if gone else server(nothing))(reader, writer)

    with receivers(settings, dns_server, first=first, second=server(nothing)) as peers, engine():
        dns_server.publish("first.example", "MX", "10 mx.first.example.", "20 mx.second.example.")
        send(account, "first.example", 10)
        eventually(lambda: Recipient.objects.filter(status="delivered").count() == 10, 30)
        before = peers.connections["127.0.3.1"]
        assert attempts("first.example", "mx.second.example") == 10
        gone = False
        settled = 0

        def back() -> bool:
            nonlocal settled
            settled += 1
            send(account, "first.example", 1)
            eventually(lambda: Recipient.objects.filter(status="delivered").count() == 10 + settled)
            return DeliveryAttempt.objects.latest("id").host == "mx.first.example"

        eventually(back, 30)
        send(account, "first.example", 5)
        eventually(lambda: Recipient.objects.filter(status="delivered").count() == 15 + settled, 30)
        assert attempts("first.example", "mx.second.example") == 10 + settled - 1
        assert peers.connections["127.0.3.1"] > before


@pytest.mark.django_db(transaction=True)
def test_five_addresses_that_all_say_421_are_not_all_asked_by_each_message(
    account: Account, settings: Any, dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts_down, "FIRST", 1e6)
    settings.RETRY_SCALE = 0.001
    busy: dict[str, Talk] = {f"h{n}": reply("421 4.7.0 Try again later") for n in range(1, 6)}
    with receivers(settings, dns_server, **busy) as peers:
        dns_server.publish("h1.example", "MX", *(f"{n} mx.h{n}.example." for n in range(1, 6)))
        with engine():
            send(account, "h1.example", 1)
            eventually(lambda: Recipient.objects.get().attempts >= 4, 30)
        tries = Recipient.objects.get().attempts
    made = peers.connections.total()
    assert 5 + 2 * (tries - 1) <= made <= 5 + 2 * tries  # the last one may not be written yet
    assert all(peers.connections[f"127.0.3.{n}"] > 1 for n in (1, 2, 3))  # they take turns
