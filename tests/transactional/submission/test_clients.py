"""Other people's clients: swaks and nodemailer, over both ports."""

import email
import email.policy
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.npm import NODE
from tests.transactional.submission.conftest import Door, Token
from transactional.models import Body, Message, Recipient

swaks = pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed")


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)


@swaks
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("mode", ["tls", "starttls"])
def test_swaks(door: Door, token: Token, mechanism: str, mode: str) -> None:
    tls = ["--tls-on-connect", "--port", str(door.tls_port)]
    starttls = ["--tls", "--port", str(door.port)]
    sent = run(
        "swaks",
        *(tls if mode == "tls" else starttls),
        *("--server", "127.0.0.1", "--helo", "client.example"),
        *("--tls-verify", "--tls-ca-path", door.ca_file),
        *("--auth", mechanism, "--auth-user", token.username, "--auth-password", token.password),
        *("--from", "orders@shop.example", "--to", "reader@far.example,second@far.example"),
        *("--header", "Subject: by swaks", "--body", "Hello\n.\nworld"),
    )
    assert sent.returncode == 0, sent.stdout + sent.stderr
    message = Message.objects.get()
    assert f"250 2.0.0 queued as {message.pk}" in sent.stdout
    assert message.subject == "by swaks"
    assert Recipient.objects.filter(message_id=message.pk).count() == 2
    assert b"Hello\r\n.\r\nworld" in bytes(Body.objects.get(pk=message.pk).raw)


@swaks
def test_swaks_without_tls_may_not_authenticate(door: Door, token: Token) -> None:
    sent = run(
        *("swaks", "--server", "127.0.0.1", "--port", str(door.port), "--helo", "c.example"),
        *("--auth", "PLAIN", "--auth-user", token.username, "--auth-password", token.password),
        *("--from", "orders@shop.example", "--to", "reader@far.example"),
    )
    assert sent.returncode == 28, sent.stdout  # swaks' code for "AUTH was required but not done"
    assert not Message.objects.exists()


@pytest.mark.parametrize("mode", ["tls", "starttls"])
def test_nodemailer(door: Door, token: Token, node_modules: Path, mode: str) -> None:
    port = str(door.tls_port if mode == "tls" else door.port)
    argv = [
        "node",
        str(NODE / "send.mjs"),
        str(node_modules),
        "127.0.0.1",
        port,
        mode,
        token.username,
    ]
    sent = run(*argv, token.password, door.ca_file, "Grüße")
    message = Message.objects.get()
    assert sent.stdout.strip() == f"250 2.0.0 queued as {message.pk}", sent.stderr
    assert message.subject == "Grüße"
    assert set(Recipient.objects.values_list("address", flat=True)) == {
        "reader@far.example",
        "archive@far.example",
    }
    raw = bytes(Body.objects.get(pk=message.pk).raw)
    parsed = email.message_from_bytes(raw, policy=email.policy.SMTP)
    body = parsed.get_body(("plain",))
    assert body is not None and body.get_content().split() == ["Grüße", ".", "Ende"]
    assert [one.get_filename() for one in parsed.iter_attachments()] == ["bill.txt"]


def test_nodemailer_is_told_why(door: Door, token: Token, node_modules: Path) -> None:
    argv = [
        "node",
        str(NODE / "send.mjs"),
        str(node_modules),
        "127.0.0.1",
        str(door.port),
        "starttls",
    ]
    sent = run(*argv, token.username, "wrong", door.ca_file, "x")
    assert sent.stdout.startswith("535 5.7.8 "), sent.stdout + sent.stderr
