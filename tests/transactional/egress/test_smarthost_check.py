"""A smarthost is tried out by a whole conversation that sends nothing; each failure has its code."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import translation

from config import sealing
from tests.transactional.egress.test_fallback import PASSWORD, relaying
from tests.transactional.wire.smtp_parts import server_context
from tokens.models import Account
from transactional.egress import smarthost_check
from transactional.egress.smarthost_check import check
from transactional.egress.smarthost_words_table import SENTENCES, tell
from transactional.models import Smarthost

pytestmark = pytest.mark.django_db(transaction=True)
POLITE = {"EHLO": "250 plain.example", "MAIL": "250 2.1.0 OK", "RSET": "250 OK", "QUIT": "221 bye"}


@pytest.fixture(autouse=True)
def _open(settings: Any) -> None:
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]


@contextmanager
def plain(
    answers: Mapping[str, str], banner: str = "220 plain.example"
) -> Iterator[tuple[int, list[str]]]:
    """A server in clear that answers by the command's first word; an empty answer hangs up."""
    heard: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            # Whoever asks may hang up at any moment
            with suppress(OSError), connection, connection.makefile("rwb") as stream:
                if not banner:
                    return
                stream.write(banner.encode() + b"\r\n")
                stream.flush()
                for line in stream:
                    heard.append(line.decode().strip())
                    answer = answers.get(heard[-1].split(" ")[0].upper(), "500 what?")
                    if not answer:
                        return
                    stream.write(answer.encode() + b"\r\n")
                    stream.flush()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
    thread.join(10)


def made(account: Account, port: int, *, secret: str = PASSWORD, **fields: Any) -> Smarthost:
    values = {"name": "Relay", "host": "127.0.0.1", "username": "us", "tls": "required"} | fields
    row: Smarthost = Smarthost.objects.create(account=account, port=port, **values)
    row.set_password(secret if row.username else "")
    row.save()
    return row


def open_one(account: Account, port: int, **fields: Any) -> Smarthost:
    return made(account, port, username="", **{"tls": "opportunistic"} | fields)


def test_a_good_one_is_greeted_secured_logged_in_and_sent_nothing(
    account: Account, tmp_path: Path
) -> None:
    with relaying(server_context(tmp_path)) as (handler, port):
        found = check(made(account, port))
        wrong = check(made(account, port, secret="another one"))
        strict = check(made(account, port, tls="verified"))
        nameless = check(open_one(account, port))
    assert (found.ok, found.code, found.address) == (True, "ok", "127.0.0.1")
    assert found.tls.startswith("TLSv1.") and handler.kept == []
    said = "\n".join(found.dialogue)
    assert "C: AUTH PLAIN …" in said and "C: MAIL FROM:<test@" in said and "C: RSET" in said
    assert PASSWORD not in said and PASSWORD not in repr(found)
    assert (wrong.ok, wrong.code, wrong.reply[:3]) == (False, "login_refused", "535")
    assert strict.code == "certificate_invalid"
    assert nameless.code in ("login_required", "sender_refused")


@pytest.mark.parametrize(
    ("answers", "banner", "code"),
    [
        (POLITE, "220 plain.example", "ok"),
        (POLITE, "554 5.7.1 go away", "refused"),
        (POLITE, "", "no_answer"),
        (POLITE | {"EHLO": ""}, "220 plain.example", "no_answer"),
        (POLITE | {"MAIL": "550 5.7.1 not from there"}, "220 plain.example", "sender_refused"),
        (POLITE | {"MAIL": "530 5.7.0 log in first"}, "220 plain.example", "login_required"),
        (POLITE | {"MAIL": ""}, "220 plain.example", "broken_off"),
    ],
)
def test_each_way_it_ends_has_its_code(
    account: Account, answers: Mapping[str, str], banner: str, code: str
) -> None:
    with plain(answers, banner) as (port, heard):
        found = check(open_one(account, port))
    assert found.code == code and found.ok is (code == "ok")
    assert not any(line.startswith(("RCPT", "DATA")) for line in heard)
    assert "%" not in tell(found)


def test_without_tls_no_password_is_sent(account: Account) -> None:
    with plain(POLITE) as (port, heard):
        assert check(made(account, port)).code == "tls_not_offered"
    with plain(POLITE) as (port, more):
        assert check(made(account, port, tls="opportunistic")).code == "login_without_tls"
    assert not any("AUTH" in line for line in heard + more)


def test_nobody_there(account: Account) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = check(open_one(account, port))
    assert found.code == "no_connection" and str(port) in tell(found)


def test_a_tarpit_is_given_up(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smarthost_check, "WHOLE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = check(open_one(account, server.getsockname()[1]))
    assert found.code == "too_slow"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1"]
)
def test_nothing_private_is_ever_connected_to(account: Account, host: str, settings: Any) -> None:
    settings.EGRESS_PRIVATE_NETS = []
    with plain(POLITE) as (port, heard):
        found = check(open_one(account, port, host=host))
        assert found.code == "forbidden_address" and heard == [] and found.dialogue == ()
        socket.create_connection(("127.0.0.1", port)).close()  # lets the server end


def test_a_password_that_cannot_be_read_is_said(account: Account) -> None:
    row = made(account, 25)
    row.password = b"x" + bytes(row.password)
    assert check(row).code == "password_unreadable"
    assert sealing.Unreadable  # what it stands for


def test_never_inside_a_transaction_nor_for_the_operators(account: Account) -> None:
    row = open_one(account, 25)
    with transaction.atomic(), pytest.raises(RuntimeError):
        check(row)
    with pytest.raises(ValueError, match="operator"):
        check(Smarthost(name="Common", host="127.0.0.1"))


@pytest.mark.parametrize("language", ["en", "it"])
def test_every_code_has_a_sentence(account: Account, language: str) -> None:
    source = Path(smarthost_check.__file__).read_text()
    assert {code for code in SENTENCES if f'"{code}"' not in source} == set()
    with translation.override(language):
        assert all(str(one) for one in SENTENCES.values())
