"""How many connections to a site stay open, over all of its hosts."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.dns_server import DnsServer
from tests.transactional.egress.peers import Peers, listening, server
from tests.transactional.egress.test_engine import engine, eventually
from tests.transactional.egress.test_shaping_engine import delivered, nothing, receivers, send
from tokens.models import Account
from transactional.egress import profiles
from transactional.egress.sessions import Peer, SessionPool
from transactional.models import ShapingProfile, ShapingRule
from transactional.wire.outcome import TlsPolicy

A, B, ELSEWHERE = "127.0.3.1", "127.0.3.2", "127.0.3.3"


def peer(peers: Peers, address: str, site: str = "s.example", source: str = "") -> Peer:
    return Peer(source, "me.example", "mx", address, peers.port, TlsPolicy.OFF, site)


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not check():
            await asyncio.sleep(0.01)


async def keep(pool: SessionPool, *wanted: Peer) -> None:
    """Open a session to each, and keep them all."""
    sessions = [await pool.take(one, fresh=True) for one in wanted]
    for one, session in zip(wanted, sessions, strict=True):
        pool.give_back(one, session, most=100)


def test_room_is_made_by_closing_what_idles_at_other_hosts_of_the_site() -> None:
    async def main(peers: Peers) -> None:
        pool = SessionPool()
        a, b = peer(peers, A), peer(peers, B)
        elsewhere = peer(peers, ELSEWHERE, "other.example")
        second_ip = peer(peers, A, source="127.0.0.1")
        await keep(pool, a, a, a, elsewhere, second_ip)
        await until(lambda: (peers.open[A], peers.open[ELSEWHERE]) == (4, 1))
        pool.make_room(a, 0)  # none has to be opened: one idles there
        pool.make_room(b, 3)  # there is room
        await asyncio.sleep(0.1)
        assert peers.open[A] == 4
        pool.make_room(b, 1)
        await until(lambda: peers.open[A] == 2)
        pool.make_room(b, -1)  # more are under way than may be
        await until(lambda: peers.open[A] == 1)
        assert peers.open[ELSEWHERE] == 1
        await pool.close_idle(everything=True)

    with listening({address: server(nothing) for address in (A, B, ELSEWHERE)}) as peers:
        asyncio.run(main(peers))


@pytest.mark.django_db(transaction=True)
def test_a_site_that_allows_one_connection_gets_one_over_all_of_its_hosts(
    account: Account, settings: Any, dns_server: DnsServer
) -> None:
    profiles.fill(ShapingProfile, ShapingRule)
    ShapingProfile.objects.filter(name="default").update(connections=1)
    with receivers(settings, dns_server, a=server(nothing), b=server(nothing)) as peers:
        dns_server.publish("a.example", "MX", "10 mx.a.example.", "20 mx.b.example.")
        dns_server.publish("b.example", "MX", "10 mx.b.example.", "20 mx.a.example.")
        for _ in range(8):
            send(account, "a.example", 1)
            send(account, "b.example", 1)
        with engine(sessions=4):
            eventually(lambda: delivered("a.example", 8) and delivered("b.example", 8), 30)
        # kept open at both hosts, two connections would have carried it all
        assert peers.connections[A] + peers.connections[B] > 4
