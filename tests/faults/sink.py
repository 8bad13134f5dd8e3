"""The receiving server of the fault cases, a process of its own: `python -m tests.faults.sink`.

Writes a line of JSON about each message before it answers 250; prints its port. Its argument is
the file; a line on standard input sets how many seconds it takes to answer.
"""

import asyncio
import json
import re
import sys
import time
from pathlib import Path

from transactional.wire.handler import Envelope, Handler, ServerConfig
from transactional.wire.protocol import SmtpServerProtocol
from transactional.wire.reply import Reply

_ID = re.compile(rb"\r\nX-Postino-Id: ([0-9a-f-]{36})\r\n")
_RESENT = re.compile(rb"\r\nX-Postino-Resent: yes\r\n")
_KEPT = Reply(250, "2.0.0", ("kept",))
_LATER = Reply(451, "4.3.0", ("later",))


class Recorder(Handler):
    """Takes everything, but nothing for addresses that begin with `later`."""

    def __init__(self, path: Path) -> None:
        self._log = path.open("ab", buffering=0)
        self.delay = 0.02

    async def message(self, envelope: Envelope) -> Reply:
        """Written down first: whatever becomes of the reply, this copy has come."""
        if envelope.rcpts[0].startswith("later"):
            return _LATER
        found = _ID.search(envelope.data)
        seen = {
            "to": envelope.rcpts[0],
            "id": found[1].decode() if found else "",
            "resent": bool(_RESENT.search(envelope.data)),
            "at": time.monotonic(),
        }
        self._log.write(json.dumps(seen).encode() + b"\n")
        await asyncio.sleep(self.delay)
        return _KEPT


async def _serve(path: Path) -> None:
    loop = asyncio.get_running_loop()
    recorder = Recorder(path)
    config = ServerConfig(hostname="mx.sink.test", require_auth=False)
    server = await loop.create_server(
        lambda: SmtpServerProtocol(config, recorder), "127.0.0.1", 0, backlog=512
    )
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await commands.readline():
        recorder.delay = float(line)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
