"""The sandbox's mail server: takes everything, keeps it in a Maildir, plays the simulated readers."""

import logging
import secrets
from collections import OrderedDict
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import ClassVar

from django.conf import settings

from config import certificate
from transactional.listener import Door, Listeners
from transactional.sandbox.dns import SINK_HOST as HOST
from transactional.sandbox.maildir import Maildir
from transactional.sandbox.simulators import Delivered, Simulators, role_of
from transactional.wire.handler import Envelope, Handler, ServerConfig
from transactional.wire.reply import Reply

logger = logging.getLogger(__name__)

SIZE_LIMIT = 50 * 1024 * 1024
REMEMBERED = 10_000  # deferred envelopes; stops a flood from filling memory
_REFUSED = Reply(550, "5.1.1", ("No such mailbox here",))
_FULL = Reply(452, "4.2.2", ("The mailbox is full",))
_DEFERRED = Reply(451, "4.7.1", ("Greylisted, come back later",))


class Sink(Handler):
    """Stores before it answers 250."""

    checks_rcpt: ClassVar[bool] = True

    def __init__(self, maildir: Maildir, simulators: Simulators) -> None:
        self._maildir = maildir
        self._simulators = simulators
        self._deferred: OrderedDict[tuple[str | None, str], None] = OrderedDict()

    async def rcpt(self, envelope: Envelope, address: str) -> Reply | None:
        """`refuse@` is refused, `full@` put off for ever, `defer@` once for each envelope."""
        role = role_of(address)
        if role == "full":
            return _FULL
        if role == "refuse":
            return _REFUSED
        if role == "defer" and self._is_new((envelope.mail_from, address.lower())):
            return _DEFERRED
        return None

    async def message(self, envelope: Envelope) -> Reply:
        """Keep a file per recipient, then let the simulators see it."""
        identity = secrets.token_hex(6)
        for address in envelope.rcpts:
            content = trace(envelope, address, identity) + envelope.data
            if role_of(address) != "bounce":
                self._maildir.deliver(content)
            self._simulators.see(Delivered(address, envelope.mail_from, content))
        return Reply(250, "2.0.0", (f"delivered as {identity}",))

    def _is_new(self, key: tuple[str | None, str]) -> bool:
        if key in self._deferred:
            return False
        self._deferred[key] = None
        if len(self._deferred) > REMEMBERED:
            self._deferred.popitem(last=False)
        return True


def trace(envelope: Envelope, address: str, identity: str) -> bytes:
    """The lines a final delivery puts on top; nothing below changes (RFC 5321 §4.4)."""
    protocol = "ESMTPS" if envelope.tls else "ESMTP"
    lines = (
        f"Return-Path: <{envelope.mail_from or ''}>",
        f"Delivered-To: {address}",
        f"Received: from {envelope.helo[:200]} ([{envelope.peer}])",
        f"\tby {HOST} with {protocol} id {identity}",
        f"\tfor <{address}>; {format_datetime(datetime.now(UTC))}",
    )
    return "".join(f"{line}\r\n" for line in lines).encode()


def maildir() -> Maildir:
    """Where the sandbox keeps what was delivered."""
    return Maildir(Path(settings.DATA_DIR) / "sandbox" / "maildir")


async def open_sink(listeners: Listeners, simulators: Simulators) -> int:
    """Listen on SANDBOX_SMTP_PORT; the port."""
    store = maildir()
    store.make()
    files = certificate.own(Path(settings.DATA_DIR) / "sandbox" / "tls", [HOST])
    config = ServerConfig(
        hostname=HOST,
        banner="ESMTP Postino sandbox",
        size_limit=SIZE_LIMIT,
        tls_context=files.server_context(),
        max_errors=1000,  # whatever egress is made to do here is a test of it
    )
    door = Door("127.0.0.1", settings.SANDBOX_SMTP_PORT, config, Sink(store, simulators))
    return await listeners.open(door)
