"""A try goes on over the other address family where none of the first one's hosts speak."""

from typing import Any

import pytest

from domains import dns, pools
from domains.models import EgressSource
from tests.dns_server import DnsServer
from tests.transactional.egress.peers import listening, reply, server
from tests.transactional.egress.test_engine import drained, engine, eventually
from tests.transactional.egress.test_shaping_engine import send
from tokens.models import Account
from transactional.models import DeliveryAttempt, Event, EventType, Recipient

pytestmark = pytest.mark.django_db(transaction=True)
FOUR, SIX = "127.0.0.10", "::1"  # our IPs
DEAD = reply("421 4.3.2 Not now")


@pytest.fixture
def both(account: Account, dns_server: DnsServer, settings: Any) -> Account:
    """Ready IPs of both families; the exchanger `four` has IPv4 alone, `six` IPv6 alone."""
    source = EgressSource.objects.create(
        account=account, address=SIX, ehlo_name="six.shop.example", state="active"
    )
    pools.add(pools.dedicated_pool(account), source)
    pools.forget()
    dns_server.publish("four.example", "A", "127.0.3.1")
    dns_server.publish("six.example", "AAAA", "::1")
    dns.forget()
    settings.EGRESS, settings.EGRESS_PRIVATE_NETS = "mx", ["127.0.0.0/8", "::1/128"]
    return account


@pytest.mark.parametrize(
    ("first", "second", "tried"),
    [
        ("four", "six", [(FOUR, "four.example"), (SIX, "six.example")]),
        ("six", "four", [(SIX, "six.example"), (FOUR, "four.example")]),
    ],
)
def test_a_host_of_the_other_family_is_tried_in_the_same_attempt(
    both: Account,
    dns_server: DnsServer,
    settings: Any,
    first: str,
    second: str,
    tried: list[tuple[str, str]],
) -> None:
    dns_server.publish("x.example", "MX", f"10 {first}.example.", f"20 {second}.example.")
    talks = {"four": "127.0.3.1", "six": "::1"}
    taking = server(lambda line: None)
    with listening({talks[first]: DEAD, talks[second]: taking}) as peers:
        settings.EGRESS_PORT = peers.port
        send(both, "x.example", 1)
        with engine():
            eventually(drained)
    recipient = Recipient.objects.get()
    assert (recipient.status, recipient.attempts) == ("delivered", 1)
    rows = list(DeliveryAttempt.objects.order_by("at", "id"))
    assert [(one.source_address, one.host) for one in rows] == tried
    assert recipient.source is not None and recipient.source.address == tried[1][0]
    told = [one for row in rows for one in row.decisions or () if one["step"] == "source"]
    assert [one["data"]["address"] for one in told] == [source for source, _ in tried]


def test_where_neither_speaks_it_is_one_deferral(
    both: Account, dns_server: DnsServer, settings: Any
) -> None:
    dns_server.publish("x.example", "MX", "10 four.example.", "20 six.example.")
    with listening({"127.0.3.1": DEAD, "::1": DEAD}) as peers:
        settings.EGRESS_PORT = peers.port
        send(both, "x.example", 1)
        with engine():
            eventually(lambda: Event.objects.filter(type=EventType.DEFERRED).exists())
    recipient = Recipient.objects.get()
    assert (recipient.status, recipient.attempts) == ("deferred", 1)
    assert Event.objects.filter(type=EventType.DEFERRED).count() == 1
    assert DeliveryAttempt.objects.count() == 2
