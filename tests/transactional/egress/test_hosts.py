"""Which host takes the mail: dead ones, equal ones, other families (S12), with one engine."""

import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from domains import pools
from domains.models import EgressSource, SourceState
from tests.dns_server import DnsServer
from tests.transactional.egress.peers import server
from tests.transactional.egress.test_engine import engine, eventually, token
from tests.transactional.egress.test_shaping_engine import receivers
from tests.transactional.egress.test_shaping_engine import send as send_to
from tests.transactional.egress.tls_peers import Authority, Peers, serving
from tokens.models import Account
from transactional.models import DeliveryAttempt, Recipient
from transactional.submission.accept import accept_many
from transactional.submission.request import RawSubmission
from transactional.wire import session
from transactional.wire.outcome import Capabilities
from transactional.wire.reply import Reply

pytestmark = pytest.mark.django_db(transaction=True)

RAW = b"From: orders@shop.example\r\nTo: a@x.test\r\nSubject: Hi\r\n\r\nHello\r\n"
EQUAL = 80  # messages to a domain with four equal exchangers: none is left out by chance (4 × ¾⁸⁰)


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.fixture
def peers(tmp_path: Any, dns_server: DnsServer, settings: Any) -> Iterator[Peers]:
    made = Peers({}, Authority(tmp_path).context("web.test")[0])
    for name in ("alive", "e1", "e2", "e3", "e4"):
        made.add(name)
    with serving(made):
        settings.EGRESS, settings.EGRESS_PORT = "mx", made.port
        settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8", "::1/128"]
        settings.RETRY_SCALE = 1e-5
        for name, address in made.addresses.items():
            dns_server.publish(f"{name}.test", "A", address)
        dns_server.publish("dead.test", "A", "127.0.3.9")  # nobody listens there
        dns_server.publish("second.test", "MX", "10 dead.test.", "20 alive.test.")
        dns_server.publish("both.test", "MX", "10 two.test.")
        dns_server.publish("two.test", "A", "127.0.3.9", made.addresses["alive"])
        dns_server.publish("equal.test", "MX", *(f"10 e{i}.test." for i in range(1, 5)))
        dns_server.publish("plain.test", "A", made.addresses["alive"])
        dns_server.publish("alias.test", "CNAME", "second.test.")
        dns_server.publish("six.test", "AAAA", "::1")
        yield made


def send(account: Account, *to: str) -> None:
    principal = token(account)
    asked = [
        RawSubmission(principal=principal, raw=RAW, reverse_path=None, recipients=(one,))
        for one in to
    ]
    accept_many(asked)


def test_mail_arrives_at_the_next_host_in_the_same_attempt(account: Account, peers: Peers) -> None:
    to = [f"a@{name}.test" for name in ("second", "both", "plain", "alias")]
    send(account, *to, *(f"u{i}@equal.test" for i in range(EQUAL)))
    with engine():
        eventually(lambda: not Recipient.objects.exclude(status="delivered").exists(), 40)
    assert len(peers.kept.mail) == len(to) + EQUAL
    assert set(Recipient.objects.values_list("attempts", flat=True)) == {1}
    hosts = Counter(
        DeliveryAttempt.objects.filter(recipient__address__endswith="@equal.test").values_list(
            "host", flat=True
        )
    )
    assert len(hosts) == 4 and hosts.total() == EQUAL  # spread, and each was tried once
    tries = DeliveryAttempt.objects.filter(recipient__address="a@second.test").order_by("id")
    assert [(one.host, one.stage) for one in tries] == [
        ("dead.test", "connect"),
        ("alive.test", "dot"),
    ]
    route = tries[1].decisions[0]
    assert (route["step"], route["code"]) == ("route", "mx")
    assert route["data"]["hosts"] == ["dead.test", "alive.test"]


def test_what_a_host_says_that_nobody_foresaw_is_left_for_the_next_one(
    account: Account, settings: Any, dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never counts against the message, which would be held after three."""
    real = session.read_capabilities

    def read(reply: Reply) -> Capabilities:
        if "odd" in reply.lines:
            raise KeyError("of ours")
        return real(reply)

    monkeypatch.setattr(session, "read_capabilities", read)
    odd = server(lambda said: "250-odd\r\n250 SIZE 1" if said.startswith("EHLO") else None)
    size = "250-huge\r\n250 SIZE 99999999999999999999X"
    huge = server(lambda said: size if said.startswith("EHLO") else None)
    with receivers(settings, dns_server, odd=odd, huge=huge):
        dns_server.publish("odd.example", "MX", "10 mx.odd.example.", "20 mx.huge.example.")
        send_to(account, "odd.example", 1)
        send_to(account, "huge.example", 1)
        with engine():
            eventually(lambda: not Recipient.objects.exclude(status="delivered").exists(), 40)
    tries = DeliveryAttempt.objects.filter(recipient__address__endswith="@odd.example")
    assert [(one.host, one.stage, one.reply) for one in tries.order_by("id")] == [
        ("mx.odd.example", "ehlo", "unexpected failure: KeyError"),
        ("mx.huge.example", "dot", "250 2.0.0 Ok"),
    ]
    assert set(Recipient.objects.values_list("attempts", flat=True)) == {1}


def test_a_receiver_with_ipv6_alone_needs_an_ipv6_source(account: Account, peers: Peers) -> None:
    send(account, "a@six.test")
    with engine():
        eventually(lambda: Recipient.objects.get().attempts > 0, 20)
        assert "protocol family" in Recipient.objects.get().reply
    if not has_ipv6():
        return
    six = EgressSource.objects.create(
        account=account, address="::1", ehlo_name="mail6.shop.example", state=SourceState.READY
    )
    pools.add(pools.dedicated_pool(account), six)
    pools.forget()
    with engine():
        eventually(lambda: DeliveryAttempt.objects.exists(), 20)
    attempt = DeliveryAttempt.objects.first()
    assert attempt is not None and attempt.source_address == "::1"
    assert attempt.address == f"::1:{peers.port}"
