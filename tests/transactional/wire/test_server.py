"""The server's state machine: every verb, every limit, every way to end a message."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transactional.wire.dialogue import PLAIN, SECURED, Dialogue
from transactional.wire.handler import Envelope
from transactional.wire.reply import Reply
from transactional.wire.server import ServerSession
from transactional.wire.server_state import (
    Close,
    TakeMessage,
)


def test_it_works() -> None:
    talk = Dialogue()
    assert talk.out == b"220 mx.example ESMTP\r\n"
    assert talk.send("EHLO c.example\r\n") == (
        "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
        "250 ENHANCEDSTATUSCODES\r\n"
    )
    said = talk.send(
        "MAIL FROM:<a@b.example> SIZE=12 BODY=8BITMIME SMTPUTF8 AUTH=<>\r\n"
        "RCPT TO:<c@d.example>\r\nDATA\r\n"
    )
    assert [line[:9] for line in said.splitlines()] == ["250 2.1.0", "250 2.1.5", "354 End d"]
    assert talk.send("Subject: x\r\n\r\n..dot\r\n.\r\n") == "250 2.0.0 queued\r\n"
    assert talk.messages == [
        Envelope(
            "192.0.2.1",
            "c.example",
            False,
            None,
            "a@b.example",
            ("c@d.example",),
            b"Subject: x\r\n\r\n.dot\r\n",
            True,
            True,
        )
    ]
    assert talk.send("QUIT\r\n") == "221 2.0.0 Bye\r\n"
    assert talk.closed == Close(polite=True)


def test_null_reverse_path_is_none() -> None:
    talk = Dialogue().greet()
    talk.send("MAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\nDATA\r\n")
    talk.send(".\r\n")
    (envelope,) = talk.messages
    assert envelope.mail_from is None and envelope.rcpts == ("Postmaster",) and envelope.data == b""


def test_second_message_remembers_nothing_of_the_first() -> None:
    talk = Dialogue().begin()
    talk.send("x\r\n.\r\n")
    assert talk.send("RCPT TO:<x@y.example>\r\n").startswith("503")
    talk.send("MAIL FROM:<n@b.example>\r\nRCPT TO:<m@d.example>\r\nDATA\r\n")
    talk.send("y\r\n.\r\n")
    assert [(m.mail_from, m.rcpts, m.data) for m in talk.messages] == [
        ("a@b.example", ("c@d.example",), b"x\r\n"),
        ("n@b.example", ("m@d.example",), b"y\r\n"),
    ]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("MAIL FROM:<a@b>", "503 5.5.1"),
        ("RCPT TO:<a@b>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("EHLO", "501 5.5.4"),
        ("EHLO a b", "501 5.5.4"),
        ("HELO c.example", "250 mx.example"),
        ("NOOP anything", "250 2.0.0"),
        ("RSET", "250 2.0.0"),
        ("VRFY root", "252 2.5.2"),
        ("EXPN staff", "502 5.5.1"),
        ("HELP", "214 2.0.0"),
        ("STARTTLS", "502 5.5.1"),
        ("AUTH PLAIN", "502 5.5.1"),
        ("BDAT 10", "500 5.5.1"),
        ("", "500 5.5.1"),
        ("MAIL\tFROM:<a@b>", "500 5.5.1"),
        ("NOOP a\nb", "500 5.5.2"),
        ("NOOP a\rb", "500 5.5.2"),
        ("NOOP \0", "500 5.5.2"),
        ("GET / HTTP/1.1", "421 4.7.0"),
    ],
)
def test_verbs_before_ehlo(line: str, wanted: str) -> None:
    assert Dialogue().send(line + "\r\n").startswith(wanted)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("mail from:<a@b>", "250 2.1.0"),
        ("MAIL FROM: <a@b>", "250 2.1.0"),
        ("MAIL FROM:a@b", "501 5.1.7"),
        ("MAIL TO:<a@b>", "501 5.5.4"),
        ("MAIL FROM:<@r:a@b>", "501 5.1.7"),
        ("MAIL FROM:<a@b> SIZE=1000", "250 2.1.0"),
        ("MAIL FROM:<a@b> SIZE=1001", "552 5.3.4"),
        ("MAIL FROM:<a@b> SIZE=99999999999999999999", "552 5.3.4"),
        ("MAIL FROM:<a@b> SIZE=" + "9" * 21, "501 5.5.4"),
        ("MAIL FROM:<a@b> SIZE=-1", "501 5.5.4"),
        ("MAIL FROM:<a@b> SIZE", "501 5.5.4"),
        ("MAIL FROM:<a@b> BODY=BINARYMIME", "501 5.5.4"),
        ("MAIL FROM:<a@b> RET=FULL", "555 5.5.4"),
        ("MAIL FROM:<a@b> SMTPUTF8=1", "555 5.5.4"),
        ("MAIL FROM:<a@b> SIZE=1 SIZE=2", "501 5.1.7"),
        ("MAIL FROM:<é@b>", "553 5.6.7"),
        ("MAIL FROM:<é@b> SMTPUTF8", "250 2.1.0"),
    ],
)
def test_mail(line: str, wanted: str) -> None:
    talk = Dialogue().greet()
    assert talk.send(line + "\r\n").startswith(wanted)
    opened = talk.send("MAIL FROM:<z@z>\r\n").startswith("503 5.5.1 MAIL already")
    assert opened == wanted.startswith("250")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("RCPT TO:<c@d.example>", "250 2.1.5"),
        ('RCPT TO:<"user@dom"@us.example>', "250 2.1.5"),
        ("RCPT TO:<user%dom@us.example>", "250 2.1.5"),
        ("RCPT TO:<@us:user@dom>", "553 5.1.3"),
        ("RCPT TO:<us!user>", "553 5.1.3"),
        ("RCPT TO:<user@dom@us>", "553 5.1.3"),
        ("RCPT TO:<>", "553 5.1.3"),
        ("RCPT TO:<c@d> NOTIFY=NEVER", "555 5.5.4"),
        ("RCPT TO:<δ@d>", "553 5.6.7"),
        ("RCPT FROM:<c@d>", "501 5.5.4"),
    ],
)
def test_rcpt(line: str, wanted: str) -> None:
    talk = Dialogue().greet()
    talk.send("MAIL FROM:<>\r\n")
    assert talk.send(line + "\r\n").startswith(wanted)


def test_data_wants_a_recipient_and_no_parameter() -> None:
    talk = Dialogue().greet()
    talk.send("MAIL FROM:<>\r\n")
    assert talk.send("DATA\r\n").startswith("554 5.5.1")
    talk.send("RCPT TO:<a@b>\r\n")
    assert talk.send("DATA now\r\n").startswith("501 5.5.4")


def test_recipients_over_the_limit_are_refused_one_by_one() -> None:
    talk = Dialogue().greet()
    said = talk.send("MAIL FROM:<>\r\n" + "".join(f"RCPT TO:<r{i}@d>\r\n" for i in range(1001)))
    codes = [line[:3] for line in said.splitlines()]
    assert codes == ["250"] * 4 + ["452"] * 998
    talk.send("DATA\r\n")
    talk.send("x\r\n.\r\n")
    assert talk.messages[0].rcpts == ("r0@d", "r1@d", "r2@d")


def test_the_owner_may_refuse_a_recipient() -> None:
    talk = Dialogue(check_rcpt=True).greet()
    said = talk.send("MAIL FROM:<>\r\nRCPT TO:<no@d>\r\nRCPT TO:<yes@d>\r\nDATA\r\n")
    assert [line[:9] for line in said.splitlines()] == [
        "250 2.1.0",
        "550 5.1.1",
        "250 2.1.5",
        "354 End d",
    ]


def test_rset_and_ehlo_drop_the_transaction() -> None:
    for command in ("RSET\r\n", "EHLO again\r\n", "HELO again\r\n"):
        talk = Dialogue().greet()
        talk.send("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n")
        talk.send(command)
        assert talk.send("DATA\r\n").startswith("503")


def test_replies_come_before_the_message_is_answered_only_for_what_came_before() -> None:
    session = ServerSession(PLAIN, "192.0.2.1")
    session.feed(b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n")
    session.take_output()
    action = session.feed(b"x\r\n.\r\nNOOP\r\n")
    assert isinstance(action, TakeMessage) and session.busy
    assert session.take_output() == b""
    assert session.feed(b"QUIT\r\n") is None
    assert session.take_output() == b"" and session.buffered == 12
    assert session.answer_message(Reply(250, "2.0.0", ("Ok",))) == Close(polite=True)
    assert session.take_output() == b"250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n221 2.0.0 Bye\r\n"


def test_commands_pipelined_after_data_are_neither_content_nor_commands() -> None:
    talk = Dialogue().greet()
    said = talk.send("MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nMAIL FROM:<evil@x>\r\n.\r\n")
    assert said.splitlines()[-1].startswith("503 5.5.0")
    assert talk.closed and not talk.messages


def test_line_limit() -> None:
    talk = Dialogue().greet()
    assert talk.send("NOOP " + "x" * 2041 + "\r\n").startswith("250")
    assert talk.send("NOOP " + "x" * 2042 + "\r\n").startswith("500 5.5.2")
    for chunk in ("x" * 5000, "y" * 5000, "z\r"):
        assert talk.send(chunk) == ""
    assert talk.session.buffered <= 3
    assert talk.send("\nNOOP\r\n").splitlines()[0].startswith("500 5.5.2")
    assert talk.out.endswith(b"250 2.0.0 Ok\r\n")


def test_size_is_held_by_the_content_itself() -> None:
    talk = Dialogue().begin()
    assert talk.send(b".." + b"x" * 997 + b"\r\n.\r\n").startswith("250")
    assert len(talk.messages[0].data) == 1000
    talk.begin()
    assert talk.send(b"x" * 999 + b"\r\n.\r\n").startswith("552 5.3.4")
    talk.begin()
    for _ in range(50):
        assert talk.send(b"x" * 1000 + b"\r\n") == ""
    assert talk.send(b".\r\n").startswith("552 5.3.4")
    assert len(talk.messages) == 1 and not talk.closed


def test_endless_content_is_cut_off() -> None:
    talk = Dialogue().begin()
    said = "".join(talk.send(b"x" * 100_000) for _ in range(12))
    assert "552 5.3.4" in said and talk.closed and not talk.messages


@pytest.mark.parametrize("line", ["FOO\r\n", "MAIL FROM:x\r\n", "AUTH PLAIN\r\n"])
def test_too_many_errors(line: str) -> None:
    talk = Dialogue().greet()
    said = talk.send(line * 50)
    assert said.splitlines()[-1].startswith("421 4.7.0") and talk.closed
    assert len(said.splitlines()) == PLAIN.max_errors + 1


@pytest.mark.parametrize("line", ["NOOP\r\n", "RSET\r\n", "HELP\r\n", "VRFY x\r\n", "HELO x\r\n"])
def test_too_many_idle_commands(line: str) -> None:
    talk = Dialogue()
    said = talk.send(line * 10_000)
    assert said.splitlines()[-1].startswith("421 4.7.0") and talk.closed
    assert len(said.splitlines()) == PLAIN.max_idle_commands + 1


def test_guessing_recipients_is_an_error() -> None:
    talk = Dialogue(check_rcpt=True).greet()
    talk.send("MAIL FROM:<>\r\n" + "".join(f"RCPT TO:<no{i}@d>\r\n" for i in range(50)))
    assert talk.closed


# -- the edges of packets mean nothing

GROUPS = [
    b"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n",
    b"Subject: 1\r\n\r\n..x\r\n.\n.\r\n.\r\nNOOP\r\nFOO\r\n" + b"y" * 3000 + b"\r\nRSET\r\n",
    b"MAIL FROM:<>\r\nRCPT TO:<@b>\r\nRCPT TO:<e@f>\r\nDATA\r\n",
    b"z" * 1200 + b"\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<e@f>\r\nDATA\r\n",
    b".\r\nQUIT\r\n",
]


@given(st.data())
@settings(max_examples=150)
def test_splits_change_nothing(data: st.DataObject) -> None:
    whole, split = Dialogue(), Dialogue()
    for group in GROUPS:
        whole.send(group)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(group)), max_size=10)))
        for start, end in zip([0, *cuts], [*cuts, len(group)], strict=True):
            split.send(group[start:end])
    assert (split.out, split.messages, split.closed) == (whole.out, whole.messages, whole.closed)
    assert len(whole.messages) == 1 and whole.closed == Close(polite=True)


@given(st.lists(st.binary(max_size=60) | st.sampled_from([b"\r\n", b"DATA\r\n", *GROUPS])))
def test_hostile_octets_never_crash(chunks: list[bytes]) -> None:
    talk = Dialogue(SECURED)
    for chunk in chunks:
        talk.send(chunk)
    assert all(line[:3].isdigit() for line in talk.out.decode().splitlines())
