import base64
import re
import smtplib
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from pytest_django import Settings

from config import disk
from tests.transactional.submission.conftest import RCPTS, SIZE, Door, Token, letter
from tokens import credentials
from transactional.models import Body, Event, Message, QueueRow, Recipient

READER = "reader@far.example"


def send(
    client: smtplib.SMTP, raw: bytes, sender: str = "b@shop.example", *to: str
) -> tuple[int, str]:
    """MAIL, RCPT, DATA; the reply to the content."""
    client.mail(sender)
    for one in to or (READER,):
        client.rcpt(one)
    code, text = client.data(raw)
    return code, text.decode()


def queued_id(text: str) -> str:
    found = re.fullmatch(r"2\.0\.0 queued as ([0-9a-f-]{36})", text)
    assert found, text
    return found[1]


@pytest.mark.parametrize("how", ["starttls", "implicit"])
def test_250_means_that_the_message_is_committed(door: Door, token: Token, how: str) -> None:
    with getattr(door, how)() as client:
        client.login(token.username, token.password)
        code, text = send(client, letter("Grüße".encode().decode("latin-1")))
        assert code == 250
        message = Message.objects.get(pk=queued_id(text))
    assert message.account_id == token.row.account_id
    assert message.campaign.smtp_credential_id == token.row.pk
    assert message.source == "smtp" and message.credential == f"smtp:{token.row.pk}"
    assert bytes(Body.objects.get(pk=message.pk).raw).startswith(b"From: Shop <orders@shop.")
    recipient = Recipient.objects.get(message_id=message.pk)
    assert (recipient.address, recipient.status) == (READER, "queued")
    assert QueueRow.objects.get(pk=recipient.pk).domain == "far.example"
    assert Event.objects.get(message_id=message.pk).type == "accepted"


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_both_mechanisms(door: Door, token: Token, mechanism: str) -> None:
    with door.implicit() as client:
        client.ehlo()
        client.esmtp_features["auth"] = mechanism
        client.login(token.username, token.password)
        assert send(client, letter())[0] == 250


def test_nothing_is_offered_or_taken_before_tls(door: Door, token: Token) -> None:
    with smtplib.SMTP("127.0.0.1", door.port, timeout=30) as client:
        client.ehlo()
        assert not client.has_extn("auth") and client.has_extn("starttls")
        plain = base64.b64encode(f"\0{token.username}\0{token.password}".encode()).decode()
        assert client.docmd("AUTH", f"PLAIN {plain}")[0] in (530, 538)
        assert client.mail("b@shop.example")[0] == 530


def test_nothing_is_taken_without_auth(door: Door) -> None:
    with door.starttls() as client:
        assert client.has_extn("auth") is False
        client.ehlo()
        assert client.esmtp_features["auth"].split() == ["PLAIN", "LOGIN"]
        assert client.mail("b@shop.example")[0] == 530


def test_what_was_sent_in_clear_after_starttls_is_never_obeyed(door: Door) -> None:
    with socket.create_connection(("127.0.0.1", door.port), timeout=30) as peer:
        stream = peer.makefile("rb")
        stream.readline()
        peer.sendall(b"EHLO a\r\n")
        while not stream.readline().startswith(b"250 "):
            pass
        peer.sendall(b"STARTTLS\r\nEHLO injected\r\nMAIL FROM:<x@shop.example>\r\n")
        rest = stream.read()  # until the server hangs up
    assert b"250" not in rest
    assert rest.startswith(b"554")


def refused(door: Door, username: str, password: str) -> int:
    with door.starttls() as client:
        client.ehlo()
        client.esmtp_features["auth"] = "PLAIN"  # else smtplib tries the next mechanism too
        try:
            client.login(username, password)
        except smtplib.SMTPAuthenticationError as error:
            return error.smtp_code
    return 0


def test_a_wrong_a_deleted_and_a_reset_password_are_refused(door: Door, token: Token) -> None:
    assert refused(door, token.username, token.password) == 0
    assert refused(door, token.username, "wrong") == 535
    fresh = credentials.reset_smtp_password(token.row)
    assert refused(door, token.username, token.password) == 535
    assert refused(door, token.username, fresh) == 0
    credentials.delete(token.row)
    assert refused(door, token.username, fresh) == 535


def test_an_open_session_ends_with_its_token(door: Door, token: Token) -> None:
    with door.starttls() as client:
        client.login(token.username, token.password)
        assert send(client, letter())[0] == 250
        credentials.reset_smtp_password(token.row)
        code, text = send(client, letter())
        assert (code, text[:5]) == (535, "5.7.8")
    assert Message.objects.count() == 1


def test_guessing_is_slowed_down(door: Door, token: Token) -> None:
    """Against one name from one address: after ten wrong guesses even a right one must wait."""
    with ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(lambda _: refused(door, token.username, "wrong"), range(12)))
    assert set(codes) <= {535, 421}
    assert refused(door, token.username, token.password) == 421


def test_limits(door: Door, token: Token) -> None:
    with door.starttls() as client:
        client.login(token.username, token.password)
        client.ehlo()
        assert client.esmtp_features["size"] == str(SIZE)
        assert client.mail("b@shop.example", [f"SIZE={SIZE + 1}"])[0] == 552
        code, text = send(client, letter(body="x" * 70 + "\r\n" * SIZE))
        assert (code, text[:5]) == (552, "5.3.4")
        client.mail("b@shop.example")
        replies = [client.rcpt(f"r{n}@far.example") for n in range(RCPTS + 1)]
        assert [code for code, _ in replies] == [250] * RCPTS + [452]
        assert client.data(letter())[0] == 250
    assert Message.objects.count() == 1
    assert Recipient.objects.count() == RCPTS


def test_each_recipient_has_its_own_reply(door: Door, token: Token) -> None:
    with door.starttls() as client:
        client.login(token.username, token.password)
        client.mail("b@shop.example")
        to = ["good@far.example", "no at sign", "a@[127.0.0.1", "other@far.example"]
        assert [client.docmd(f"RCPT TO:<{one}>")[0] for one in to] == [250, 553, 553, 250]
        assert client.data(letter())[0] == 250
    assert sorted(Recipient.objects.values_list("address", flat=True)) == [to[0], to[3]]


def test_the_null_reverse_path_and_lone_newlines_are_taken(door: Door, token: Token) -> None:
    with door.starttls() as client:
        client.login(token.username, token.password)
        client.mail("")
        client.rcpt(READER)
        client.docmd("DATA")
        client.send(letter().replace(b"\r\n", b"\n") + b"a\n.\nb\r.\rc\r\n.\r\n")
        assert client.getreply()[0] == 250
    raw = bytes(Body.objects.get().raw)
    assert raw.endswith(b"a\r\n.\r\nb\r\n.\r\nc\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)


def test_refusals_of_the_one_door_are_spoken_as_replies(door: Door, token: Token) -> None:
    with door.starttls() as client:
        client.login(token.username, token.password)
        for raw in (
            letter(sender="a@stranger.example"),
            b"From: a@shop.example\r\nFrom: b@stranger.example\r\n\r\nx\r\n",
            b"From: a@shop.example, b@stranger.example\r\n\r\nx\r\n",
            b"Subject: nobody\r\n\r\nx\r\n",
        ):
            code, text = send(client, raw)
            assert 550 <= code <= 554, (code, text)
            assert re.search(r"\[[A-Z_]+\]$", text), text
    assert not Message.objects.exists()


def test_fifty_senders_at_once_each_250_is_one_message(door: Door, token: Token) -> None:
    acknowledged: list[str] = []
    lock = threading.Lock()

    def sender(number: int) -> None:
        with door.implicit() as client:
            client.login(token.username, token.password)
            for n in range(4):
                code, text = send(client, letter(f"{number}.{n}"))
                assert code == 250, text
                with lock:
                    acknowledged.append(queued_id(text))

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(sender, range(50)))
    assert len(acknowledged) == len(set(acknowledged)) == 200
    stored = Message.objects.values_list("pk", "subject")
    assert {str(pk) for pk, _ in stored} == set(acknowledged)
    assert sorted(subject for _, subject in stored) == sorted(
        f"{number}.{n}" for number in range(50) for n in range(4)
    )
    assert QueueRow.objects.count() == 200


def test_the_certificate_is_the_one_that_clients_are_given(door: Door) -> None:
    stranger = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        smtplib.SMTP_SSL("127.0.0.1", door.tls_port, timeout=30, context=stranger)


def test_a_full_disk_is_452_and_the_session_goes_on(
    door: Door, token: Token, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "FRESH", 0.0)
    monkeypatch.setattr(disk, "_seen", disk._seen)  # as it was, when the test is over
    with door.implicit() as client:
        client.login(token.username, token.password)
        settings.DISK_RESERVE_MB = 10**9
        code, text = send(client, letter())
        assert code == 452 and text.startswith("4.3.1 ")
        settings.DISK_RESERVE_MB = 0
        assert send(client, letter())[0] == 250
    assert Message.objects.count() == 1
