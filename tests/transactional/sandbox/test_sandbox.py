import http.server
import smtplib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import dkim as oracle
import pytest
from pytest_django import Settings

from domains import dkim
from domains.models import DkimKey
from domains.records import key_record
from tests.transactional.loops import Running, running
from tests.transactional.mail import delivered_mail
from tokens.models import Account
from transactional import signing
from transactional.inbound.server import Intake
from transactional.listener import Door, Listeners
from transactional.models import Contact, Event, Recipient, Status, Suppression
from transactional.sandbox import simulators, sink
from transactional.sandbox.simulators import Simulators, first_url, role_of
from transactional.wire.handler import ServerConfig


class Web(http.server.BaseHTTPRequestHandler):
    """Stands for our web: keeps what it is asked for. The first request finds it not ready."""

    def do_GET(self) -> None:
        # What we gave the server, whose class does not know it
        hits = self.server.hits  # type: ignore[attr-defined]
        hits.append((self.path, self.headers["User-Agent"]))
        self.send_response(503 if len(hits) == 1 else 302)
        self.send_header("Location", "http://127.0.0.1:1/never-followed")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


@dataclass
class Sandbox:
    port: int
    base: str
    hits: list[tuple[str, str]]
    simulators: Simulators
    intake: Intake
    loop: Running

    def send(self, to: str, raw: bytes, sender: str = "b@shop.example") -> None:
        with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as client:
            client.sendmail(sender, [to], raw)
        self.loop.call(self.simulators.settle)

    def stored(self) -> list[bytes]:
        store = sink.maildir()
        return [store.read(name) or b"" for name in store.names()]


@pytest.fixture
def sandbox(
    transactional_db: None, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sandbox]:
    settings.DATA_DIR = tmp_path
    settings.SANDBOX_SMTP_PORT = 0
    monkeypatch.setattr(simulators, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(simulators, "AFTER", 0.01)
    monkeypatch.setattr(simulators, "READING", 0.02)
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    # An attribute of our own; see Web, which fills it
    web.hits = []  # type: ignore[attr-defined]
    threading.Thread(target=web.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{web.server_port}"

    async def serve() -> AsyncIterator[tuple[int, Simulators, Intake]]:
        listeners = Listeners()
        intake = Intake()
        inbound = await listeners.open(Door("127.0.0.1", 0, ServerConfig("mx.example"), intake))
        fbl = f"fbl@{settings.MAIL_HOST}"
        crew = Simulators(inbound_port=inbound, public_url=base, fbl=fbl, bind="127.0.0.1")
        crew.start()
        port = await sink.open_sink(listeners, crew)
        yield port, crew, intake
        await listeners.close()
        await crew.close()
        await intake.close()

    with running(serve) as server:
        port, crew, intake = server.value
        yield Sandbox(port, base, web.hits, crew, intake, server)  # type: ignore[attr-defined]
    web.shutdown()
    web.server_close()


def letter(html: str = "<p>hi</p>") -> bytes:
    return (
        "From: Shop <orders@shop.example>\r\nTo: <reader@a.sandbox.test>\r\nSubject: Hi\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        f"{html}\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("address", "role"),
    [
        ("bounce@a.sandbox.test", "bounce"),
        ("Bounce+tag@SANDBOX.test", "bounce"),
        ("opened+1@x.y.sandbox.test", "opened"),
        ("refuse@a.sandbox.test", "refuse"),
        ("bounce@shop.example", ""),
        ("bounce@evilsandbox.test", ""),
        ("someone@a.sandbox.test", ""),
        ("postmaster", ""),
    ],
)
def test_which_addresses_are_simulators(address: str, role: str) -> None:
    assert role_of(address) == role


def test_a_delivered_message_is_a_file_with_its_trace_on_top(sandbox: Sandbox) -> None:
    sandbox.send("delivered+x@a.sandbox.test", letter(), sender="b1@b1.shop.example")
    [stored] = sandbox.stored()
    head, below = stored.split(b"From: Shop", 1)
    assert head.startswith(b"Return-Path: <b1@b1.shop.example>\r\n")
    assert b"\r\nDelivered-To: delivered+x@a.sandbox.test\r\nReceived: from " in head
    assert b"From: Shop" + below == letter()


def test_what_arrived_still_verifies(sandbox: Sandbox, account: Account) -> None:
    records = {
        f"{row.selector}._domainkey.shop.example.".encode(): key_record(row).encode()
        for row in DkimKey.objects.filter(domain__account=account)
    }
    keys = dkim.signing_keys(account.pk, "shop.example")
    signed = dkim.sign(letter(), keys=keys, at=int(time.time())) + letter()
    sandbox.send("delivered@a.sandbox.test", signed)
    [stored] = sandbox.stored()
    assert stored.endswith(signed)
    for index in range(len(keys)):
        verifier = oracle.DKIM(stored)
        assert verifier.verify(idx=index, dnsfunc=lambda name, timeout=5: records[name])


def test_refuse_is_refused_at_rcpt(sandbox: Sandbox) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        sandbox.send("refuse+1@a.sandbox.test", letter())
    assert refused.value.recipients["refuse+1@a.sandbox.test"][0] == 550
    assert sandbox.stored() == []


def test_defer_asks_each_envelope_to_come_back_once(sandbox: Sandbox) -> None:
    for sender in ("one@b.example", "two@b.example"):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            sandbox.send("defer@a.sandbox.test", letter(), sender=sender)
        assert refused.value.recipients["defer@a.sandbox.test"][0] == 451
        sandbox.send("defer@a.sandbox.test", letter(), sender=sender)
    assert len(sandbox.stored()) == 2


def events(recipient: Recipient) -> list[str]:
    rows = Event.objects.filter(recipient_id=recipient.pk)
    return sorted(rows.values_list("type", flat=True))


def test_bounce_comes_back_as_a_dsn(sandbox: Sandbox, account: Account) -> None:
    one = delivered_mail(account, "bounce@a.sandbox.test")
    path = signing.verp(one.pk, "b1.shop.example")
    sandbox.send("bounce@a.sandbox.test", letter(), sender=path)
    one.refresh_from_db()
    assert one.status == Status.BOUNCED
    assert events(one) == ["bounced"]
    assert Suppression.objects.of(account).get().reason == "hard_bounce"
    assert sandbox.stored() == []
    assert sandbox.intake.counted == {"bounce": 1}


def test_complaint_comes_back_as_a_feedback_report(sandbox: Sandbox, account: Account) -> None:
    one = delivered_mail(account, "complaint@a.sandbox.test")
    path = signing.verp(one.pk, "b1.shop.example")
    sandbox.send("complaint@a.sandbox.test", letter(), sender=path)
    assert events(one) == ["complained", "unsubscribed"]
    assert Contact.objects.of(account).get().unsubscribed_at is not None
    assert len(sandbox.stored()) == 1


def test_opened_and_clicked_are_hits_of_a_browser(sandbox: Sandbox) -> None:
    html = (
        f'<a href="https://elsewhere.example/c/1">x</a><a href="{sandbox.base}/c/first?a=1&amp;b=2">y</a>'
        f'<a href="{sandbox.base}/c/second">z</a><img src="{sandbox.base}/o/pixel.gif">'
    )
    sandbox.send("opened@a.sandbox.test", letter(html))
    sandbox.send("clicked@a.sandbox.test", letter(html))
    sandbox.send("delivered@a.sandbox.test", letter(html))
    # the web was not up at the first try
    assert [path for path, _ in sandbox.hits] == [
        "/o/pixel.gif",
        "/o/pixel.gif",
        "/c/first?a=1&b=2",
    ]
    assert {agent for _, agent in sandbox.hits} == {simulators.USER_AGENT}


def test_prefetched_and_scanned_are_hits_of_machines(sandbox: Sandbox) -> None:
    html = (
        f'<a href="{sandbox.base}/c/first">y</a><a href="{sandbox.base}/c/second">z</a>'
        f'<a href="https://elsewhere.example/c/1">x</a><img src="{sandbox.base}/o/pixel.gif">'
    )
    sandbox.send("prefetched@a.sandbox.test", letter(html))
    assert set(sandbox.hits) == {("/o/pixel.gif", "Mozilla/5.0")}
    sandbox.hits.clear()
    sandbox.send("scanned@a.sandbox.test", letter(html))
    assert {path for path, _ in sandbox.hits} == {"/o/pixel.gif", "/c/first", "/c/second"}
    assert {agent for _, agent in sandbox.hits} == {simulators.USER_AGENT}


def test_only_our_own_web_is_ever_asked() -> None:
    base = "http://127.0.0.1:8000"
    for url in (
        "https://127.0.0.1:8000/o/x.gif",
        "http://127.0.0.1:80001/o/x.gif",
        "http://127.0.0.1:8000@evil.example/o/x.gif",
        "http://evil.example/o/x.gif",
        "http://127.0.0.1:8000/admin/",
        "//127.0.0.1:8000/o/x.gif",
        "http://[::1/o/x.gif",
    ):
        raw = letter(f'<img src="{url}">')
        assert first_url(raw, base=base, folder="/o/") is None, url
    wanted = letter(f"<img src='{base}/o/x.gif'>")
    assert first_url(wanted, base=base, folder="/o/") == f"{base}/o/x.gif"


def test_inbound_takes_only_what_carries_our_token(sandbox: Sandbox, account: Account) -> None:
    one = delivered_mail(account)
    good = signing.verp(one.pk, "b1.shop.example")
    forged = ("ba" if good[1] != "a" else "bb") + good[2:]
    others = (
        forged,
        "someone@shop.example",
        "postmaster@shop.example",
        "fbl@far.example",
        f"{good.partition('@')[0]}%far.example@shop.example",
        "b" + "a" * 48 + "@shop.example",
    )
    for sender in ("", "someone@far.example"):
        with smtplib.SMTP("127.0.0.1", sandbox.simulators.inbound_port, timeout=30) as client:
            client.ehlo()
            client.mail(sender)
            assert client.rcpt(good)[0] == 250
            assert client.rcpt(good.upper())[0] == 250
            assert [client.rcpt(one)[0] for one in others] == [550] * len(others)
    signed = 2  # of the others, those that look like a return-path of ours
    assert sandbox.intake.counted["false return-path"] == 2 * signed
    assert sandbox.intake.counted["unknown address"] == 2 * (len(others) - signed)
