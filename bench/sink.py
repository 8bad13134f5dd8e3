"""`python -m bench.sink`: the receiving server, in a process of its own.

Keeps the ledger's key and the number of copies of each message, and some messages whole. Commands come on
standard input, one a line: `count`, `report`, `clear`; each is answered with one line of JSON.
"""

import asyncio
import json
import re
import sys
from collections import Counter
from pathlib import Path

import uvloop

from bench.message import MARK
from config.certificate import given_or_own
from transactional.wire.handler import Envelope, Handler, ServerConfig
from transactional.wire.protocol import SmtpServerProtocol
from transactional.wire.reply import Reply

_SUBJECT = re.compile(rb"\r\nSubject: " + MARK.encode() + rb"([^\r]+)\r\n")
_SAMPLE = 100  # every n-th message is kept whole
_KEPT = Reply(250, "2.0.0", ("kept",))


class Sink(Handler):
    """Counts copies by key."""

    def __init__(self, folder: Path) -> None:
        self.copies: Counter[str] = Counter()
        self.seen = 0
        self.octets = 0
        self.connections = 0
        self._folder = folder

    async def message(self, envelope: Envelope) -> Reply:
        """Take it, whatever it is."""
        found = _SUBJECT.search(envelope.data)
        self.copies[found[1].decode() if found else "?"] += 1
        if self.seen % _SAMPLE == 0:
            (self._folder / f"{self.seen}.eml").write_bytes(envelope.data)
        self.seen += 1
        self.octets += len(envelope.data)
        return _KEPT

    def answer(self, command: str) -> object:
        """What a command asks for."""
        if command == "clear":
            self.copies.clear()
            self.seen = self.octets = self.connections = 0
            for old in self._folder.iterdir():
                old.unlink()
        if command == "report":
            return {
                "copies": self.copies,
                "octets": self.octets,
                "connections": self.connections,
                "samples": [str(path) for path in self._folder.iterdir()],
            }
        return self.seen


async def _serve(folder: Path) -> None:
    loop = asyncio.get_running_loop()
    samples = folder / "samples"
    samples.mkdir()
    sink = Sink(samples)
    files = given_or_own(cert="", key="", directory=folder / "tls", names=["sink.example"])
    config = ServerConfig(hostname="sink.example", tls_context=files.server_context())

    def connected() -> SmtpServerProtocol:
        sink.connections += 1
        return SmtpServerProtocol(config, sink)

    server = await loop.create_server(connected, "127.0.0.1", 0)
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await commands.readline():
        print(json.dumps(sink.answer(line.decode().strip())), flush=True)


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1])))
