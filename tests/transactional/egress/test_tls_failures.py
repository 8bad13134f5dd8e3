"""What a failure of TLS means where none is required: a try in clear, and what is remembered of it."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from tests.dns_server import DnsServer
from tests.transactional.egress.peers import Talk, server
from tests.transactional.egress.test_engine import engine, eventually
from tests.transactional.egress.test_shaping_engine import receivers, send
from tests.transactional.egress.tls_peers import Authority, Peers, serving
from tokens.models import Account
from transactional.metrics import latest_tries
from transactional.models import BrokenTls, DeliveryAttempt, Recipient, Stream

pytestmark = pytest.mark.django_db(transaction=True)

EHLO = "250-peer\r\n250 STARTTLS"


def tls_then(
    handshake: Callable[[asyncio.StreamWriter], None], in_clear: Callable[[str], str | None]
) -> tuple[Talk, list[str]]:
    """A server that offers STARTTLS, answers it with what `handshake` does, and answers in clear."""
    heard: list[str] = []
    plain = server(lambda said: EHLO if said.startswith("EHLO") else in_clear(said))

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def listen() -> bytes:
            line = await real()
            heard.append(line.decode("latin-1").strip())
            if line.startswith(b"STARTTLS"):
                handshake(writer)
                await writer.drain()
                await reader.read()
                return b""
            return line

        real = reader.readline
        reader.readline = listen  # type: ignore[method-assign]
        await plain(reader, writer)

    return talk, heard


def reset(writer: asyncio.StreamWriter) -> None:
    """The handshake is broken off."""
    writer.write(b"220 go\r\n")
    asyncio.get_running_loop().call_later(0.05, writer.transport.abort)


def takes_all(said: str) -> None:
    return None


def tried(domain: str, n: int = 1) -> Callable[[], bool]:
    return lambda: (
        Recipient.objects.filter(address__endswith=f"@{domain}", attempts__gte=1).count() >= n
    )


def test_one_broken_handshake_sends_that_mail_in_clear_and_no_other(
    account: Account, settings: Any, dns_server: DnsServer
) -> None:
    talk, heard = tls_then(reset, takes_all)
    with receivers(settings, dns_server, breaks=talk), engine():
        for n in (1, 2):
            send(account, "breaks.example", 1)
            eventually(lambda n=n: Recipient.objects.filter(status="delivered").count() == n, 20)
    assert heard.count("STARTTLS") == 2  # the second one asked for TLS anew, on a new connection
    assert BrokenTls.objects.count() == 0
    assert set(DeliveryAttempt.objects.values_list("tls", "stage")) == {
        ("in clear: TLS failed there", "dot")
    }
    [share] = [one for one in latest_tries() if one.name == "tls_ratio"]
    assert share.samples == [({}, 0.0)]  # in clear is not under TLS


def test_a_server_that_takes_nothing_in_clear_either_is_not_remembered(
    account: Account, settings: Any, dns_server: DnsServer
) -> None:
    """Octets in clear behind the 220: as certain as a failure can be, but the server is ill altogether."""

    def inject(writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 go\r\n250 more\r\n")

    ill = {"MAIL": "421 4.3.2 Not now", "demands": "530 5.7.0 Must issue a STARTTLS command first"}
    late, _ = tls_then(inject, lambda said: ill["MAIL"] if said.startswith("MAIL") else None)
    demands, _ = tls_then(inject, lambda said: ill["demands"] if said.startswith("MAIL") else None)
    with receivers(settings, dns_server, late=late, demands=demands), engine():
        send(account, "late.example", 1)
        send(account, "demands.example", 1)
        eventually(lambda: tried("late.example")() and tried("demands.example")(), 20)
        eventually(lambda: DeliveryAttempt.objects.count() >= 2)
    assert BrokenTls.objects.count() == 0
    last = DeliveryAttempt.objects.filter(host="mx.demands.example").order_by("id").first()
    assert last is not None and last.stage == "starttls"
    assert last.reply.startswith(
        "no TLS (octets in clear after the STARTTLS reply), and nothing in"
    )
    row = Recipient.objects.get(address__endswith="@demands.example")
    assert row.status == "deferred"  # 530 is about TLS: it ends no mail


def test_a_421_to_starttls_is_a_refusal_that_slows_us_down_and_no_failure_of_tls(
    account: Account, settings: Any, dns_server: DnsServer
) -> None:
    def busy(writer: asyncio.StreamWriter) -> None:
        writer.write(b"421 4.7.0 Try again later\r\n")
        writer.close()

    talk, heard = tls_then(busy, takes_all)
    settings.RETRY_SCALE = 1.0
    for required in (False, True):
        Stream.objects.default(account, "transactional")
        Stream.objects.update(tls="required" if required else "opportunistic")
        heard.clear()
        DeliveryAttempt.objects.all().delete()
        with receivers(settings, dns_server, busy=talk), engine():
            send(account, "busy.example", 1)
            eventually(lambda: DeliveryAttempt.objects.exists(), 20)
        one = DeliveryAttempt.objects.get()
        assert (one.stage, one.code) == ("starttls", 421)
        assert heard.count("STARTTLS") == 1 and not any(x.startswith("MAIL") for x in heard)
        codes = [(d["step"], d["code"]) for d in one.decisions]
        assert ("shaping", "slowed") in codes and ("retry", "throttled") in codes
    assert BrokenTls.objects.count() == 0


def test_a_server_that_rejects_tls_behind_the_handshake_gets_the_mail_in_clear(
    account: Account, settings: Any, dns_server: DnsServer, tmp_path: Any
) -> None:
    """TLS 1.3: the client has finished before the server checks, here for a certificate of the client."""
    authority = Authority(tmp_path)
    context, _ = authority.context("mx.late.test")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.pem)
    made = Peers({}, authority.context("web.test")[0])
    made.add("late", context)
    with serving(made):
        settings.EGRESS, settings.EGRESS_PORT = "mx", made.port
        settings.EGRESS_PRIVATE_NETS, settings.RETRY_SCALE = ["127.0.0.0/8"], 1.0
        dns_server.publish("late.test", "MX", "10 mx.late.test.")
        dns_server.publish("mx.late.test", "A", made.addresses["late"])
        with engine():
            send(account, "late.test", 1)
            eventually(lambda: Recipient.objects.filter(status="delivered").exists(), 20)
        assert made.kept.mail == [("u0@late.test", False)]
        Stream.objects.update(tls="required")
        with engine():
            send(account, "late.test", 1)
            eventually(lambda: DeliveryAttempt.objects.count() == 2, 20)
    first, second = DeliveryAttempt.objects.order_by("id")
    assert (first.stage, first.tls) == ("dot", "in clear: TLS failed there")
    assert second.stage == "starttls" and "TLS ended before the first reply" in second.reply
    assert len(made.kept.mail) == 1
