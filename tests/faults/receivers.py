"""Scripted mail servers of the receivers' cases: each a class that says what it answers, and the books.

All on one port, each on a loopback address of its own; a drop is a reset in the middle of the talk.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from transactional.wire.handler import Envelope, Handler
from transactional.wire.reply import Reply

KEYWORDS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 30000000")


class Drop(Exception):
    """Reset the connection now."""


@dataclass(frozen=True)
class Copy:
    """One message whose final dot came, whatever was answered to it."""

    to: str
    path: str
    peer: str
    here: str
    at: float
    resent: bool
    data: bytes
    options: str = ""  # behind MAIL's address


@dataclass
class Books:
    """What all receivers wrote down."""

    came: list[Copy] = field(default_factory=list)
    taken: Counter[str] = field(default_factory=Counter)  # recipients, by 250 to the final dot
    connections: Counter[str] = field(default_factory=Counter)  # by our address
    asked: list[tuple[float, str, str]] = field(default_factory=list)  # each RCPT, what was said
    paths: dict[str, set[tuple[str, str]]] = field(default_factory=dict)  # by recipient

    def copies(self, domain: str) -> list[Copy]:
        """Of one domain, in order of arrival."""
        return [one for one in self.came if one.to.endswith(f"@{domain}")]

    def accepted(self, domain: str) -> Counter[str]:
        """The recipients of one domain whose mail was taken, and how often."""
        now = dict(self.taken)  # in one step: the servers' thread goes on writing
        return Counter({to: n for to, n in now.items() if to.endswith(f"@{domain}")})

    def asked_by(self, domain: str) -> dict[str, set[tuple[str, str]]]:
        """Return-path and IP of each RCPT, by recipient of one domain."""
        now = dict(self.paths)
        return {to: set(seen) for to, seen in now.items() if to.endswith(f"@{domain}")}

    def rcpts(self, domain: str) -> list[tuple[float, str]]:
        """When RCPT came for a domain, and what was said."""
        return [(at, said) for at, to, said in self.asked if to.endswith(f"@{domain}")]

    def copy(self, to: str, path: str, peer: str, here: str, data: bytes, opts: str = "") -> Copy:
        """Note a message that has come."""
        resent = b"\r\nX-Postino-Resent: yes\r\n" in data
        one = Copy(to, path, peer, here, time.monotonic(), resent, data, opts)
        self.came.append(one)
        return one


@dataclass
class Talk:
    """One connection so far."""

    peer: str
    here: str
    writer: asyncio.StreamWriter
    taken: int = 0
    path: str | None = None
    options: str = ""
    rcpt: str = ""


class Receiver:
    """An ordinary server. Subclasses answer otherwise: None means the usual."""

    keywords: tuple[str, ...] = KEYWORDS
    pause = 0.0  # seconds before each answer
    limit = 1 << 25  # octets of one message
    read_only = 0  # octets of content after which the connection is reset; 0: all is read

    def __init__(self, books: Books) -> None:
        self.books = books
        self.open = 0

    def hear(self, talk: Talk, verb: str, line: str) -> str | bytes | None:
        """The answer to a command; verb `` is the connection itself, `.` the end of content."""
        return None

    async def dot(self, talk: Talk, copy: Copy) -> str | bytes | None:
        """The answer to a message."""
        return self.hear(talk, ".", "")

    async def say(self, talk: Talk, said: str | bytes) -> None:
        """Write an answer."""
        if self.pause:
            await asyncio.sleep(self.pause)
        talk.writer.write(said if isinstance(said, bytes) else f"{said}\r\n".encode())
        await talk.writer.drain()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        talk = Talk(
            writer.get_extra_info("peername")[0], writer.get_extra_info("sockname")[0], writer
        )
        self.books.connections[talk.here] += 1
        self.open += 1
        try:
            await self._converse(talk, reader)
        except Drop:
            writer.transport.abort()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # they hung up, or the test is over
        finally:
            self.open -= 1
            writer.close()

    async def _converse(self, talk: Talk, reader: asyncio.StreamReader) -> None:
        greeting = self.hear(talk, "", "") or "220 mx ESMTP"
        await self.say(talk, greeting)
        if greeting[:1] not in ("2", b"2"):
            return
        while line := await reader.readline():
            text = line.decode("utf-8", "backslashreplace").strip()
            verb = text[:4].upper()
            said = self._usual(talk, verb, text)
            await self.say(talk, said)
            if verb == "QUIT" or said[:3] in ("421", b"421"):
                return
            if verb == "DATA" and said[:3] in ("354", b"354"):
                await self._content(talk, reader)

    def _usual(self, talk: Talk, verb: str, text: str) -> str | bytes:
        """Keeps to RFC 5321: one transaction at a time, no content without a recipient."""
        own = self.hear(talk, verb, text)
        wrong = self._out_of_order(talk, verb)
        if wrong:
            return wrong
        if verb in ("RSET", "EHLO", "HELO"):
            talk.path, talk.rcpt = None, ""
        said = own or {"DATA": "354 go on", "EHLO": self._capabilities()}.get(verb, "250 2.0.0 Ok")
        fine = said[:1] in ("2", b"2")
        if verb == "MAIL" and fine:
            talk.path, _, talk.options = text[10:].removeprefix("<").partition(">")
            talk.rcpt = ""
        if verb == "RCPT":
            self._asked(talk, text[8:].strip("<>"), said, fine=fine)
        return said

    def _asked(self, talk: Talk, rcpt: str, said: str | bytes, *, fine: bool) -> None:
        talk.rcpt = rcpt if fine else talk.rcpt
        told = said if isinstance(said, str) else said.decode("latin-1")
        self.books.asked.append((time.monotonic(), rcpt, told[:40]))
        self.books.paths.setdefault(rcpt, set()).add((talk.path or "", talk.peer))

    def _out_of_order(self, talk: Talk, verb: str) -> str:
        if verb == "MAIL" and talk.path is not None:
            return "503 5.5.1 Nested MAIL"
        if verb == "RCPT" and talk.path is None:
            return "503 5.5.1 MAIL first"
        return "554 5.5.1 No valid recipients" if verb == "DATA" and not talk.rcpt else ""

    def _capabilities(self) -> str:
        return "\r\n".join(["250-mx", *(f"250-{word}" for word in self.keywords), "250 HELP"])

    async def _content(self, talk: Talk, reader: asyncio.StreamReader) -> None:
        if self.read_only:
            await reader.readexactly(self.read_only)
            raise Drop
        data = await reader.readuntil(b"\r\n.\r\n")
        content = data[:-3].replace(b"\r\n..", b"\r\n.")
        copy = self.books.copy(
            talk.rcpt, talk.path or "", talk.peer, talk.here, content, talk.options
        )
        said = await self.dot(talk, copy) or "250 2.0.0 kept"
        talk.path = None
        talk.taken += 1
        if said[:1] in ("2", b"2"):
            self.books.taken[talk.rcpt] += 1
        await self.say(talk, said)


class Secure(Handler):
    """The books of servers that offer STARTTLS, good and bad (`tls_peers`)."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self.mail = self
        self.under_tls: Counter[bool] = Counter()

    async def message(self, envelope: Envelope) -> Reply:
        """Take everything."""
        for to in envelope.rcpts:
            self.append((to, envelope.tls), envelope.data)
        return Reply(250, "2.0.0", ("kept",))

    def append(self, one: tuple[str, bool], data: bytes = b"") -> None:
        """A message came, under TLS or in clear."""
        to, tls = one
        self._books.copy(to, "", "", "", data)
        self._books.taken[to] += 1
        self.under_tls[tls] += 1
