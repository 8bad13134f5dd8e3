"""What an SMTP server of ours is configured with, and what its owner answers: no protocol here.

Implemented by submission, inbound and the sandbox sink; called by `protocol`.
"""

import ssl
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal

from transactional.wire.reply import Reply

#: One text for every wrong guess: unknown user, wrong and revoked password look alike.
BAD_CREDENTIALS: Final = Reply(535, "5.7.8", ("Authentication credentials invalid",))


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """One listener. All limits are per connection; counting connections is the owner's business."""

    hostname: str
    banner: str = "ESMTP"
    size_limit: int = 26_214_400  # octets of one message
    rcpt_limit: int = 100  # recipients of one message, 1 to 1000
    #: AUTH is announced and taken, under TLS only.
    offer_auth: bool = False
    #: MAIL wants AUTH first (530 5.7.0). Implies offer_auth.
    require_auth: bool = False
    #: Offers STARTTLS where set. The owner passes the same context to the listener instead where
    #: `implicit_tls` is on, and the connection counts as secured from its first octet.
    tls_context: ssl.SSLContext | None = None
    implicit_tls: bool = False
    #: A bare CR or LF in content: refused after the true end, or turned into CR LF.
    bare_newline: Literal["refuse", "normalise"] = "refuse"
    idle_timeout: float = 300.0  # seconds without one complete command; stops slow senders
    data_deadline: float = 900.0  # seconds for one message's content in all; stops 1 octet/s
    #: Seconds within each of which at least so many octets of content come: stops a drip that would
    #: hold what came before it.
    data_window: float = 60.0
    data_least: int = 4096
    max_errors: int = 10  # bad commands, then 421: nobody types here
    max_idle_commands: int = 100  # NOOP, RSET, EHLO… between two messages, then 421
    max_auth_failures: int = 5  # then 421
    auth_delay: float = 1.0  # seconds before the answer to the first failure; doubles, up to 8×

    def __post_init__(self) -> None:
        if not 1 <= self.rcpt_limit <= 1000:
            raise ValueError("rcpt_limit must be 1 to 1000")
        if not 0 < self.idle_timeout <= 300:
            raise ValueError("idle_timeout must be at most 300 s")
        if self.implicit_tls and self.tls_context is None:
            raise ValueError("implicit_tls needs tls_context")


@dataclass(frozen=True, slots=True)
class Auth:
    """A successful authentication. `principal` is the owner's own value, handed back untouched."""

    username: str
    principal: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A failed authentication. A 5xx counts as a wrong guess, a 4xx (say 454 4.7.0) does not."""

    reply: Reply = BAD_CREDENTIALS
    slow: int = 1  # times `auth_delay` that the answer is held back at least


@dataclass(frozen=True, slots=True)
class Envelope:
    """One received message with its envelope. `data` is unstuffed; its line ends are CR LF."""

    peer: str
    helo: str
    tls: bool
    auth: Auth | None
    mail_from: str | None  # None is the null reverse-path
    rcpts: tuple[str, ...]
    data: bytes = field(default=b"", repr=False)
    smtputf8: bool = False
    body_8bit: bool = False


class Handler(ABC):
    """The owner's answers. Every answer becomes a reply only when its await has completed."""

    #: False spares a task per recipient.
    checks_rcpt: ClassVar[bool] = False

    async def authenticate(self, username: str, password: str, peer: str) -> Auth | Refusal:
        """Who this is. Called under TLS only."""
        return Refusal()

    async def auth_failed(self, peer: str, username: str) -> None:  # noqa: B027 — a hook; most handlers need none
        """Told of each wrong guess, before the delayed answer goes out."""

    async def rcpt(self, envelope: Envelope, address: str) -> Reply | None:
        """A refusal for one recipient, or None to take it. `envelope` is the transaction so far."""
        return None

    @abstractmethod
    async def message(self, envelope: Envelope) -> Reply:
        """Take responsibility and say 250, or refuse. An exception becomes 451 4.3.0."""
