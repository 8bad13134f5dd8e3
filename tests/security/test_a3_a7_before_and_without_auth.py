"""A3, A6, A7: what was said in clear counts for nothing, nobody is relayed for, no secret is shown."""

import logging
import ssl
import time
from collections.abc import Callable

import pytest

from tests.security.conftest import InboundDoor
from tests.security.line import READER, Line, b64, line
from tests.transactional.egress.test_engine import eventually
from tests.transactional.mail import delivered_mail
from tests.transactional.submission.conftest import Door, Token
from tokens.models import Account
from transactional import signing
from transactional.models import Message

# -- A3

INJECTED = (
    b"EHLO x\r\nAUTH PLAIN AGEAYg==\r\n",
    b"RSET\r\n",
    b"MAIL FROM:<>\r\nRCPT TO:<reader@far.example>\r\nDATA\r\n",
    b"\r\n",
    b"N",
)


def in_one_segment(injected: bytes) -> tuple[bytes, ...]:
    return (b"STARTTLS\r\n" + injected,)


def in_the_middle(injected: bytes) -> tuple[bytes, ...]:
    return (b"START", b"TLS\r\n" + injected)


def within_the_injected(injected: bytes) -> tuple[bytes, ...]:
    return (b"STARTTLS\r\n" + injected[:1], injected[1:] or b"\n")


@pytest.mark.parametrize("cut", [in_one_segment, in_the_middle, within_the_injected])
@pytest.mark.parametrize("port", ["submission", "inbound"])
def test_a3_what_came_in_clear_is_never_obeyed(
    door: Door, intake: InboundDoor, port: str, cut: Callable[[bytes], tuple[bytes, ...]]
) -> None:
    for injected in INJECTED:
        with line(door.port if port == "submission" else intake.port) as talk:
            talk.ask("EHLO peer.example")
            talk.say(*cut(injected))
            said = talk.rest()
        assert said.startswith("554 5.5.0") and said.count("\n") == 1, (injected, said)


def test_a3_octets_after_220_are_no_commands_under_tls(door: Door) -> None:
    """Split so that they follow the 220: they spoil the handshake, and nothing else."""
    for injected in INJECTED:
        with line(door.port) as talk:
            talk.ask("EHLO peer.example")
            assert talk.ask("STARTTLS").startswith("220")
            talk.say(injected)
            with pytest.raises((ssl.SSLError, OSError)):
                talk.starttls(door.context())


def test_a3_after_the_handshake_nothing_is_answered_and_nothing_remembered(door: Door) -> None:
    with line(door.port) as talk:
        talk.ask("EHLO peer.example")
        assert talk.ask("STARTTLS").startswith("220")
        talk.starttls(door.context())
        assert talk.ask("MAIL FROM:<b@shop.example>").startswith("503"), "EHLO was remembered"


# -- A6: nmap's smtp-open-relay, (MAIL FROM, RCPT TO) with {us} for our host

OURS = "b1.shop.example"
FORMS = (
    ("", "relaytest@far.example"),
    ("antispam@far.example", "relaytest@far.example"),
    (f"antispam@{OURS}", "relaytest@far.example"),
    ("antispam@[127.0.0.1]", "relaytest@far.example"),
    ("antispam@[127.0.0.1]", "relaytest%far.example@[127.0.0.1]"),
    ("antispam@[127.0.0.1]", f"relaytest%far.example@{OURS}"),
    ("antispam@[127.0.0.1]", '"relaytest@far.example"'),
    ("antispam@[127.0.0.1]", '"relaytest%far.example"'),
    ("antispam@[127.0.0.1]", "relaytest@far.example@[127.0.0.1]"),
    ("antispam@[127.0.0.1]", '"relaytest@far.example"@[127.0.0.1]'),
    ("antispam@[127.0.0.1]", f"relaytest@far.example@{OURS}"),
    ("antispam@[127.0.0.1]", "@[127.0.0.1]:relaytest@far.example"),
    ("antispam@[127.0.0.1]", f"@{OURS}:relaytest@far.example"),
    ("antispam@[127.0.0.1]", "far.example!relaytest"),
    ("antispam@[127.0.0.1]", "far.example!relaytest@[127.0.0.1]"),
    ("antispam@[127.0.0.1]", f"far.example!relaytest@{OURS}"),
    (f"antispam@{OURS}", f'"relaytest@far.example"@{OURS}'),
    (f"antispam@{OURS}", f"nobody@{OURS}"),
    (f"antispam@{OURS}", "postmaster@far.example"),
    (f"antispam@{OURS}", "<relaytest@far.example"),
    (f"antispam@{OURS}", ""),
)


def test_a6_submission_relays_for_nobody(door: Door) -> None:
    for secured in (False, True):
        for sender, to in FORMS:
            tls = door.context() if secured else None
            with line(door.tls_port if secured else door.port, tls=tls) as talk:
                talk.ask("EHLO peer.example")
                assert talk.ask(f"MAIL FROM:<{sender}>").startswith("530 5.7.0"), sender
                assert talk.ask(f"RCPT TO:<{to}>").startswith("503"), to
                assert talk.ask("DATA").startswith("503")
    assert not Message.objects.exists()


def test_a6_the_intake_takes_reports_alone(intake: InboundDoor, account: Account) -> None:
    for sender, to in FORMS:
        with line(intake.port) as talk:
            talk.ask("EHLO peer.example")
            assert talk.ask(f"MAIL FROM:<{sender}>").startswith("250")
            said = talk.ask(f"RCPT TO:<{to}>")
            assert said.startswith(("550 5.1.1", "553 5.1.3")), (to, said)
            assert talk.ask("DATA").startswith("554")
    path = signing.verp(delivered_mail(account).pk, OURS)
    local, _, host = path.partition("@")
    wrong = (local[:-1] + ("a" if local[-1] != "a" else "b"), local[:-1], "b" + local, f"x{local}")
    with line(intake.port) as talk:
        talk.ask("EHLO peer.example")
        talk.ask("MAIL FROM:<>")
        for one in wrong:
            assert talk.ask(f"RCPT TO:<{one}@{host}>").startswith("550 5.1.1"), one
        assert talk.ask(f"RCPT TO:<{path}>").startswith("250")
    assert intake.handler.kept == []


# -- A7


def plain(*fields: str) -> str:
    return "AUTH PLAIN " + b64("\0".join(fields))


def garbage(token: Token) -> tuple[tuple[tuple[str, ...], str], ...]:
    """Lines of a client under TLS, and how the reply to the last of them begins."""
    user, secret = token.username, token.password
    return (
        (("AUTH PLAIN =",), "501 5.5.2"),
        (("AUTH PLAIN", "="), "501 5.5.2"),
        (("AUTH PLAIN", "*"), "501 5.7.0"),
        (("AUTH LOGIN", b64(user), "*"), "501 5.7.0"),
        (("AUTH PLAIN !!!",), "501 5.5.2"),
        (("AUTH PLAIN " + b64(f"\0{user}\0{secret}")[:-1],), "501 5.5.2"),
        ((plain(user, secret),), "501 5.5.2"),
        ((plain("", user, secret, ""),), "501 5.5.2"),
        ((plain("", user, secret, secret),), "501 5.5.2"),
        ((plain("somebody", user, secret),), "501 5.5.2"),
        ((plain("", user, ""),), "501 5.5.2"),
        ((plain("", "", secret),), "501 5.5.2"),
        (("AUTH PLAIN " + b64(b"\0\xff\xfe\0secret"),), "501 5.5.2"),
        (("AUTH PLAIN", b64("\0" + "x" * 9_000 + "\0" + secret)), "535 5.7.8"),
        (("AUTH PLAIN", "A" * 12_288), "501 5.5.2"),
        (("AUTH PLAIN", "A" * 12_300), "501 5.5.2"),
        (("AUTH PLAIN", "A" * 60_000), "501 5.5.2"),
        (("AUTH CRAM-MD5",), "504 5.5.4"),
        (("AUTH",), "501 5.5.4"),
        ((f"AUTH PLAIN {b64('x')} {b64('y')}",), "501 5.5.4"),
    )


def _told(talk: Line, lines: tuple[str, ...]) -> str:
    said = ""
    for one in lines:
        said = talk.ask(one)
    return said


def test_a7_no_auth_in_clear_whatever_its_form(
    door: Door, token: Token, caplog: pytest.LogCaptureFixture
) -> None:
    right = f"\0{token.username}\0{token.password}"
    with caplog.at_level(logging.DEBUG):
        for lines in (
            (f"AUTH PLAIN {b64(right)}",),
            ("AUTH PLAIN",),
            ("AUTH LOGIN",),
            (f"AUTH LOGIN {b64(token.username)}",),
            ("AUTH PLAIN !!!",),
            ("AUTH PLAIN =",),
        ):
            with line(door.port) as talk:
                talk.ask("EHLO client.example")
                assert _told(talk, lines).startswith(("530 5.7.0", "538")), lines
                assert talk.ask("MAIL FROM:<b@shop.example>").startswith("530 5.7.0")
    assert token.password not in caplog.text and b64(right) not in caplog.text


def test_a7_garbage_is_501_without_a_traceback_or_a_secret_in_any_log(
    door: Door, token: Token, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for lines, wanted in garbage(token):
            with line(door.tls_port, tls=door.context()) as talk:
                talk.ask("EHLO client.example")
                said = _told(talk, lines)
                assert said.startswith(wanted), (lines[0][:60], said)
                assert talk.ask("NOOP").startswith("250"), lines
                assert talk.ask(f"MAIL FROM:<{READER}>").startswith("530")
        with line(door.tls_port, tls=door.context()) as talk:
            talk.ask("EHLO client.example")
            assert talk.ask(plain("", token.username, token.password)).startswith("235")
    assert not [record for record in caplog.records if record.exc_info]
    told = caplog.text
    assert token.password not in told and b64(f"\0{token.username}\0{token.password}") not in told
    assert not Message.objects.exists()


def test_a7_a_wrong_guess_is_logged_once_and_shortened(
    door: Door, token: Token, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), line(door.tls_port, tls=door.context()) as talk:
        talk.ask("EHLO client.example")
        name = "\n[INFO] admin signed in\x1b[31m" + "x" * 1_000
        assert talk.ask(plain("", name, "a wrong secret")).startswith("535")
        eventually(lambda: "authentication failed" in caplog.text)  # it may follow the answer
        time.sleep(0.05)
    (record,) = [one for one in caplog.records if "authentication failed" in one.getMessage()]
    assert "\n" not in record.getMessage() and "\x1b" not in record.getMessage()
    assert len(record.getMessage()) < 300 and "a wrong secret" not in caplog.text
