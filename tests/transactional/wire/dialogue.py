"""Drives the server's state machine in tests, without a socket."""

import ssl
from dataclasses import replace

from transactional.wire.handler import Auth, Envelope, Refusal, ServerConfig
from transactional.wire.reply import Reply
from transactional.wire.server import ServerSession
from transactional.wire.server_state import (
    Action,
    CheckPassword,
    CheckRcpt,
    Close,
    StartTls,
    TakeMessage,
)

PLAIN = ServerConfig("mx.example", size_limit=1000, rcpt_limit=3)
TLS = replace(PLAIN, tls_context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), require_auth=True)
SECURED = replace(TLS, implicit_tls=True)
ALICE = "\0alice\0secret"


class Dialogue:
    """Drives a session, answering its questions, and keeps what came of it."""

    def __init__(self, config: ServerConfig = PLAIN, *, check_rcpt: bool = False) -> None:
        self.session = ServerSession(config, "192.0.2.1", check_rcpt=check_rcpt)
        self.out = b""
        self.messages: list[Envelope] = []
        self.passwords: list[tuple[str, str]] = []
        self.closed: Close | None = None
        self.starts = 0
        self.act(None)

    def send(self, data: bytes | str) -> str:
        """Octets in; the replies since the last call out."""
        raw = data.encode() if isinstance(data, str) else data
        before = len(self.out)
        self.act(self.session.feed(raw))
        return self.out[before:].decode()

    def act(self, action: Action | None) -> None:
        while True:
            self.out += self.session.take_output()
            match action:
                case TakeMessage(envelope):
                    self.messages.append(envelope)
                    action = self.session.answer_message(Reply(250, "2.0.0", ("queued",)))
                case CheckPassword(username, password):
                    self.passwords.append((username, password))
                    right = (username, password) == ("alice", "secret")
                    action = self.session.answer_auth(Auth("alice", 7) if right else Refusal())
                case CheckRcpt(_, address):
                    bad = Reply(550, "5.1.1", ("No such user",))
                    action = self.session.answer_rcpt(bad if address.startswith("no") else None)
                case StartTls():
                    self.starts += 1
                    self.session.tls_started()
                    action = None
                case Close():
                    self.closed = action
                    return
                case None:
                    return

    def greet(self) -> "Dialogue":
        self.send("EHLO c.example\r\n")
        return self

    def begin(self) -> "Dialogue":
        self.greet().send("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n")
        return self
