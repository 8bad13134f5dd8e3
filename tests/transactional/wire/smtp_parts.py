"""Real sockets for the session and protocol tests: a certificate, a listener, a scripted peer."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from transactional.wire.handler import Auth, Envelope, Handler, Refusal, ServerConfig
from transactional.wire.outcome import Outcome, TlsPolicy
from transactional.wire.protocol import SmtpServerProtocol
from transactional.wire.reply import Reply
from transactional.wire.session import Session


def server_context(folder: Path, name: str = "mx.example") -> ssl.SSLContext:
    """A server's TLS context with a self-signed certificate for `name`; `cert.pem` in `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


class Keeper(Handler):
    """Keeps what it is given. alice/secret may authenticate; nobody@… is refused."""

    checks_rcpt = True

    def __init__(self) -> None:
        self.messages: list[Envelope] = []
        self.failures: list[str] = []
        self.reply = Reply(250, "2.0.0", ("queued",))

    async def authenticate(self, username: str, password: str, peer: str) -> Auth | Refusal:
        return Auth(username) if (username, password) == ("alice", "secret") else Refusal()

    async def auth_failed(self, peer: str, username: str) -> None:
        self.failures.append(username)

    async def rcpt(self, envelope: Envelope, address: str) -> Reply | None:
        if address.startswith("nobody@"):
            return Reply(550, "5.1.1", ("No such user",))
        return None

    async def message(self, envelope: Envelope) -> Reply:
        await asyncio.sleep(0)
        if envelope.data.startswith(b"crash"):
            raise RuntimeError("as asked")
        self.messages.append(envelope)
        return self.reply


@asynccontextmanager
async def listening(config: ServerConfig, handler: Handler) -> AsyncIterator[int]:
    """Our server on a free port of loopback."""
    server = await asyncio.get_running_loop().create_server(
        lambda: SmtpServerProtocol(config, handler),
        "127.0.0.1",
        0,
        ssl=config.tls_context if config.implicit_tls else None,
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class Script:
    """The peer's half of one connection, in the words of a test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.heard: list[str] = []

    async def say(self, *lines: str | bytes) -> None:
        for line in lines:
            self.writer.write(line if isinstance(line, bytes) else line.encode() + b"\r\n")
        await self.writer.drain()

    async def hear(self, count: int = 1) -> str:
        for _ in range(count):
            self.heard.append((await self.reader.readline()).decode().rstrip("\r\n"))
        return self.heard[-1] if self.heard else ""

    async def hear_content(self) -> bytes:
        return await self.reader.readuntil(b"\r\n.\r\n")

    async def greet(self, *capabilities: str) -> None:
        await self.say("220 sink")
        await self.hear()
        words = ["sink", *capabilities]
        await self.say(*[f"250-{word}" for word in words[:-1]], f"250 {words[-1]}")

    async def envelope(self, *replies: str) -> None:
        """Hear and answer MAIL, RCPT, DATA (or fewer), one by one."""
        for reply in replies:
            await self.hear()
            await self.say(reply)

    def drop(self) -> None:
        self.writer.transport.abort()


Play = Callable[[Script], Awaitable[None]]


@asynccontextmanager
async def scripted(*plays: Play) -> AsyncIterator[tuple[int, list[Script]]]:
    """A listener whose n-th connection follows the n-th play, then is closed."""
    scripts: list[Script] = []
    waiting = list(plays)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = Script(reader, writer)
        scripts.append(script)
        try:
            await waiting.pop(0)(script)
        except (ConnectionError, asyncio.IncompleteReadError):
            script.heard.append("<lost>")
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], scripts
    finally:
        server.close()


MESSAGE = b"Subject: x\r\n\r\n.dot first\r\nbody\r\n"


async def yes() -> bool:
    return True


async def connect(port: int, **options: Any) -> Session:
    options.setdefault("tls", TlsPolicy.OFF)
    return await Session.connect("127.0.0.1", port, ehlo="out.example", **options)


async def deliver(session: Session, **options: Any) -> Outcome:
    wanted: dict[str, Any] = {
        "mail_from": "a@b.example",
        "rcpt": "c@d.example",
        "data": MESSAGE,
        "before_dot": yes,
    }
    return await session.deliver(**(wanted | options))
