"""A15: addresses beyond ASCII and at the edge of the grammar, through both doors and out again."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from domains import idn
from tests.security.line import READER, SENDER, line, signed_in
from tests.transactional.api.conftest import Api
from tests.transactional.egress.test_engine import drained, engine, eventually
from tests.transactional.submission.conftest import Door, Token
from transactional.models import Email, Recipient

LOCAL, LONG = "a" * 64, "x" * 60
GREEK = "δοκιμή@παράδειγμα.δοκιμή"
# The address → whether SMTP takes it (after RCPT and DATA) and the API takes it
ADDRESSES: dict[str, bool] = {
    GREEK: True,
    "anna@παράδειγμα.δοκιμή": True,
    "anna@xn--hxajbheg2az3al.xn--jxalpdlp": True,
    f"{LOCAL}@far.example": True,
    f"{LOCAL}a@far.example": False,
    f"a@{'.'.join([LONG] * 4)}.example": True,
    f"aa@{'.'.join([LONG] * 4)}.example": True,  # 254 octets
    f"aaa@{'.'.join([LONG] * 4)}.example": False,
    f"{'a' * 60}@{'.'.join([LONG] * 4)}.example": False,
    "a@" + "x" * 64 + ".example": False,
    "a..b@far.example": False,
    ".a@far.example": False,
    "a.@far.example": False,
    "a@far.example.": False,
    "a@.far.example": False,
    "a@far..example": False,
    "a@-far.example": False,
    "a@xn--a.example": False,
    "a@xn--zzzzzzzzzz99999.example": False,
    "anna\uff20far.example": False,
    "an\u200bna@far.example": False,
    "\u202eanna@far.example": False,
    "anna@f\u200bar.example": False,
    "anna@far\u2066.example": False,
    "a\x7fb@far.example": False,
    "a@[127.0.0.1]": False,
    "a@[10.0.0.1]": False,
    "a@[IPv6:::1]": False,
    "a@[IPv6:fe80::1]": False,
    "a@[::1]": False,
    "a@127.0.0.1": False,
    "@far.example": False,
    "a@": False,
    "a": False,
}


def test_a15_addresses_by_smtp(door: Door, token: Token) -> None:
    wrong = {}
    for address, wanted in ADDRESSES.items():
        with signed_in(door, token) as talk:
            talk.ask(f"MAIL FROM:<{SENDER}> SMTPUTF8")
            said = talk.ask(f"RCPT TO:<{address}>".encode())
            if said.startswith("250"):
                talk.ask("DATA")
                said = talk.ask("From: orders@shop.example\r\nSubject: x\r\n\r\nx\r\n.")
            taken = said.startswith("250")
            if taken != wanted or not (taken or said.startswith(("553", "550", "501", "500"))):
                wrong[address] = said
    assert wrong == {}
    assert Recipient.objects.count() == sum(ADDRESSES.values())


def test_a15_addresses_by_the_api(api: Api, email: Email) -> None:
    wrong = {}
    for address, wanted in ADDRESSES.items():
        answer = api.send(email, message={"to": address})
        found = answer.json()
        taken = answer.status_code == 200 and found.get("sendResult") is None
        if taken != wanted or answer.status_code >= 500:
            wrong[address] = found
    assert wrong == {}


def test_a15_beyond_ascii_only_where_the_client_asked_for_it(door: Door, token: Token) -> None:
    with signed_in(door, token) as talk:
        talk.ask(f"MAIL FROM:<{SENDER}>")
        assert talk.ask(f"RCPT TO:<{GREEK}>".encode()).startswith("553 5.6.7")
        assert talk.ask(b"RCPT TO:<\xff\xfe@far.example>").startswith("501 5.5.2")
        assert talk.ask(f"RCPT TO:<{READER}>").startswith("250")
    with line(door.tls_port, tls=door.context()) as talk:
        assert "250-SMTPUTF8" in talk.ask("EHLO client.example")


def peer(*extensions: str, seen: list[bytes]) -> Any:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 peer\r\n")
        while said := await reader.readline():
            seen.append(said)
            verb = said[:4].upper()
            if verb == b"EHLO":
                offered = ["peer", *extensions]
                lines = [f"250-{one}\r\n" for one in offered[:-1]] + [f"250 {offered[-1]}\r\n"]
                writer.write("".join(lines).encode())
            elif verb == b"DATA":
                writer.write(b"354 go\r\n")
                seen.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"250 2.0.0 Ok\r\n")
            else:
                writer.write(b"250 2.0.0 Ok\r\n")
        writer.close()

    return talk


@contextmanager
def serving(talk: Any) -> Iterator[int]:
    started, stop, ports = threading.Event(), [], []

    async def serve() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=1 << 20)
        ports.append(server.sockets[0].getsockname()[1])
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        stop.append(lambda: loop.call_soon_threadsafe(done.set))
        started.set()
        await done.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(60)
    try:
        yield ports[0]
    finally:
        stop[0]()
        thread.join(10)


@pytest.mark.parametrize("offered", [True, False])
def test_a15_utf8_leaves_only_where_the_receiver_takes_it(
    door: Door, token: Token, settings: Any, offered: bool
) -> None:
    with signed_in(door, token) as talk:
        for address in (GREEK, "anna@παράδειγμα.δοκιμή"):
            talk.ask(f"MAIL FROM:<{SENDER}> SMTPUTF8")
            assert talk.ask(f"RCPT TO:<{address}>".encode()).startswith("250")
            talk.ask("DATA")
            said = talk.ask("From: orders@shop.example\r\nSubject: x\r\n\r\nx\r\n.")
            assert said.startswith("250")
    seen: list[bytes] = []
    extensions = ("8BITMIME", "SMTPUTF8") if offered else ("8BITMIME",)
    with serving(peer(*extensions, seen=seen)) as port:
        settings.EGRESS = f"relay://127.0.0.1:{port}"
        with engine():
            eventually(drained, 30)
    rows = {row.address.partition("@")[0]: row for row in Recipient.objects.all()}
    said_rcpt = [one for one in seen if one.upper().startswith(b"RCPT")]
    # ASCII before the @ needs no extension: the domain leaves as A-labels
    assert rows["anna"].status == "delivered"
    assert b"RCPT TO:<anna@xn--hxajbheg2az3al.xn--jxalpdlp>\r\n" in said_rcpt
    greek = rows["δοκιμή"]
    if offered:
        assert greek.status == "delivered"
        assert any(b"SMTPUTF8" in one for one in seen if one.upper().startswith(b"MAIL"))
    else:
        assert greek.status == "bounced" and "5.6.7" in greek.reply
        assert all(one.isascii() for one in seen)


def test_a15_look_alikes_are_told_and_shown_as_they_are_written() -> None:
    for name in ("раypal.com", "раypal.com".encode("idna").decode()):
        found = idn.lookalike(name)
        assert found is not None and found.seems == "paypal"
        assert found.mixed == ("CYRILLIC", "LATIN")
    assert Recipient._meta.get_field("address").max_length >= 254
