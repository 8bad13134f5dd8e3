"""The server under many questions: bounded per network, by TCP for who is real."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from domains.zone import Zone
from domains.zone.server import TCP_QUERIES, Rate, network, open_server
from tests.domains.zone.test_answer import ZONE
from tests.transactional.loops import running


@pytest.fixture
def port() -> Iterator[int]:
    async def zone() -> Zone:
        return ZONE

    async def serve() -> AsyncIterator[int]:
        listening = await open_server("127.0.0.1", 0, zone, rate=20)
        yield listening.port
        listening.close()

    with running(serve) as server:
        yield server.value


def test_a_flood_is_cut_and_a_real_client_gets_through(port: int) -> None:
    query = dns.message.make_query("p1r1.d7.dns.test", "TXT")
    replies = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for _ in range(100):
            client.sendto(query.to_wire(), ("127.0.0.1", port))
        with suppress(TimeoutError):
            while True:
                # So many come for certain; only after them is silence the end
                client.settimeout(20 if len(replies) < 60 else 0.5)
                replies.append(dns.message.from_wire(client.recv(4096)).flags & dns.flags.TC)
        cut = [flag for flag in replies if flag]
        assert 20 <= len(replies) - len(cut) < 50  # a second's worth, and a little more
        assert 20 <= len(cut) <= 40  # every other one of the rest; the others hear nothing
    assert dns.query.tcp(query, "127.0.0.1", port=port, timeout=5).answer


def test_one_connection_asks_a_bounded_number_of_times(port: int) -> None:
    wire = dns.message.make_query("dns.test", "SOA").to_wire()
    framed = len(wire).to_bytes(2, "big") + wire
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        got = b""
        client.sendall(framed * (TCP_QUERIES + 50))
        while chunk := client.recv(65536):
            got += chunk
    one = int.from_bytes(got[:2], "big") + 2
    assert len(got) == TCP_QUERIES * one


def test_a_network_shares_its_rate_and_others_have_their_own() -> None:
    rate = Rate(2)
    assert [rate.allows("192.0.2.1"), rate.allows("192.0.2.200")] == [True, True]
    assert not rate.allows("192.0.2.7") and rate.allows("198.51.100.1")
    assert network("2001:db8:1:2:3::1") == "2001:db8:1::/56"
    assert all(Rate(0).allows("192.0.2.1") for _ in range(100))
