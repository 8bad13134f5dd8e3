"""What the engine looks up: once for all who ask at the same time, and again after a failure."""

import asyncio
import threading
from typing import Any

import pytest

from domains import dns
from tests.dns_server import DnsServer
from transactional.egress import lookups as lookups_module
from transactional.egress.lookups import Lookups, ourselves


def test_a_fact_that_many_sessions_ask_for_at_once_is_read_once(db: None) -> None:
    read: list[str] = []
    go_on = threading.Event()

    def load() -> str:
        go_on.wait(10)
        read.append("fact")
        return "fact"

    async def main() -> list[str]:
        lookups = Lookups()
        asking = [asyncio.ensure_future(lookups._get("key", 60, load)) for _ in range(40)]
        await asyncio.sleep(0)
        asking[0].cancel()  # one who gives up takes nothing from the others
        go_on.set()
        found = await asyncio.gather(*asking[1:])
        found.append(await lookups._get("key", 60, load))
        lookups.close()
        return found

    assert asyncio.run(main()) == ["fact"] * 40
    assert read == ["fact"]


def test_a_failed_read_is_everybodys_failure_and_is_tried_again(db: None) -> None:
    answers = iter([OSError("away"), "back"])

    def load() -> str:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def main() -> str:
        lookups = Lookups()
        two = await asyncio.gather(
            *(lookups._get("key", 60, load) for _ in range(2)), return_exceptions=True
        )
        assert [type(one) for one in two] == [OSError, OSError]
        again = await lookups._get("key", 60, load)
        lookups.close()
        return again

    assert asyncio.run(main()) == "back"


@pytest.mark.django_db(transaction=True)
def test_where_our_inbound_server_is_reached_is_looked_up_beside_the_mail(
    dns_server: DnsServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAIL_HOST, settings.EGRESS = "mx.us.test", "mx"
    settings.INBOUND_ADDRESSES = ["198.41.0.30"]
    monkeypatch.setattr(lookups_module, "OWN_FRESH", 0.05)
    dns_server.publish("mx.us.test", "A", "198.41.0.20")
    dns_server.publish("mx.us.test", "AAAA", "2001:500:200::20")
    both = {"198.41.0.30", "198.41.0.20", "2001:500:200::20"}

    async def main() -> None:
        lookups = Lookups()
        assert (await lookups.own()).inbound == {"198.41.0.30"}  # no mail waits for it
        looking = asyncio.create_task(lookups.look_for_ourselves())
        while (await lookups.own()).inbound != both:
            await asyncio.sleep(0.02)
        for kind in ("A", "AAAA"):
            dns_server.fail("mx.us.test", kind)
        dns.forget()
        await asyncio.sleep(0.3)
        assert (await lookups.own()).inbound == both  # what it said last
        assert not looking.done()
        looking.cancel()
        lookups.close()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_what_it_listens_on_is_ourselves_where_that_is_one_address_and_mails_port(
    db: None, settings: Any
) -> None:
    settings.EGRESS_PORT = settings.INBOUND_PORT = 25
    for bind, known in (("198.41.0.9", {"198.41.0.9"}), ("0.0.0.0", set()), ("::", set())):
        settings.BIND = bind
        assert ourselves().inbound == known
    settings.BIND, settings.INBOUND_PORT = "198.41.0.9", 2525  # another server may have port 25
    assert ourselves().inbound == set()
