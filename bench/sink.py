"""`python -m bench.sink`: the receiving server, in a process of its own, as cheap as a server can be.

Keeps the ledger's key, the number of copies and the first sight of each message, and some messages whole.
Commands come on standard input, one a line: `count`, `report`, `times`, `clear`, `pace <seconds>` (which
each message then takes); each is answered with one line of JSON.
"""

import asyncio
import json
import ssl
import sys
import time
from collections import Counter
from pathlib import Path
from typing import cast

import uvloop

from bench.message import MARK
from config.certificate import given_or_own

_SAMPLE = 100  # every n-th message is kept whole
_SUBJECT = b"\r\nSubject: " + MARK.encode()
_OFFERED = (
    b"250-sink.example\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n%b250 SMTPUTF8\r\n"
)
_REPLIES = {
    b"MAIL": b"250 2.1.0 Ok\r\n",
    b"RCPT": b"250 2.1.5 Ok\r\n",
    b"DATA": b"354 Go ahead\r\n",
    b"RSET": b"250 2.0.0 Ok\r\n",
    b"NOOP": b"250 2.0.0 Ok\r\n",
}
_KEPT = b"250 2.0.0 kept\r\n"


class Books:
    """What arrived."""

    def __init__(self, folder: Path, context: ssl.SSLContext) -> None:
        self.context = context
        self.copies: Counter[str] = Counter()
        self.first: dict[str, float] = {}
        self.seen = 0
        self.octets = 0
        self.connections = 0
        self.pace = 0.0
        self._folder = folder

    def take(self, content: bytes, since: float) -> None:
        """One message, its dots still doubled; `since`: when its MAIL command arrived."""
        at = content.find(_SUBJECT) + len(_SUBJECT)
        found = at >= len(_SUBJECT)
        key = content[at : content.index(b"\r", at)].decode() if found else "?"
        self.copies[key] += 1
        self.first.setdefault(key, since)
        if self.seen % _SAMPLE == 0:
            whole = content.replace(b"\r\n..", b"\r\n.")
            (self._folder / f"{self.seen}.eml").write_bytes(whole)
        self.seen += 1
        self.octets += len(content)

    def answer(self, command: str) -> object:
        """What a command asks for."""
        if command.startswith("pace "):
            self.pace = float(command.partition(" ")[2])
        if command == "clear":
            self.copies.clear()
            self.first.clear()
            self.seen = self.octets = self.connections = 0
            for old in self._folder.iterdir():
                old.unlink()
        if command == "times":
            return self.first
        if command == "report":
            return {
                "copies": self.copies,
                "octets": self.octets,
                "connections": self.connections,
                "samples": [str(path) for path in self._folder.iterdir()],
            }
        return self.seen


class Conversation(asyncio.Protocol):
    """One connection: commands in, replies out, whatever order they come in."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._content: list[bytes] | None = None
        self._since = 0.0
        self._secured = False
        self._handshake: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._books.connections += 1
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(b"220 sink.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer what is complete, all in one write."""
        out: list[bytes] = []
        rest = self._rest + data if self._rest else data
        while rest:
            left = self._read(rest, out) if self._content is None else self._collect(rest, out)
            if left is None:
                break
            rest = left
        self._rest = rest if self._content is None else b""
        if out and self._transport is not None:
            if self._books.pace and _KEPT in out:
                loop = asyncio.get_running_loop()
                loop.call_later(self._books.pace, self._transport.write, b"".join(out))
            else:
                self._transport.write(b"".join(out))

    def _read(self, rest: bytes, out: list[bytes]) -> bytes | None:
        """One command; None where its line has not ended."""
        line, ended, rest = rest.partition(b"\r\n")
        if not ended:
            return None
        verb = line[:4].upper()
        if verb == b"MAIL":
            self._since = time.monotonic()
        elif verb == b"DATA":
            self._content = []
        elif verb in (b"EHLO", b"HELO"):
            out.append(_OFFERED % (b"" if self._secured else b"250-STARTTLS\r\n"))
            return rest
        elif verb == b"STAR" and self._transport is not None:
            self._transport.write(b"220 2.0.0 Go ahead\r\n")
            self._handshake = asyncio.create_task(self._secure(self._transport))
            return rest
        elif verb == b"QUIT" and self._transport is not None:
            self._transport.write(b"221 2.0.0 Bye\r\n")
            self._transport.close()
            return rest
        out.append(_REPLIES.get(verb, b"502 5.5.1 No\r\n"))
        return rest

    def _collect(self, rest: bytes, out: list[bytes]) -> bytes:
        """Content up to its final dot, which may come in pieces."""
        pieces = self._content
        assert pieces is not None
        pieces.append(rest)
        whole = rest if len(pieces) == 1 else b"".join(pieces)
        end = whole.find(b"\r\n.\r\n", max(0, len(whole) - len(rest) - 4))
        if end < 0:
            self._content = [whole]
            return b""
        self._content = None
        self._books.take(whole[: end + 2], self._since)
        out.append(_KEPT)
        return whole[end + 5 :]

    async def _secure(self, plain: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        self._rest = b""
        self._secured = True
        self._transport = await loop.start_tls(plain, self, self._books.context, server_side=True)


async def _serve(folder: Path) -> None:
    loop = asyncio.get_running_loop()
    samples = folder / "samples"
    samples.mkdir()
    files = given_or_own(cert="", key="", directory=folder / "tls", names=["sink.example"])
    books = Books(samples, files.server_context())
    server = await loop.create_server(lambda: Conversation(books), "127.0.0.1", 0, backlog=512)
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await commands.readline():
        print(json.dumps(books.answer(line.decode().strip())), flush=True)


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1])))
