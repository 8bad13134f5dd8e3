"""What one server-side SMTP conversation remembers, and what it asks of the world. No sockets.

RFC 5321 §4.1.4 (order of commands), §4.3.2 (sequences).
"""

from dataclasses import dataclass, field
from typing import Final

from transactional.wire.handler import Auth, Envelope, ServerConfig
from transactional.wire.reply import Reply
from transactional.wire.room import Room, neighbourhood


@dataclass(frozen=True, slots=True)
class CheckPassword:
    """Ask the owner; go on with `answer_auth`."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckRcpt:
    """Ask the owner about one recipient; go on with `answer_rcpt`."""

    envelope: Envelope
    address: str


@dataclass(frozen=True, slots=True)
class TakeMessage:
    """Hand the message over; go on with `answer_message`."""

    envelope: Envelope


@dataclass(frozen=True, slots=True)
class StartTls:
    """Send what is due, do the handshake, then call `tls_started`."""


@dataclass(frozen=True, slots=True)
class Close:
    """Send what is due and hang up. `polite`: the peer asked for it and has nothing more to say."""

    polite: bool = False


Action = CheckPassword | CheckRcpt | TakeMessage | StartTls | Close

TOO_MANY_ERRORS: Final = Reply(421, "4.7.0", ("Too many errors",))


class Conversation:
    """Mutable state shared by the verbs; `out` collects the replies that are due."""

    def __init__(
        self,
        config: ServerConfig,
        peer: str,
        *,
        check_rcpt: bool = False,
        room: Room | None = None,
    ) -> None:
        self.config = config
        self.peer = peer
        self.room = room
        self.check_rcpt = check_rcpt
        self.tls = config.implicit_tls
        self.out = bytearray()
        self.errors = 0
        self.idle_commands = 0
        self.surplus = 0  # recipients that were one too many
        self.auth_failures = 0
        self.forget()

    def forget(self) -> None:
        """As after the TLS handshake: nothing said before counts (RFC 3207 §4.2)."""
        self.helo: str | None = None
        self.auth: Auth | None = None
        self.end_transaction()

    @property
    def sender(self) -> str:
        """By whom content is counted: who has said who it is, or else where it comes from."""
        return f"name {self.auth.username}" if self.auth else f"peer {neighbourhood(self.peer)}"

    def end_transaction(self) -> None:
        """No MAIL given."""
        self.in_transaction = False
        self.mail_from: str | None = None
        self.rcpts: list[str] = []
        self.smtputf8 = False
        self.body_8bit = False

    def envelope(self, data: bytes = b"") -> Envelope:
        """The transaction as a value."""
        return Envelope(
            self.peer,
            self.helo or "",
            self.tls,
            self.auth,
            self.mail_from,
            tuple(self.rcpts),
            data,
            self.smtputf8,
            self.body_8bit,
        )

    def say(self, code: int, enhanced: str | None, *lines: str) -> None:
        """Make a reply due."""
        self.out += Reply(code, enhanced, lines).encode()

    def refuse(self, code: int, enhanced: str, text: str) -> Close | None:
        """Make a refusal due that counts against the peer; Close after too many."""
        self.say(code, enhanced, text)
        return self.count_error()

    def count_error(self) -> Close | None:
        """One more mistake; 421 and Close at the limit."""
        self.errors += 1
        if self.errors < self.config.max_errors:
            return None
        return self.hang_up(TOO_MANY_ERRORS)

    def count_idle_command(self) -> Close | None:
        """One more command that leads nowhere; 421 and Close at the limit."""
        self.idle_commands += 1
        if self.idle_commands <= self.config.max_idle_commands:
            return None
        return self.hang_up(Reply(421, "4.7.0", ("Too many commands without a message",)))

    def hang_up(self, reply: Reply) -> Close:
        """A last reply, then Close."""
        self.out += reply.encode()
        return Close()
