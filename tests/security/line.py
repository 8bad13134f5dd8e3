"""A client that says exactly the octets it is told, and reads whole replies."""

import base64
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from tests.transactional.submission.conftest import Door, Token

SENDER, READER = "b@shop.example", "reader@far.example"


def b64(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return base64.b64encode(raw).decode()


class Line:
    """One connection. `say` sends, `reply` reads one reply (all its lines), `rest` until the end."""

    def __init__(self, port: int, *, here: str = "", tls: ssl.SSLContext | None = None) -> None:
        source = (here, 0) if here else None
        self._socket: socket.socket = socket.create_connection(
            ("127.0.0.1", port), timeout=30, source_address=source
        )
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname="localhost")
        self._reader = self._socket.makefile("rb")
        self.greeting = self.reply()

    def say(self, *octets: bytes | str) -> None:
        """Each in a segment of its own."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for one in octets:
            self._socket.sendall(one if isinstance(one, bytes) else one.encode())

    def reply(self) -> str:
        """The next reply; '' at the end of the conversation."""
        lines = []
        while line := self._reader.readline():
            lines.append(line.decode())
            if line[3:4] != b"-":
                break
        return "".join(lines)

    def ask(self, command: bytes | str) -> str:
        """A command and its reply."""
        self.say((command if isinstance(command, bytes) else command.encode()) + b"\r\n")
        return self.reply()

    def rest(self) -> str:
        """What is said until the server hangs up; a connection that is reset has ended, too."""
        said = []
        try:
            while line := self._reader.readline():
                said.append(line.decode())
        except (ConnectionError, ssl.SSLError):
            pass
        return "".join(said)

    def starttls(self, context: ssl.SSLContext) -> None:
        """The handshake alone: STARTTLS has been said and answered."""
        self._socket = context.wrap_socket(self._socket, server_hostname="localhost")
        self._reader = self._socket.makefile("rb")

    def close(self) -> None:
        self._reader.close()
        self._socket.close()


@contextmanager
def line(port: int, **how: object) -> Iterator[Line]:
    one = Line(port, **how)  # type: ignore[arg-type]
    try:
        yield one
    finally:
        one.close()


@contextmanager
def signed_in(door: Door, token: Token) -> Iterator[Line]:
    """Under TLS, greeted and authenticated."""
    with line(door.tls_port, tls=door.context()) as one:
        one.ask("EHLO client.example")
        assert one.ask(f"AUTH PLAIN {b64(f'{chr(0)}{token.username}{chr(0)}{token.password}')}")[
            :3
        ] == ("235")
        yield one


def envelope(one: Line, *, sender: str = SENDER, to: str = READER) -> None:
    """MAIL, RCPT and DATA, all taken."""
    assert one.ask(f"MAIL FROM:<{sender}>").startswith("250")
    assert one.ask(f"RCPT TO:<{to}>").startswith("250")
    assert one.ask("DATA").startswith("354")
