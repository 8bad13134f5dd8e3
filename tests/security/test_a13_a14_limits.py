"""A13, A14: every limit says its code, nothing is cut short, and slow peers hold nobody up."""

import email
import email.policy
import re
import socket
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import pytest

from tests.security.conftest import InboundDoor
from tests.security.line import READER, SENDER, Line, envelope, line, signed_in
from tests.security.test_a1_a2_smuggling import listening
from tests.transactional.egress.test_engine import drained, engine, eventually
from tests.transactional.loops import running
from tests.transactional.submission.conftest import RCPTS, SIZE, Door, Token
from transactional.listener import Door as Opened
from transactional.listener import Listeners
from transactional.models import Message
from transactional.wire.handler import Envelope, Handler, ServerConfig
from transactional.wire.reply import Reply

HEAD = "From: orders@shop.example\r\nSubject: x\r\n"


def test_a13_size_announced_or_not(door: Door, token: Token) -> None:
    def content(size: int) -> str:
        line_ = "x" * 68 + "\r\n"
        body = HEAD + "\r\n" + line_ * ((size - len(HEAD) - 4) // 70)
        return body + "x" * (size - len(body) - 2) + "\r\n"

    with signed_in(door, token) as talk:
        assert talk.ask(f"MAIL FROM:<{SENDER}> SIZE={SIZE + 1}").startswith("552 5.3.4")
        for size, wanted in ((SIZE, "250"), (SIZE + 1, "552 5.3.4"), (SIZE * 2, "552 5.3.4")):
            assert len(content(size)) == size
            envelope(talk)
            assert talk.ask(content(size) + ".").startswith(wanted), size
        # An announcement binds nobody: what comes is counted
        talk.ask(f"MAIL FROM:<{SENDER}> SIZE=10")
        talk.ask(f"RCPT TO:<{READER}>")
        talk.ask("DATA")
        assert talk.ask(content(SIZE + 1) + ".").startswith("552 5.3.4")
    assert Message.objects.count() == 1


def test_a13_recipients_commands_and_hops(door: Door, token: Token) -> None:
    with signed_in(door, token) as talk:
        talk.ask(f"MAIL FROM:<{SENDER}>")
        said = [talk.ask(f"RCPT TO:<r{n}@far.example>") for n in range(RCPTS + 1)]
        assert [one[:9] for one in said] == ["250 2.1.5"] * RCPTS + ["452 4.5.3"]
        talk.ask("RSET")
        for length, wanted in ((2_046, "250"), (2_047, "500 5.5.2"), (100_000, "500 5.5.2")):
            assert talk.ask("NOOP " + "x" * (length - 5)).startswith(wanted), length
        received = "Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
        for hops, wanted in ((50, "250"), (51, "554 5.4.6")):
            envelope(talk)
            assert talk.ask(received * hops + HEAD + "\r\nx\r\n.").startswith(wanted), hops


@pytest.mark.parametrize("command", ["RSET", "NOOP", "HELP", "VRFY x", "EHLO x", "nonsense"])
def test_a13_ten_thousand_commands_that_lead_nowhere(intake: InboundDoor, command: str) -> None:
    with line(intake.port) as talk:
        try:
            talk.say(f"{command}\r\n" * 10_000)
        except OSError:
            pass  # it has hung up already
        said = talk.rest()
    replies = re.findall(r"(?m)^(\d{3}) ", said)
    assert replies[-1] == "421" and len(replies) <= 102


LENGTHS = (998, 999, 1_000, 10_000, 60_000, 100_000)


def test_a13_long_lines_arrive_whole_and_none_longer_than_998(
    door: Door, token: Token, settings: Any
) -> None:
    words = {length: ("word" * (length // 4 + 1))[:length] for length in LENGTHS}
    spaced = {length: ("word " * (length // 5 + 1))[: length - 1] + "." for length in LENGTHS}
    refused = []
    with signed_in(door, token) as talk:
        for length in LENGTHS:
            html = "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n"
            for kind, raw in (
                ("body", f"{HEAD}X-L: {length}\r\n\r\n{words[length]}\r\n"),
                ("html", f"{HEAD}X-L: {length}\r\n{html}\r\n<p>{words[length]}</p>\r\n"),
                ("header", f"{HEAD}X-L: {length}\r\nX-Long: {spaced[length][8:]}\r\n\r\nx\r\n"),
                (
                    "unbroken header",
                    f"{HEAD}X-L: {length}\r\nX-Long: {words[length][8:]}\r\n\r\nx\r\n",
                ),
            ):
                envelope(talk)
                said = talk.ask(raw + ".")
                if not said.startswith("250"):
                    assert said.startswith("550 5.6.0"), said
                    refused.append((kind, length))
                    envelope(talk)  # a message that is taken clears the count of mistakes
                    assert talk.ask(f"{HEAD}X-L: 0\r\n\r\nx\r\n.").startswith("250")
    with listening() as wire:
        settings.EGRESS = f"relay://127.0.0.1:{wire.port}"
        with engine():
            eventually(drained, 40)
    assert all(len(one) <= 998 for content in wire.contents for one in content.split(b"\r\n"))
    seen = set()
    for content in wire.contents:
        mail = email.message_from_bytes(content, policy=email.policy.default)
        length = int(mail["X-L"])
        if not length:
            continue
        if mail["X-Long"]:
            told = re.sub(r"\s+", " ", mail["X-Long"]).strip()
            whole = told in (spaced[length][8:], words[length][8:])
            seen.add(("header" if " " in told else "unbroken header", length))
        else:
            kind = "html" if mail.get_content_type() == "text/html" else "body"
            whole = words[length] in mail.get_content()
            seen.add((kind, length))
        assert whole, (length, "cut short or changed")
    kinds = ("body", "html", "header", "unbroken header")
    assert seen | set(refused) == {(kind, length) for kind in kinds for length in LENGTHS}
    # Only what has no space to be folded at, but the one after its name
    assert set(refused) == {("unbroken header", length) for length in LENGTHS if length > 1_000}


# -- A14


class Quick(Handler):
    async def message(self, envelope: Envelope) -> Reply:
        return Reply(250, "2.0.0", ("kept",))


def served(config: ServerConfig) -> Any:
    async def serve() -> Any:
        listeners = Listeners()
        yield await listeners.open(Opened("127.0.0.1", 0, config, Quick()))
        await listeners.close(seconds=0.1)

    return running(serve)


SERVED = 1.0  # seconds: the goal, beside 500
CONFIG = ServerConfig("mx.example", idle_timeout=1.5, data_deadline=3.0)


def test_a14_slow_and_idle_peers_hold_nobody_up_and_are_let_go(full_scale: bool) -> None:
    """An octet at a time in commands and in content, and silence; scaled: 2 s for 300, 60 for 500.

    At full scale (`make faults`) others are served within the second that is the goal.
    """
    crowd = 500 if full_scale else 60
    with ExitStack() as stack:
        port = stack.enter_context(served(CONFIG)).value
        slow: list[Line] = []
        for number in range(crowd):
            talk = Line(port)
            stack.enter_context(closing(talk))
            slow.append(talk)
            if number % 3 == 1:
                talk.ask("EHLO slow")
                envelope(talk)
        began, slowest, quickly = time.monotonic(), 0.0, 0
        while time.monotonic() - began < 4.5:
            for number, talk in enumerate(slow):
                if number % 3 != 2:  # the third says nothing
                    try:
                        talk.say(b"x")
                    except OSError:
                        continue
            asked = time.monotonic()
            with line(port) as quick:
                quick.ask("EHLO quick")
                envelope(quick)
                assert quick.ask("Subject: x\r\n\r\nx\r\n.").startswith("250")
            slowest, quickly = max(slowest, time.monotonic() - asked), quickly + 1
            time.sleep(0.3)
        ends = {talk.rest()[-60:].partition("421")[2][:6] for talk in slow}
    # Every one was told why
    assert ends <= {" 4.4.2", ""} and " 4.4.2" in ends
    print(
        f"\n{crowd} slow or silent connections: the slowest of {quickly} others took {slowest:.3f} s"
    )
    assert slowest < (SERVED if full_scale else 30)


def test_a14_content_has_a_deadline_in_all() -> None:
    """An octet now and then keeps a command's clock going, but not the content's."""
    with (
        served(replace(CONFIG, idle_timeout=2.0, data_deadline=1.0)) as server,
        line(server.value) as talk,
    ):
        talk.ask("EHLO slow")
        envelope(talk)
        octets = 0
        try:
            while octets < 100:
                talk.say(b"x")
                octets += 1
                time.sleep(0.1)
        except OSError:
            pass
        assert octets < 100
        assert talk.rest().startswith("421 4.4.2") or octets


def test_a14_the_servers_of_an_installation_have_these_limits() -> None:
    config = ServerConfig("mx.example")
    assert config.idle_timeout <= 300 and config.data_deadline <= 900
    with pytest.raises(ValueError, match="at most 300"):
        ServerConfig("mx.example", idle_timeout=301)
    assert socket.SOMAXCONN >= 128
