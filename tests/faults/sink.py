"""The receiving server of the fault cases, a process of its own: `python -m tests.faults.sink`.

Writes a line of JSON about each message before it answers 250; prints its port. Its argument is
the file. A number on standard input sets how many seconds it takes to answer; `who` is answered with a
line of JSON, what each session is at by the port that it came from.
"""

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from typing import Literal

from transactional.wire.handler import Envelope, Handler, ServerConfig
from transactional.wire.protocol import SmtpServerProtocol
from transactional.wire.reply import Reply

# Between two messages; from MAIL to the final dot; from there to its answer
At = Literal["idle", "envelope", "answer"]

_ID = re.compile(rb"\r\nX-Postino-Id: ([0-9a-f-]{36})\r\n")
_RESENT = re.compile(rb"\r\nX-Postino-Resent: yes\r\n")
_KEPT = Reply(250, "2.0.0", ("kept",))
_LATER = Reply(451, "4.3.0", ("later",))


class Recorder:
    """The file, the delay, and every session that is open."""

    def __init__(self, path: Path) -> None:
        self._log = path.open("ab", buffering=0)
        self.delay = 0.02
        self.open: dict[int, Talk] = {}

    def write(self, envelope: Envelope, port: int) -> None:
        """One message that has come."""
        found = _ID.search(envelope.data)
        seen = {
            "to": envelope.rcpts[0],
            "id": found[1].decode() if found else "",
            "resent": bool(_RESENT.search(envelope.data)),
            "at": time.monotonic(),
            "port": port,
        }
        self._log.write(json.dumps(seen).encode() + b"\n")


class Taker(Handler):
    """One session's: takes everything, but nothing for addresses that begin with `later`."""

    checks_rcpt = True  # which tells that a transaction is under way

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.port = 0
        self.at: At = "idle"

    async def rcpt(self, envelope: Envelope, address: str) -> Reply | None:
        """Any."""
        self.at = "envelope"
        return None

    async def message(self, envelope: Envelope) -> Reply:
        """Written down first: whatever becomes of the reply, this copy has come."""
        self.at = "answer"
        try:
            if envelope.rcpts[0].startswith("later"):
                return _LATER
            self._recorder.write(envelope, self.port)
            await asyncio.sleep(self._recorder.delay)
        finally:
            self.at = "idle"
        return _KEPT


class Talk(SmtpServerProtocol):
    """A session that is known by the port it came from."""

    def __init__(self, config: ServerConfig, recorder: Recorder) -> None:
        self.taker = Taker(recorder)
        super().__init__(config, self.taker)
        self._recorder = recorder

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Written into the list."""
        self.taker.port = int(transport.get_extra_info("peername")[1])
        self._recorder.open[self.taker.port] = self
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Off the list."""
        self._recorder.open.pop(self.taker.port, None)
        super().connection_lost(exc)


async def _serve(path: Path) -> None:
    loop = asyncio.get_running_loop()
    recorder = Recorder(path)
    config = ServerConfig(hostname="mx.sink.test", require_auth=False)
    server = await loop.create_server(lambda: Talk(config, recorder), "127.0.0.1", 0, backlog=512)
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await commands.readline():
        if line == b"who\n":
            print(
                json.dumps({port: talk.taker.at for port, talk in recorder.open.items()}),
                flush=True,
            )
        else:
            recorder.delay = float(line)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
