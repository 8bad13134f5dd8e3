"""Our server over real sockets, spoken to by smtplib and by raw octets."""

import asyncio
import logging
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage

import pytest

from tests.transactional.wire.conftest import Run
from tests.transactional.wire.smtp_parts import Keeper, listening
from transactional.wire.handler import Envelope, ServerConfig
from transactional.wire.protocol import SmtpServerProtocol
from transactional.wire.reply import Reply

CONFIG = ServerConfig("mx.example", size_limit=100_000, auth_delay=0.01)


def serve(run: Run, config: ServerConfig, keeper: Keeper, client: Callable[[int], None]) -> None:
    """Run a blocking client against our server."""

    async def go() -> None:
        async with listening(config, keeper) as port:
            await asyncio.to_thread(client, port)

    run(go())


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def letter() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@b.example", "c@d.example", "Hello"
    message.set_content(".\n.dots\n" + "x" * 900 + "\n")
    return message


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_smtplib_authenticates_and_sends(
    run: Run, server_tls: ssl.SSLContext, implicit: bool, mechanism: str
) -> None:
    keeper = Keeper()

    def client(port: int) -> None:
        if implicit:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL("127.0.0.1", port, "c", context=trusting())
        else:
            smtp = smtplib.SMTP("127.0.0.1", port, "c")
            smtp.starttls(context=trusting())
        smtp.ehlo()
        smtp.user, smtp.password = "alice", "wrong"
        exchange = getattr(smtp, f"auth_{mechanism.lower()}")
        with pytest.raises(smtplib.SMTPAuthenticationError):
            smtp.auth(mechanism, exchange)
        smtp.user, smtp.password = "alice", "secret"
        assert smtp.auth(mechanism, exchange)[0] == 235
        for _ in range(2):
            assert smtp.send_message(
                letter(), to_addrs=["c@d.example", "nobody@d.example"]
            ).keys() == {"nobody@d.example"}
        assert smtp.quit()[0] == 221

    config = replace(CONFIG, tls_context=server_tls, require_auth=True, implicit_tls=implicit)
    serve(run, config, keeper, client)
    assert keeper.failures == ["alice"]
    first, second = keeper.messages
    assert first == second and first.tls and first.auth and first.auth.username == "alice"
    assert b"\r\n\r\n.\r\n.dots\r\n" in first.data and first.rcpts == ("c@d.example",)


def test_without_authentication_nothing_is_taken(run: Run, server_tls: ssl.SSLContext) -> None:
    def client(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, "c") as smtp:
            with pytest.raises(smtplib.SMTPSenderRefused, match=r"530.*STARTTLS"):
                smtp.send_message(letter())
            smtp.starttls(context=trusting())
            with pytest.raises(smtplib.SMTPSenderRefused, match=r"530.*Authentication"):
                smtp.send_message(letter())

    keeper = Keeper()
    serve(run, replace(CONFIG, tls_context=server_tls, require_auth=True), keeper, client)
    assert not keeper.messages


async def talk(port: int, *steps: tuple[bytes, bytes]) -> bytes:
    """Everything the server says: what is sent, and the word of its answer that the next step waits for.

    Without a word the next step follows a moment later, whatever was said.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = b""
    for octets, word in steps:
        writer.write(octets)
        if word:
            said += await reader.readuntil(word)
        else:
            await asyncio.sleep(0.02)
    writer.write_eof()
    said += await reader.read()
    writer.close()
    return said


EHLO = b"EHLO c\r\n", b"ENHANCEDSTATUSCODES\r\n"
HELLO = (
    b"EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n",
    b"354 End data with <CR><LF>.<CR><LF>\r\n",
)
QUIT = b"QUIT\r\n", b""


@pytest.mark.parametrize("injected", [b"EHLO x\r\nAUTH PLAIN AGFsaWNl\r\n", b"RSET\r\n"])
@pytest.mark.parametrize("split", [False, True])
def test_starttls_injection(
    run: Run, server_tls: ssl.SSLContext, injected: bytes, split: bool
) -> None:
    async def go() -> None:
        async with listening(replace(CONFIG, tls_context=server_tls), Keeper()) as port:
            steps = [EHLO, (b"STARTTLS\r\n" + injected, b"")]
            if split:
                steps[1:] = [(b"STARTTLS\r\n", b"\r\n"), (injected, b"")]
            try:
                said = await asyncio.wait_for(talk(port, *steps), 20)
            except ConnectionError:
                assert split
                return
            last = said.split(b"ENHANCEDSTATUSCODES\r\n")[1]
            # A TLS alert (0x15) may follow the 220; no SMTP reply may.
            assert last.startswith(b"220" if split else b"554") and last.count(b"\r\n") == 1

    run(go())


def test_a_failing_handler_is_a_temporary_error(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    keeper = Keeper()

    async def go() -> None:
        async with listening(CONFIG, keeper) as port:
            crash, fine = (b"crash\r\n.\r\n", b"451 4.3.0"), (b"fine\r\n.\r\n", b"queued\r\n")
            said = await talk(port, HELLO, crash, HELLO, fine, QUIT)
            assert b"451 4.3.0" in said and said.endswith(b"250 2.0.0 queued\r\n221 2.0.0 Bye\r\n")

    with caplog.at_level(logging.CRITICAL):
        run(go())
    assert [m.data for m in keeper.messages] == [b"fine\r\n"]


class Slow(Keeper):
    """Answers a message when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()
        self.begun = asyncio.Event()

    async def message(self, envelope: Envelope) -> Reply:
        self.begun.set()
        await self.go_on.wait()
        return await super().message(envelope)


def test_nothing_is_said_and_little_is_read_while_a_handler_works(run: Run) -> None:
    async def go() -> None:
        slow = Slow()
        protocols: list[SmtpServerProtocol] = []

        def make() -> SmtpServerProtocol:
            protocols.append(SmtpServerProtocol(CONFIG, slow))
            return protocols[-1]

        server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(HELLO[0])
        await reader.readuntil(HELLO[1])
        writer.write(b"x\r\n.\r\n")
        await slow.begun.wait()
        flood = asyncio.ensure_future(pour(writer))
        await asyncio.sleep(0.2)
        assert not flood.done() and protocols[0].busy
        session = protocols[0]._session
        assert session is not None and session.buffered < 1_000_000
        slow.go_on.set()
        said = await reader.read()
        assert said.startswith(b"250 2.0.0 queued\r\n250 2.0.0 Ok\r\n") and b"\r\n421 4.7.0" in said
        flood.cancel()
        writer.close()
        server.close()

    async def pour(writer: asyncio.StreamWriter) -> None:
        for _ in range(500):
            writer.write(b"NOOP " + b"x" * 2000 + b"\r\n" + b"NOOP\r\n" * 8000)
            await writer.drain()

    run(go())


def test_stop_waits_for_the_handler(run: Run) -> None:
    async def go() -> None:
        slow, gone = Slow(), asyncio.Event()
        protocol = SmtpServerProtocol(CONFIG, slow, on_close=lambda _: gone.set())
        server = await asyncio.get_running_loop().create_server(lambda: protocol, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = asyncio.ensure_future(talk(port, HELLO, (b"x\r\n.\r\n", b"")))
        await slow.begun.wait()
        protocol.stop()
        await asyncio.sleep(0.05)
        slow.go_on.set()
        said = await client
        assert said.splitlines()[-2:] == [
            b"250 2.0.0 queued",
            b"421 4.3.2 Server is stopping, try again later",
        ]
        await gone.wait()
        assert len(slow.messages) == 1
        server.close()

    run(go())


def test_slow_and_silent_peers_are_let_go(run: Run) -> None:
    config = replace(CONFIG, idle_timeout=0.2, data_deadline=0.3)

    async def drip(port: int, start: bytes, word: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(start)
        try:
            await reader.readuntil(word)
        except asyncio.IncompleteReadError as let_go:  # on a busy machine even before
            return let_go.partial
        answer = asyncio.ensure_future(reader.read())
        while not answer.done():
            writer.write(b"x")
            await asyncio.sleep(0.02)
        writer.close()
        return answer.result()

    async def go() -> None:
        async with listening(config, Keeper()) as port:
            for start, word in ((b"", b"\r\n"), EHLO, HELLO):
                said = await asyncio.wait_for(drip(port, start, word), 20)
                assert said.endswith(b"421 4.4.2 Timeout, closing the connection\r\n")
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            said = await asyncio.wait_for(reader.read(), 20)
            assert b"421 4.4.2" in said
            writer.close()

    run(go())


def test_one_slow_peer_does_not_hold_up_another(run: Run) -> None:
    async def go() -> None:
        keeper = Keeper()
        async with listening(CONFIG, keeper) as port:
            idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
            said = await talk(port, HELLO, (b"x\r\n.\r\n", b"queued\r\n"), QUIT)
            assert said.endswith(b"221 2.0.0 Bye\r\n") and len(keeper.messages) == 1
            for _, writer in idle:
                writer.close()

    run(go())


def test_last_word_reaches_a_peer_that_still_sends(run: Run) -> None:
    async def go() -> None:
        async with listening(CONFIG, Keeper()) as port:
            said = await talk(port, (b"FOO\r\n" * 20_000, b""), (b"FOO\r\n" * 20_000, b""))
            assert said.endswith(b"421 4.7.0 Too many errors\r\n")

    run(go())


def test_guessing_passwords_ends_the_connection(run: Run, server_tls: ssl.SSLContext) -> None:
    keeper = Keeper()

    def client(port: int) -> None:
        smtp = smtplib.SMTP_SSL("127.0.0.1", port, "c", context=trusting())
        smtp.ehlo()
        codes = [smtp.docmd("AUTH", "PLAIN AGFsaWNlAHdyb25n")[0] for _ in range(5)]
        assert codes == [535] * 5
        assert smtp.getreply()[0] == 421
        with pytest.raises(smtplib.SMTPServerDisconnected):
            smtp.docmd("NOOP")
        smtp.close()

    config = replace(CONFIG, tls_context=server_tls, offer_auth=True, implicit_tls=True)
    serve(run, config, keeper, client)
    assert keeper.failures == ["alice"] * 5
