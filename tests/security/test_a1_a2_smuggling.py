"""A1, A2: nothing but CRLF.CRLF ends a message, on its way in and on its way out."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dkim as dkimpy

from tests.security.conftest import InboundDoor
from tests.security.line import READER, SENDER, Line, envelope, line, signed_in
from tests.security.smuggling_table import NOT_THE_END, SECOND
from tests.transactional.api.conftest import Api
from tests.transactional.egress.test_engine import drained, engine, eventually, public_keys
from tests.transactional.mail import delivered_mail
from tests.transactional.submission.conftest import Door, Token
from tokens.models import Account
from transactional import signing
from transactional.models import Email, Message, Recipient

HEAD = b"From: orders@shop.example\r\nTo: reader@far.example\r\nSubject: first\r\n"
ATTACHED = (
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b\r\n"
    b"Content-Type: text/csv; name=a.csv\r\nContent-Disposition: attachment; filename=a.csv\r\n"
    b"Content-Transfer-Encoding: %b\r\n\r\n%b\r\n--b--\r\n"
)


def one_message(talk: Line, content: bytes) -> str:
    """Send content that hides a second envelope, with its end; the one reply to it."""
    talk.say(content)
    said = talk.reply()
    assert talk.ask("NOOP").startswith("250 2.0.0"), "more than one reply: a second envelope"
    return said


def test_a1_submission_sees_one_message(door: Door, token: Token) -> None:
    taken = 0
    with signed_in(door, token) as talk:
        for variant in NOT_THE_END:
            envelope(talk)
            said = one_message(talk, HEAD + b"\r\nbody" + variant + SECOND)
            assert said.startswith(("250", "554 5.6.0")), (variant, said)
            assert said.startswith("554") == (b"\0" in variant), variant
            taken += said.startswith("250")
    assert Message.objects.count() == taken == len(NOT_THE_END) - 2
    assert set(Message.objects.values_list("subject", flat=True)) == {"first"}
    assert set(Recipient.objects.values_list("address", flat=True)) == {READER}


def test_a1_the_intake_sees_one_message(intake: InboundDoor, account: Account) -> None:
    path = signing.verp(delivered_mail(account).pk, "b1.shop.example")
    with line(intake.port) as talk:
        talk.ask("EHLO peer.example")
        for variant in NOT_THE_END:
            envelope(talk, to=path)
            said = one_message(talk, HEAD + b"\r\nbody" + variant + SECOND)
            assert said.startswith(("250", "554 5.6.0")), (variant, said)
    assert {(one.mail_from, one.rcpts) for one in intake.handler.kept} == {(SENDER, (path,))}


class Wire:
    """Every octet that a delivery client has sent, one run per connection."""

    def __init__(self) -> None:
        self.port = 0
        self.runs: list[bytearray] = []

    @property
    def contents(self) -> list[bytes]:
        """What was sent between each 354 and CRLF.CRLF, as it was on the wire."""
        return [
            found
            for run in self.runs
            for found in re.findall(rb"\r\nDATA\r\n(.*?\r\n)\.\r\n", bytes(run), re.S)
        ]

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A plain receiver."""
        run = bytearray()
        self.runs.append(run)
        writer.write(b"220 wire\r\n")
        while said := await reader.readline():
            run += said
            verb = said[:4].upper()
            if verb == b"DATA":
                writer.write(b"354 go\r\n")
                run += await reader.readuntil(b"\r\n.\r\n")
            writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 2.0.0 Ok\r\n")
        writer.close()


@contextmanager
def listening() -> Iterator[Wire]:
    wire, started = Wire(), threading.Event()
    stop: list[Any] = []

    async def serve() -> None:
        server = await asyncio.start_server(wire.talk, "127.0.0.1", 0, limit=1 << 22)
        wire.port = server.sockets[0].getsockname()[1]
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(done.set))
        started.set()
        await done.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(60)
    try:
        yield wire
    finally:
        stop[0]()
        thread.join(10)


def test_a2_nothing_smuggles_out(
    door: Door, token: Token, api: Api, email: Email, settings: Any
) -> None:
    """Bodies and attachments by SMTP, values of an email by the API: all arrive as one message each."""
    sent = 0
    with signed_in(door, token) as talk:
        for variant in NOT_THE_END:
            hidden = b"body" + variant + SECOND.removesuffix(b".\r\n") + b"end\r\n"
            bodies = [b"\r\n" + hidden]
            bodies += [ATTACHED % (encoding, hidden) for encoding in (b"7bit", b"8bit")]
            for body in bodies:
                envelope(talk)
                said = one_message(talk, HEAD + body + b".\r\n").startswith("250")
                sent += said
                assert said != (b"\0" in variant)
    for variant in NOT_THE_END:
        text = (b"A" + variant + SECOND).decode()
        answer = api.send(email, customProperties={"order_id": text})
        assert answer.status_code == (400 if "\0" in text else 200), answer.content
        sent += answer.status_code == 200
    with listening() as wire:
        settings.EGRESS = f"relay://127.0.0.1:{wire.port}"
        with engine():
            eventually(drained, 120)
    octets = b"".join(wire.runs)
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", octets)
    assert len(wire.contents) == sent
    outside = b"".join(
        re.sub(rb"\r\nDATA\r\n.*?\r\n\.\r\n", b"\r\n", bytes(r), flags=re.S) for r in wire.runs
    )
    assert len(re.findall(rb"(?m)^MAIL FROM:", outside)) == sent
    assert b"evil" not in outside and b"victim" not in outside
    for content in wire.contents:
        assert not re.search(rb"(?m)^\.(?!\.)", content), "a line-initial dot was not doubled"
        # Made canonical before it was signed
        mail = re.sub(rb"(?m)^\.\.", b".", content)
        assert dkimpy.verify(mail, dnsfunc=public_keys)
