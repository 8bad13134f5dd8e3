"""Silent web servers of MTA-STS policies: nobody else's mail waits for them, and their own only once."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from domains import dns
from tests.dns_server import DnsServer
from tests.transactional.egress.peers import server
from tests.transactional.egress.test_engine import engine, eventually
from tests.transactional.egress.test_shaping_engine import delivered, receivers, send, states
from tokens.models import Account
from transactional.egress import sts_fetches
from transactional.egress.lookups import Lookups
from transactional.egress.mta_sts import StsPolicies
from transactional.egress.sts_fetches import Fetches
from transactional.models import QueueRow, StsPolicy

pytestmark = pytest.mark.django_db(transaction=True)
QUIET = 50


class Silent:
    """Takes connections and never says a word."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.held: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                self.held.append(self._listener.accept()[0])

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self.held:
            one.close()


@contextmanager
def silence(settings: Any) -> Iterator[Silent]:
    web = Silent()
    settings.MTA_STS_PORT = web.port
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]
    try:
        yield web
    finally:
        web.close()


def publish(dns_server: DnsServer, domain: str) -> None:
    """A policy that cannot be fetched, and the exchanger of good.example."""
    dns_server.publish(domain, "MX", "10 mx.good.example.")
    dns_server.publish(f"_mta-sts.{domain}", "TXT", '"v=STSv1; id=1;"')
    dns_server.publish(f"mta-sts.{domain}", "A", "127.0.0.1")


def nothing(line: str) -> None:
    return None


def test_mail_to_a_plain_domain_passes_fifty_whose_policies_are_silent(
    account: Account, settings: Any, dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.fetch.SECONDS", 120.0)
    monkeypatch.setattr("transactional.egress.mta_sts.FIRST", 120.0)
    with silence(settings) as web, receivers(settings, dns_server, good=server(nothing)):
        settings.MTA_STS_PORT = web.port
        for n in range(QUIET):
            publish(dns_server, f"quiet{n}.example")
        for n in range(QUIET):
            send(account, f"quiet{n}.example", 1)
        with engine(sessions=2):
            waiting = QueueRow.objects.filter(lease=None, parked__startswith="tls_policy")
            eventually(lambda: waiting.count() > QUIET // 2, 60)
            send(account, "good.example", 3)
            eventually(lambda: delivered("good.example", 3), 60)
            # all of theirs still wait, and hold no place
            assert [states(f"quiet{n}.example") for n in range(QUIET)] == [["queued"]] * QUIET
            eventually(lambda: waiting.count() == QUIET, 60)
            assert 1 <= len(web.held) <= sts_fetches.AT_ONCE - sts_fetches.SPARE


def test_mail_goes_on_without_the_policy_and_no_second_message_waits(
    account: Account, settings: Any, dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transactional.egress.mta_sts.FIRST", 0.5)
    with silence(settings) as web, receivers(settings, dns_server, good=server(nothing)):
        publish(dns_server, "quiet.example")
        send(account, "quiet.example", 1)
        with engine(sessions=2):
            eventually(lambda: delivered("quiet.example", 1), 60)
            eventually(lambda: StsPolicy.objects.filter(domain="quiet.example").exists(), 60)
        row = StsPolicy.objects.get(domain="quiet.example")
        assert row.failed_at is not None and row.policy_id == "" and len(web.held) == 1
        # Another engine, which would wait for ever
        monkeypatch.setattr("transactional.egress.mta_sts.FIRST", 600.0)
        send(account, "quiet.example", 3)
        with engine(sessions=2):
            eventually(lambda: delivered("quiet.example", 4), 60)
        assert len(web.held) == 1


def test_one_organisation_takes_few_of_the_fetches_and_urgent_mail_goes_first(
    settings: Any, dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.fetch.SECONDS", 120.0)
    monkeypatch.setattr(sts_fetches, "AT_ONCE", 4)
    monkeypatch.setattr(sts_fetches, "SPARE", 1)

    async def main(web: Silent) -> None:
        fetches = Fetches()

        def running() -> set[str]:
            return {name for name, one in fetches._fetches.items() if one.began}

        results = [fetches.start(f"s{n}.wild.example", urgent=False) for n in range(40)]
        assert running() == {"s0.wild.example", "s1.wild.example"}
        # the rest waits, and no more than some of them
        assert sum(one.done() for one in results) == 40 - 2 - sts_fetches.WAITING_OF_ONE
        for n in range(3):
            fetches.start(f"bulk{n}.example", urgent=False)
        assert running() == {"s0.wild.example", "s1.wild.example", "bulk0.example"}
        fetches.start("code.example", urgent=True)
        assert "code.example" in running() and len(running()) == 4
        fetches.hurry("bulk2.example")  # a code waits for it now, too
        while len(web.held) < 4:
            await asyncio.sleep(0.01)
        web.close()  # they fail, and the others' turn comes
        while fetches._fetches:
            await asyncio.sleep(0.01)
        assert fetches.is_silent("new.wild.example") and not fetches.is_silent("bulk1.example")
        assert not fetches._running and not fetches._waiting

    with silence(settings) as web:
        for name in (*(f"s{n}.wild" for n in range(40)), *(f"bulk{n}" for n in range(3)), "code"):
            publish(dns_server, f"{name}.example")
        settings.DNS_SERVERS, settings.DNS_PORT = ["127.0.0.1"], dns_server.port
        dns.forget()
        asyncio.run(asyncio.wait_for(main(web), 120))


def test_a_policy_that_holds_is_used_while_it_is_fetched_again(
    settings: Any, dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.fetch.SECONDS", 120.0)
    now = timezone.now()
    StsPolicy.objects.create(
        domain="held.example", policy_id="0", mode="enforce", mx=["mx.held.example"],
        max_age=86400, fetched_at=now, expires_at=now + timedelta(hours=1),
    )  # fmt: skip

    async def main(web: Silent) -> None:
        lookups = Lookups()
        policies = StsPolicies(lookups)
        asked = await policies.of("held.example")
        assert asked.sts.policy is not None and asked.sts.policy.mx == ("mx.held.example",)
        while not web.held:  # DNS names another: it is being fetched
            await asyncio.sleep(0.01)
        assert policies.known("held.example") == asked
        lookups.close()

    with silence(settings) as web:
        publish(dns_server, "held.example")
        settings.DNS_SERVERS, settings.DNS_PORT = ["127.0.0.1"], dns_server.port
        dns.forget()
        asyncio.run(asyncio.wait_for(main(web), 60))
