"""The server against smuggled messages, injected commands and guessed passwords."""

import base64
from dataclasses import replace

import pytest

from tests.security.smuggling_table import NOT_THE_END
from tests.transactional.wire.dialogue import ALICE, PLAIN, SECURED, TLS, Dialogue

# -- smuggling (CVE-2023-51764, -51765, -51766, CVE-2024-27305)

SECOND = b"MAIL FROM:<evil@x>\r\nRCPT TO:<v@y>\r\nDATA\r\nSubject: 2\r\n\r\nbad\r\n.\r\n"


@pytest.mark.parametrize("step", [1, 2, 5, 10_000])
@pytest.mark.parametrize("policy", ["refuse", "normalise"])
@pytest.mark.parametrize("variant", NOT_THE_END)
def test_smuggling(variant: bytes, policy: str, step: int) -> None:
    talk = Dialogue(replace(PLAIN, bare_newline=policy)).begin()  # type: ignore[arg-type]
    wire = b"Subject: 1\r\n\r\nbody" + variant + SECOND
    said = "".join(talk.send(wire[i : i + step]) for i in range(0, len(wire), step))
    assert len(said.splitlines()) == 1
    assert all(m.mail_from == "a@b.example" for m in talk.messages)
    if policy == "refuse" or b"\0" in variant:
        assert said.startswith("554 5.6.0") and not talk.messages
    else:
        assert said.startswith("250") and len(talk.messages) == 1
        data = talk.messages[0].data
        assert data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n")
    assert talk.send("NOOP\r\n").startswith("250")


# -- STARTTLS and AUTH


def test_starttls_forgets_everything() -> None:
    talk = Dialogue(replace(TLS, require_auth=False)).greet()
    assert "250-STARTTLS\r\n" in talk.out.decode() and "AUTH" not in talk.out.decode()
    talk.send("MAIL FROM:<a@b>\r\n")
    assert talk.send("STARTTLS\r\n").startswith("220 2.0.0")
    assert talk.starts == 1 and talk.session.tls
    assert talk.send("MAIL FROM:<a@b>\r\n").startswith("503")
    said = talk.send("EHLO c\r\n")
    assert "STARTTLS" not in said
    assert talk.send("STARTTLS\r\n").startswith("503")


@pytest.mark.parametrize("extra", ["EHLO x\r\nAUTH PLAIN AGEAYg==\r\n", "RSET\r\n", "\0"])
def test_plaintext_after_starttls_ends_the_conversation(extra: str) -> None:
    talk = Dialogue(TLS).greet()
    assert talk.send("STARTTLS\r\n" + extra).startswith("554 5.5.0")
    assert talk.closed and talk.starts == 0 and not talk.session.tls
    assert talk.send("NOOP\r\n") == ""


def test_no_auth_and_no_mail_before_tls() -> None:
    talk = Dialogue(TLS).greet()
    assert talk.send("MAIL FROM:<a@b>\r\n").startswith("530 5.7.0")
    assert talk.send(f"AUTH PLAIN {b64(ALICE)}\r\n").startswith("538 5.7.11")
    assert not talk.passwords


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "lines",
    [
        [f"AUTH PLAIN {b64(ALICE)}"],
        [f"auth plain {b64('alice' + ALICE)}"],
        ["AUTH PLAIN", b64(ALICE)],
        ["AUTH LOGIN", b64("alice"), b64("secret")],
        [f"AUTH LOGIN {b64('alice')}", b64("secret")],
    ],
)
def test_auth(lines: list[str]) -> None:
    talk = Dialogue(SECURED).greet()
    assert "AUTH PLAIN LOGIN" in talk.out.decode()
    said = "".join(talk.send(line + "\r\n") for line in lines)
    assert said.splitlines()[-1].startswith("235 2.7.0")
    assert said.count("334 ") == len(lines) - 1
    assert talk.send("AUTH PLAIN\r\n").startswith("503")
    talk.begin()
    talk.send("x\r\n.\r\n")
    assert talk.messages[0].auth is not None and talk.messages[0].auth.principal == 7
    assert "secret" not in repr(talk.messages[0])


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["AUTH PLAIN", "*"], "501 5.7.0"),
        (["AUTH LOGIN", "*"], "501 5.7.0"),
        (["AUTH LOGIN", b64("alice"), "*"], "501 5.7.0"),
        (["AUTH PLAIN ="], "501 5.5.2"),
        (["AUTH PLAIN", "="], "501 5.5.2"),
        (["AUTH PLAIN !!!"], "501 5.5.2"),
        (["AUTH PLAIN AGE"], "501 5.5.2"),
        (["AUTH PLAIN " + b64("alice\0secret")], "501 5.5.2"),
        (["AUTH PLAIN " + b64("\0a\0b\0c")], "501 5.5.2"),
        (["AUTH PLAIN " + b64("bob" + ALICE)], "501 5.5.2"),
        (["AUTH PLAIN " + b64("\0alice\0")], "501 5.5.2"),
        (["AUTH PLAIN /////w=="], "501 5.5.2"),
        (["AUTH PLAIN é"], "501 5.5.2"),
        (["AUTH PLAIN a b"], "501 5.5.4"),
        (["AUTH"], "501 5.5.4"),
        (["AUTH GSSAPI"], "504 5.5.4"),
        (["AUTH PLAIN", "A" * 20_000], "501 5.5.2"),
        (["AUTH PLAIN " + b64("\0alice\0wrong")], "535 5.7.8"),
    ],
)
def test_auth_refusals(lines: list[str], wanted: str) -> None:
    talk = Dialogue(SECURED).greet()
    said = "".join(talk.send(line + "\r\n") for line in lines)
    assert said.splitlines()[-1].startswith(wanted)
    assert talk.send("NOOP\r\n").startswith("250")
    assert talk.send("MAIL FROM:<a@b>\r\n").startswith("530")


def test_guesses_are_slowed_and_then_cut_off() -> None:
    talk = Dialogue(SECURED).greet()
    delays = []
    for _ in range(SECURED.max_auth_failures):
        delays.append(talk.session.auth_delay)
        said = talk.send("AUTH PLAIN " + b64("\0alice\0wrong") + "\r\n")
    assert delays == [1, 2, 4, 8, 8]
    assert said.splitlines()[-1].startswith("421 4.7.0") and talk.closed
