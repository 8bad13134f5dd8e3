"""Mail servers with every kind of TLS, good and bad, each on a loopback address of its own; a web server
of MTA-STS policies; and the authority whose certificates are trusted.
"""

import asyncio
import datetime
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.installation import free_port
from transactional.wire.handler import Envelope, Handler, ServerConfig
from transactional.wire.protocol import SmtpServerProtocol
from transactional.wire.reply import Reply

DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority; `pem` is its certificate's file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self.certificate = self._sign(self._name, self._key.public_key(), ca=True)
        self.pem = folder / "ca.pem"
        self.pem.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *names: str, ca: bool = False,
        ends: datetime.timedelta = DAY, own: ec.EllipticCurvePrivateKey | None = None,
    ) -> x509.Certificate:  # fmt: skip
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if own else self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 30 * DAY)
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(san, critical=False)
        return builder.sign(own or self._key, hashes.SHA256())

    def context(
        self, *names: str, expired: bool = False, self_signed: bool = False
    ) -> tuple[ssl.SSLContext, x509.Certificate]:
        """A server's context, its certificate for these names, and that certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        ends = -DAY if expired else DAY
        own = key if self_signed else None
        certificate = self._sign(subject, key.public_key(), *names, ends=ends, own=own)
        file = self._folder / f"{names[0]}{expired}{self_signed}.pem"
        chain = [] if self_signed else [self.certificate]
        file.write_bytes(
            b"".join(one.public_bytes(Encoding.PEM) for one in (certificate, *chain))
            + key.private_bytes(
                Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context, certificate


class Kept(Handler):
    """Keeps who was mailed, and whether under TLS."""

    def __init__(self) -> None:
        self.mail: list[tuple[str, bool]] = []
        self.starttls = 0  # asked of spoilt servers

    async def message(self, envelope: Envelope) -> Reply:
        self.mail += [(rcpt, envelope.tls) for rcpt in envelope.rcpts]
        return Reply(250, "2.0.0", ("kept",))


class Spoilt(asyncio.Protocol):
    """Offers STARTTLS, then closes after its 220, or says more in clear; takes mail in clear."""

    def __init__(self, kept: Kept, injected: bytes) -> None:
        self._kept, self._injected = kept, injected
        self._rcpt, self._content, self._buffer = "", False, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._say(b"220 mx")

    def _say(self, line: bytes) -> None:
        self._transport.write(line + b"\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\r\n")
            self._hear(line)

    def _hear(self, line: bytes) -> None:
        verb = line[:4].upper()
        if self._content:
            if line == b".":
                self._content = False
                self._kept.mail.append((self._rcpt, False))
                self._say(b"250 kept")
        elif verb == b"EHLO":
            self._say(b"250-mx\r\n250 STARTTLS")
        elif verb == b"STAR":
            self._kept.starttls += 1
            self._transport.write(b"220 go\r\n" + self._injected)
            if not self._injected:
                self._transport.close()
        elif verb == b"DATA":
            self._content = True
            self._say(b"354 go")
        elif verb == b"QUIT":
            self._say(b"221 bye")
            self._transport.close()
        else:
            if verb == b"RCPT":
                self._rcpt = line.partition(b"<")[2].partition(b">")[0].decode()
            self._say(b"250 ok")


class Peers:
    """The servers, on one port at 127.0.2.1, 127.0.2.2, … by name."""

    def __init__(self, policies: dict[str, str], web: ssl.SSLContext) -> None:
        self.kept = Kept()
        self.addresses: dict[str, str] = {}
        # One for all addresses: a port of the kernel's would be free at the first alone
        self.port, self.web_port = int(free_port()), 0
        self._made: list[tuple[str, object]] = []
        self.policies, self._web = policies, web
        self.fetched: list[str] = []

    def add(self, name: str, context: ssl.SSLContext | None = None) -> None:
        """A server that speaks TLS with this context, or offers none."""
        config = ServerConfig(hostname="mx.test", require_auth=False, tls_context=context)
        self._put(name, lambda: SmtpServerProtocol(config, self.kept))

    def spoil(self, name: str, injected: bytes = b"") -> None:
        """A server that breaks after STARTTLS."""
        self._put(name, lambda: Spoilt(self.kept, injected))

    def _put(self, name: str, factory: object) -> None:
        self.addresses[name] = f"127.0.2.{len(self._made) + 1}"
        self._made.append((self.addresses[name], factory))

    async def serve(self, started: threading.Event, done: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        servers = []
        for address, factory in self._made:
            servers.append(await loop.create_server(factory, address, self.port))  # type: ignore[arg-type]
        web = await asyncio.start_server(self._policy, "127.0.0.1", 0, ssl=self._web)
        self.web_port = web.sockets[0].getsockname()[1]
        started.set()
        await done.wait()
        for server in (*servers, web):
            server.close()

    async def _policy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        host = next(x[6:] for x in head.split("\r\n") if x.lower().startswith("host: "))
        domain = host.strip().partition(":")[0].removeprefix("mta-sts.")
        self.fetched.append(domain)
        body = self.policies.get(domain, "").encode()
        status = b"200 OK" if body else b"404 Not Found"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Type: text/plain\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()


@contextmanager
def serving(peers: Peers) -> Iterator[Peers]:
    """In a loop and a thread of its own."""
    started, done = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        await peers.serve(started, done)

    thread = threading.Thread(target=lambda: uvloop.run(main()), daemon=True)
    thread.start()
    assert started.wait(60)
    try:
        yield peers
    finally:
        loops[0].call_soon_threadsafe(done.set)
        thread.join(10)
