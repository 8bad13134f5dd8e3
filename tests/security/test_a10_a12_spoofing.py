"""A10, A11, A12: nobody sends in another's name, no address holds a command, commands keep their order."""

import re

import pytest

from tests.cast import Cast
from tests.security.conftest import InboundDoor
from tests.security.line import READER, SENDER, envelope, line, signed_in
from tests.transactional.api.conftest import Api
from tests.transactional.egress.sink import Sink, running
from tests.transactional.egress.test_engine import drained, engine, eventually
from tests.transactional.submission.conftest import RCPTS, Door, Token
from transactional.models import Email, Message, Recipient, SenderAddress
from transactional.wire.path import PathError, split_path

OURS, THEIRS = b"orders@shop.example", b"boss@stranger.example"
FROM = b"From: " + OURS + b"\r\n"

# Name of the trick → (MAIL FROM, header lines)
SPOOFS: dict[str, tuple[bytes, bytes]] = {
    "MAIL FROM": (THEIRS, FROM),
    "MAIL FROM, a host of theirs": (b"x@bounces.stranger.example", FROM),
    "MAIL FROM in capitals": (b"BOSS@STRANGER.EXAMPLE", FROM),
    "From": (OURS, b"From: " + THEIRS + b"\r\n"),
    "Sender": (OURS, FROM + b"Sender: " + THEIRS + b"\r\n"),
    "Reply-To": (OURS, FROM + b"Reply-To: Boss <" + THEIRS + b">\r\n"),
    "Reply-To, second of two": (OURS, FROM + b"Reply-To: " + OURS + b", " + THEIRS + b"\r\n"),
    "From twice": (OURS, FROM + b"From: " + THEIRS + b"\r\n"),
    "From twice, cases": (OURS, FROM + b"fROM: " + THEIRS + b"\r\n"),
    "From twice, bare LF": (OURS, b"From: " + OURS + b"\nFrom: " + THEIRS + b"\n"),
    "From twice, bare CR": (OURS, b"From: " + OURS + b"\rFrom: " + THEIRS + b"\r\n"),
    "two mailboxes": (OURS, b"From: " + OURS + b", " + THEIRS + b"\r\n"),
    "group": (OURS, b"From: Shop: " + THEIRS + b";\r\n"),
    "group with ours": (OURS, b"From: Shop: " + OURS + b";\r\n"),
    "comment": (OURS, b"From: " + OURS + b" (" + THEIRS + b")\r\n"),
    "comment within": (OURS, b"From: orders@shop.example(@stranger.example)\r\n"),
    "space before the colon": (OURS, b"From : " + THEIRS + b"\r\n" + FROM),
    "space before the colon alone": (OURS, b"From : " + THEIRS + b"\r\n"),
    "tab before the colon": (OURS, b"From\t: " + THEIRS + b"\r\n" + FROM),
    "folded": (OURS, b"From:\r\n " + THEIRS + b"\r\n"),
    "folded second": (OURS, b"From: " + OURS + b",\r\n " + THEIRS + b"\r\n"),
    "first line folded": (OURS, b" From: " + THEIRS + b"\r\n" + FROM),
    "NUL": (OURS, b"From:\0 " + THEIRS + b"\r\n"),
    "NUL after ours": (OURS, b"From: " + OURS + b"\0" + THEIRS + b"\r\n"),
    "encoded domain": (OURS, b"From: boss@=?utf-8?q?stranger=2Eexample?=\r\n"),
    "encoded address": (OURS, b"From: =?utf-8?b?Ym9zc0BzdHJhbmdlci5leGFtcGxl?=\r\n"),
    "encoded address as name": (
        OURS,
        b"From: =?utf-8?q?boss=40stranger=2Eexample?= <" + OURS + b">\r\n",
    ),
    "encoded line break": (OURS, b"From: =?utf-8?q?a=0D=0AFrom: b?= <" + OURS + b">\r\n"),
    "two angles": (OURS, b"From: <" + OURS + b"> <" + THEIRS + b">\r\n"),
    "source route": (OURS, b"From: <@shop.example:" + THEIRS + b">\r\n"),
    "percent": (OURS, b"From: boss%stranger.example@stranger.example\r\n"),
    "subdomain of nobody": (OURS, b"From: boss@shop.example.stranger.example\r\n"),
    "no From": (OURS, b"To: reader@far.example\r\n"),
    "empty From": (OURS, b"From: \r\n"),
    "empty angles": (OURS, b"From: <>\r\n"),
    "overriding bidi": (OURS, "From: \u202eelpmaxe <orders@shop.example>\r\n".encode()),
    "fullwidth at": (OURS, "From: boss\uff20stranger.example\r\n".encode()),
    "Unicode dot": (OURS, "From: boss@stranger\u3002example\r\n".encode()),
    "Cyrillic look-alike": (OURS, "From: orders@ѕhop.example\r\n".encode()),
}


def test_a10_nobody_sends_in_anothers_name(door: Door, token: Token, cast: Cast) -> None:
    taken = {}
    with signed_in(door, token) as talk:
        for name, (sender, headers) in SPOOFS.items():
            if taken and len(taken) % 8 == 0:
                talk.ask("RSET")
            said = talk.ask(b"MAIL FROM:<" + sender + b">")
            assert said.startswith("250"), name
            talk.ask(f"RCPT TO:<{READER}>")
            talk.ask("DATA")
            taken[name] = talk.ask(headers + b"Subject: x\r\n\r\nx\r\n.")
            if taken[name].startswith(("250", "5")) is False:
                raise AssertionError((name, taken[name]))
            if talk.ask("NOOP")[:3] != "250":  # ten mistakes end a connection
                raise AssertionError(name)
            # A message that is taken clears the count of mistakes
            envelope(talk, sender=SENDER)
            assert talk.ask(FROM + b"Subject: ours\r\n\r\nx\r\n.").startswith("250"), name
    wrong = {name: said for name, said in taken.items() if not said.startswith("550 5.7.1")}
    # What cannot be read at all is told as that
    assert {name for name, said in wrong.items() if not said.startswith("554 5.6.0")} == set(), (
        wrong
    )
    assert wrong.keys() <= {
        "space before the colon",
        "space before the colon alone",
        "tab before the colon",
        "first line folded",
        "NUL",
        "NUL after ours",
    }
    assert set(Message.objects.values_list("subject", flat=True)) == {"ours"}


def test_a10_an_address_that_its_mailbox_confirmed_may_be_answered_to(
    door: Door, token: Token, cast: Cast
) -> None:
    SenderAddress.objects.create(
        account=cast.account, address=THEIRS.decode(), sends_as=OURS.decode(), state="confirmed",
        asked_by="alice",
    )  # fmt: skip
    with signed_in(door, token) as talk:
        envelope(talk)
        said = talk.ask(FROM + b"Reply-To: " + THEIRS + b"\r\nSubject: x\r\n\r\nx\r\n.")
        assert said.startswith("250"), said
        for other in (b"me@gmail.example", b"root@[127.0.0.1]"):  # nobody's here
            envelope(talk, sender=other.decode())
            assert talk.ask(FROM + b"Subject: x\r\n\r\nx\r\n.").startswith("250")


def test_a10_the_api_refuses_the_same(api: Api, email: Email, cast: Cast) -> None:
    theirs = THEIRS.decode()
    for message in (
        {"from": theirs},
        {"from": f"orders@shop.example, {theirs}"},
        {"from": f"orders@shop.example\r\nFrom: {theirs}"},
        {"from": f"Shop: {theirs};"},
        {"from": "boss\uff20stranger.example"},
        {"replyTo": [theirs]},
        {"replyTo": ["orders@shop.example", f"Boss <{theirs}>"]},
    ):
        answer = api.send(email, message=message)
        found = answer.json()
        refused = found.get("sendResult") in ("INVALID_FROM_ADDRESS", "VALIDATION_FAILED")
        assert refused or 400 <= answer.status_code < 500, (message, found)
    assert not Recipient.objects.filter(status="queued").exists()


# -- A11

INJECTIONS = (
    "a@b.example>\r\nRCPT TO:<c@d.example",
    "a@b.example\r\nRCPT TO:<c@d.example>",
    "<a@b.example>\r\nDATA\r\n",
    '"a\r\nRCPT TO:<c@d.example>"@b.example',
    "a@b.example\nBcc: c@d.example",
    "a@b.example\rBcc: c@d.example",
    "a@b.example\0",
    "a@b.example> ORCPT=rfc822;x\r\n",
    "a@b.example\u2028RCPT TO:<c@d.example>",
    "a@b.example\x85c@d.example",
    "a@b.example, c@d.example",
)


@pytest.mark.parametrize("field", ["to", "cc", "bcc", "from", "replyTo"])
def test_a11_no_address_of_the_api_holds_a_command(api: Api, email: Email, field: str) -> None:
    for text in INJECTIONS:
        value = text if field in ("to", "from") else [text]
        answer = api.send(email, message={field: value})
        found = answer.json()
        refused = 400 <= answer.status_code < 500
        assert refused or found["sendResult"].startswith(("INVALID", "VALIDATION")), (text, found)
    assert not Recipient.objects.filter(status="queued").exists()


def test_a11_no_parameter_holds_a_command(door: Door, token: Token) -> None:
    huge = "9" * 20
    with signed_in(door, token) as talk:
        for command, wanted in (
            (f"MAIL FROM:<{SENDER}> SIZE={huge}", "552 5.3.4"),
            (f"MAIL FROM:<{SENDER}> SIZE={huge}9", "501 5.5.4"),
            (f"MAIL FROM:<{SENDER}> SIZE=-1", "501 5.5.4"),
            (f"MAIL FROM:<{SENDER}> SIZE=\u0663", "501"),
            (f"MAIL FROM:<{SENDER}> RET=FULL ENVID=a\rRCPT", "500 5.5.2"),
            (f"MAIL FROM:<{SENDER}> AUTH=<>\nRCPT TO:<{READER}>", "500 5.5.2"),
            (f"MAIL FROM:<{SENDER}> BODY=8BITMIME BODY=7BIT", "501"),
            (f"MAIL FROM:<{SENDER}> ENVID=x", "555 5.5.4"),
            (f"MAIL FROM:<{SENDER}>\tSIZE=1", "501"),
        ):
            assert talk.ask(command).startswith(wanted), command
    with signed_in(door, token) as talk:
        talk.ask(f"MAIL FROM:<{SENDER}>")
        for command, wanted in (
            (f"RCPT TO:<{READER}> ORCPT=rfc822;x\rDATA", "500 5.5.2"),
            (f"RCPT TO:<{READER}> NOTIFY=NEVER", "555 5.5.4"),
            (f"RCPT TO:<{READER}\n>", "500 5.5.2"),
            (f"RCPT TO:<{READER}\0>", "500 5.5.2"),
            (f"RCPT TO:<{READER}>> x", "553"),
        ):
            assert talk.ask(command).startswith(wanted), command
        assert talk.ask("DATA").startswith("554")  # no recipient was taken
    with pytest.raises(PathError):
        split_path(f"<{READER}> ORCPT=rfc822;x\r\nDATA")


def test_a11_what_is_taken_leaves_as_one_command_each(
    door: Door, token: Token, settings: object
) -> None:
    """The strangest recipients that are taken arrive as they were given, and nothing beside them."""
    odd = ["rcpt=to&x@far.example", "o'brien+tag@far.example", "{a}|b%c!d@far.example"]
    with signed_in(door, token) as talk:
        talk.ask(f"MAIL FROM:<{SENDER}>")
        for one in odd:
            assert talk.ask(f"RCPT TO:<{one}>").startswith("250"), one
        talk.ask("DATA")
        assert talk.ask(FROM + b"Subject: x\r\n\r\nx\r\n.").startswith("250")
    with running(Sink()) as sink:
        settings.EGRESS = f"relay://127.0.0.1:{sink.port}"  # type: ignore[attr-defined]
        with engine():
            eventually(drained, 30)
    assert sorted(one.rcpts for one in sink.kept) == sorted((one,) for one in odd)


# -- A12


def test_a12_commands_after_data_are_neither_content_nor_commands(
    door: Door, token: Token, intake: InboundDoor
) -> None:
    with signed_in(door, token) as talk:
        talk.ask(f"MAIL FROM:<{SENDER}>")
        talk.ask(f"RCPT TO:<{READER}>")
        talk.say(f"DATA\r\nMAIL FROM:<{SENDER}>\r\nRCPT TO:<v@far.example>\r\nDATA\r\n")
        said = talk.rest()
    assert said.startswith("503 5.5.0") and said.count("\n") == 1
    with line(intake.port) as talk:
        talk.say("DATA\r\n.\r\n")  # nor before any command was given
        assert talk.reply().startswith("503")
    assert not Message.objects.exists()


def test_a12_a_thousand_pipelined_recipients_are_answered_in_order(
    door: Door, token: Token
) -> None:
    with signed_in(door, token) as talk:
        lines = [f"MAIL FROM:<{SENDER}>", *(f"RCPT TO:<r{n}@far.example>" for n in range(1000))]
        talk.say("".join(f"{one}\r\n" for one in [*lines, "RSET", "NOOP", "DATA", "QUIT"]))
        said = [talk.reply() for _ in range(len(lines) + 4)]
    assert said[0].startswith("250 2.1.0")
    codes = [re.match(r"\d{3} \d\.\d\.\d", one)[0] for one in said[1:1001]]  # type: ignore[index]
    assert codes == ["250 2.1.5"] * RCPTS + ["452 4.5.3"] * (1000 - RCPTS)
    assert [one[:3] for one in said[1001:]] == ["250", "250", "503", "221"]
    assert not Message.objects.exists()


def test_a12_pipelining_without_ehlo_and_across_transactions(
    door: Door, token: Token, intake: InboundDoor
) -> None:
    with line(intake.port) as talk:
        talk.say(
            "MAIL FROM:<>\r\nRCPT TO:<x@y>\r\nHELO x\r\nMAIL FROM:<>\r\nRSET\r\nRCPT TO:<x@y>\r\n"
        )
        assert [talk.reply()[:3] for _ in range(6)] == ["503", "503", "250", "250", "250", "503"]
    content = "From: orders@shop.example\r\nSubject: {}\r\n\r\nx\r\n.\r\n"
    with signed_in(door, token) as talk:
        envelope(talk)
        talk.say(
            content.format("one") + f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<two@far.example>\r\nDATA\r\n"
        )
        assert [talk.reply()[:3] for _ in range(4)] == ["250", "250", "250", "354"]
        talk.say(content.format("two") + "QUIT\r\n")
        assert [talk.reply()[:3] for _ in range(2)] == ["250", "221"]
    found = Recipient.objects.values_list("message__subject", "address")
    assert set(found) == {("one", READER), ("two", "two@far.example")}
