"""The engine against receivers that are slow, dead or ask for less: who waits, and who does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from domains import dns
from tests.dns_server import DnsServer
from tests.transactional.egress.peers import Peers, Talk, listening, reply, server, silent
from tests.transactional.egress.test_engine import engine, eventually, token
from tokens.models import Account
from transactional.egress import engine as running
from transactional.models import DeliveryAttempt, Event, QueueRow, Recipient, Stream
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, RawSubmission

pytestmark = pytest.mark.django_db(transaction=True)

MAIL = b"From: orders@shop.example\r\nSubject: Hi\r\n\r\nHello\r\n"


@contextmanager
def receivers(settings: Any, dns_server: DnsServer, **talks: Talk) -> Iterator[Peers]:
    """`name=talk`: the domain name.example, on an address of its own."""
    addresses = {name: f"127.0.3.{n}" for n, name in enumerate(talks, 1)}
    for name, address in addresses.items():
        dns_server.publish(f"{name}.example", "MX", f"10 mx.{name}.example.")
        dns_server.publish(f"mx.{name}.example", "A", address)
    dns.forget()
    with listening({addresses[name]: talk for name, talk in talks.items()}) as peers:
        settings.EGRESS = "mx"
        settings.EGRESS_PORT = peers.port
        settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]
        settings.DNS_SERVERS = ["127.0.0.1"]
        settings.DNS_PORT = dns_server.port
        yield peers


def send(account: Account, domain: str, n: int) -> None:
    principal = token(account)
    answers = accept_many(
        [
            RawSubmission(
                principal=principal, raw=MAIL, reverse_path=None, recipients=(f"u{i}@{domain}",)
            )
            for i in range(n)
        ]
    )
    assert all(isinstance(answer, Accepted) for answer in answers)


def states(domain: str) -> list[str]:
    return list(
        Recipient.objects.filter(address__endswith=f"@{domain}").values_list("status", flat=True)
    )


def delivered(domain: str, n: int) -> bool:
    return states(domain).count("delivered") == n


@pytest.fixture(autouse=True)
def _short_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions that hang are left sooner than in production."""
    monkeypatch.setattr(running, "GRACE", 0.5)


def nothing(line: str) -> None:
    return None


def test_slow_and_silent_sites_do_not_hold_up_the_others(
    account: Account, settings: Any, dns_server: DnsServer
) -> None:
    tarpit = server(nothing, pause=30)
    with receivers(settings, dns_server, slow=tarpit, mute=silent, good=server(nothing)) as peers:
        send(account, "slow.example", 40)
        send(account, "mute.example", 40)
        send(account, "good.example", 40)
        with engine(sessions=4):
            eventually(lambda: delivered("good.example", 40), 20)
            # what has no place waits in the queue, held by nobody, and has not been tried
            waiting = QueueRow.objects.filter(domain__in=("slow.example", "mute.example"))
            eventually(lambda: waiting.filter(lease=None).count() >= 60)
            parked = waiting.filter(lease=None)
            assert set(parked.values_list("attempt", flat=True)) == {0}
            reasons = {row.split(" ")[0] for row in parked.values_list("parked", flat=True) if row}
            assert reasons <= {"site_busy", "connections"}
        assert max(peers.most["127.0.3.1"], peers.most["127.0.3.2"]) <= 2
    assert set(states("slow.example")) == {"queued"}


def test_a_dead_site_is_parked_after_a_few_tries(
    account: Account, settings: Any, dns_server: DnsServer
) -> None:
    with receivers(settings, dns_server, good=server(nothing)):
        dns_server.publish("dead.example", "MX", "10 mx.dead.example.")
        dns_server.publish("mx.dead.example", "A", "127.0.3.200")
        send(account, "dead.example", 40)
        with engine(sessions=4):
            parked = QueueRow.objects.filter(parked__startswith="site_down", lease=None)
            eventually(lambda: parked.count() >= 25)
            tried = DeliveryAttempt.objects.filter(host="mx.dead.example").count()
    assert tried <= 12
    told = [one["code"] for a in DeliveryAttempt.objects.all() for one in a.decisions or ()]
    assert "site_down" in told


def test_421_slows_the_site_down_and_fails_nothing(
    account: Account, settings: Any, dns_server: DnsServer
) -> None:
    settings.RETRY_SCALE = 0.02
    busy = [reply("421 4.7.0 Too many connections, try again later")] * 12

    async def talk(reader: Any, writer: Any) -> None:
        await (busy.pop() if busy else server(nothing))(reader, writer)

    with receivers(settings, dns_server, busy=talk):
        send(account, "busy.example", 60)
        with engine(sessions=8):
            eventually(lambda: delivered("busy.example", 60), 40)
    assert Event.objects.filter(type="deferred").exists()
    told = [
        one
        for attempt in DeliveryAttempt.objects.exclude(decisions=None)
        for one in attempt.decisions
        if one["step"] == "shaping"
    ]
    assert any(one["code"] in ("slowed", "rule_connections") for one in told)


def test_messages_per_connection_are_learnt_without_failing_one(
    account: Account, settings: Any, dns_server: DnsServer
) -> None:
    with receivers(settings, dns_server, few=server(nothing, after=3)) as peers:
        send(account, "few.example", 30)
        with engine(sessions=2):
            eventually(lambda: delivered("few.example", 30), 30)
    assert not Event.objects.filter(type="deferred").exists()
    assert peers.connections["127.0.3.1"] >= 10


def test_mail_whose_deadline_passed_in_the_queue_expires_untried(
    account: Account, settings: Any, dns_server: DnsServer
) -> None:
    Stream.objects.default(account, "transactional")
    Stream.objects.of(account).update(lifetime=2)
    with receivers(settings, dns_server, mute=silent) as peers:
        send(account, "mute.example", 12)
        with engine(sessions=2):
            eventually(lambda: states("mute.example").count("expired") >= 11, 20)
    assert peers.connections["127.0.3.1"] <= 2
    said = Event.objects.filter(type="expired").first()
    assert said is not None
    assert "4.4.7" in said.data["response"]
    assert said.data["decisions"][-1]["code"] == "expired"
