"""Many submissions over both doors from a process of its own: `python -m tests.faults.flood`.

Each message is offered once, and every answer is written down at once, a line of its key and the
answer: `accepted`, an SMTP or HTTP code, a sendResult, or `none`. For runs of 100,000; `load.py` has the
ordinary clients.
"""

import asyncio
import base64
import json
import signal
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import uvloop

from tests.faults.load import LATER, SEND
from tests.installation import ROOT

PATIENCE = 40.0  # seconds that an answer may take
BETWEEN = 0.1  # seconds before another try of a door that did not open


@dataclass
class Flood:
    """The process that submits `prefix`-… until `count` are acknowledged, or until it is left."""

    start: dict[str, Any]
    prefix: str
    count: int
    folder: Path
    sessions: int = 8  # half of them over SMTP, half over HTTP
    acknowledged: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    def __enter__(self) -> Self:
        path = self.folder / f"{self.prefix}.answers"
        path.touch()
        self._answers = path.open()
        wanted = {
            "start": self.start,
            "prefix": self.prefix,
            "count": self.count,
            "sessions": self.sessions,
            "path": str(path),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.flood"], cwd=ROOT, stdin=subprocess.PIPE, text=True
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(wanted))
        self._process.stdin.close()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._process.wait(PATIENCE + 20)
        self._process.kill()
        self._process.wait()
        self.read()
        self._answers.close()

    def reached(self, share: float, seconds: float = 600) -> None:
        """Wait until this share of the messages is acknowledged."""
        deadline = time.monotonic() + seconds
        while self.read() < share * self.count:
            assert time.monotonic() < deadline, f"{len(self.acknowledged)}: {self.answers}"
            time.sleep(0.02)

    def stop(self) -> None:
        """Submit no more; wait for the answers that are due."""
        self._process.send_signal(signal.SIGTERM)
        self.over()

    def over(self) -> None:
        """Wait for the last answer, once it submits no more: others were under way when enough were acknowledged."""
        self._process.wait(PATIENCE + 20)
        self.read()

    def read(self) -> int:
        """Take over what was answered meanwhile; how many are acknowledged."""
        for line in self._answers.read().splitlines():
            key, answer, took = line.split()
            self.answers[answer] += 1
            self.slowest = max(self.slowest, float(took))
            if answer == "accepted":
                self.acknowledged.append(key)
        return len(self.acknowledged)

    @property
    def unexpected(self) -> dict[str, int]:
        """Answers that are neither a promise nor "later"."""
        return {k: n for k, n in self.answers.items() if k not in LATER and k != "accepted"}


class _Answered(Exception):
    """Something else than a promise; the code."""


class _Work:
    def __init__(self, asked: dict[str, Any]) -> None:
        self.start = asked["start"]
        self._prefix, self._count = asked["prefix"], asked["count"]
        self._numbers = count()
        self._out = Path(asked["path"]).open("a")  # noqa: SIM115 — for the life of the process
        self._accepted = 0

    def keys(self, letter: str) -> Iterator[str]:
        while self._accepted < self._count:
            yield f"{self._prefix}-{letter}{next(self._numbers):06d}"

    def stop(self) -> None:
        self._count = 0

    def note(self, key: str, answer: str, took: float) -> None:
        self._accepted += answer == "accepted"
        self._out.write(f"{key} {answer} {took:.3f}\n")
        self._out.flush()


async def _reply(reader: asyncio.StreamReader) -> bytes:
    while (line := await reader.readline())[3:4] == b"-":
        pass
    if line[:1] not in (b"2", b"3"):
        raise _Answered(line[:3].decode() or "none")
    return line


class _Smtp:
    """One session: STARTTLS, AUTH PLAIN, then messages with pipelined envelopes."""

    letter = "s"

    def __init__(self, start: dict[str, Any]) -> None:
        self._where = start["smtp"]
        self._context = ssl.create_default_context(cafile=self._where["ca_file"])

    async def open(self) -> None:
        where = self._where
        self._in, self._out = await asyncio.open_connection(where["host"], where["port"])
        await _reply(self._in)
        for line in (b"EHLO flood.example", b"STARTTLS"):
            await self._say(line)
        await self._out.start_tls(self._context, server_hostname=where["host"])
        await self._say(b"EHLO flood.example")
        secret = f"\0{where['username']}\0{where['password']}".encode()
        await self._say(b"AUTH PLAIN " + base64.b64encode(secret))

    async def _say(self, line: bytes) -> None:
        self._out.write(line + b"\r\n")
        await _reply(self._in)

    async def submit(self, key: str) -> str:
        text = f"From: orders@shop.example\r\nSubject: {key}\r\n\r\nOn its way.\r\n.\r\n"
        envelope = f"MAIL FROM:<orders@shop.example>\r\nRCPT TO:<{key}@far.example>\r\nDATA\r\n"
        self._out.write(envelope.encode())
        for _ in range(3):
            await _reply(self._in)
        self._out.write(text.encode())
        await _reply(self._in)
        return "accepted"

    def close(self) -> None:
        self._out.close()


class _Api:
    """One kept connection: single sends, one after the other."""

    letter = "a"

    def __init__(self, start: dict[str, Any]) -> None:
        self._email = start["email_id"]
        self._port = urlsplit(start["url"]).port
        self._head = (
            f"POST {SEND} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {start['api_key']}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()

    async def open(self) -> None:
        self._in, self._out = await asyncio.open_connection("127.0.0.1", self._port)

    async def submit(self, key: str) -> str:
        properties = {"order_id": key, "total": "1", "url": "https://a.example", "items": []}
        asked = {
            "emailId": self._email,
            "message": {"to": f"{key}@far.example", "sendId": key},
            "customProperties": properties,
        }
        body = json.dumps(asked).encode()
        self._out.write(self._head + f"{len(body)}\r\n\r\n".encode() + body)
        head = await self._in.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        text = await self._in.readexactly(length)
        if (status := head.split(b" ", 2)[1]) != b"200":
            raise _Answered(status.decode())
        said = json.loads(text)
        return "accepted" if said["status"] == "PENDING" else str(said.get("sendResult"))

    def close(self) -> None:
        self._out.close()


async def _submit_all(work: _Work, door: _Smtp | _Api) -> None:
    """One session after the other, as each of them lasts."""
    keys = work.keys(door.letter)
    while True:
        try:
            async with asyncio.timeout(PATIENCE):
                await door.open()
        except (OSError, EOFError, TimeoutError, _Answered):
            await asyncio.sleep(BETWEEN)  # nothing was offered
            continue
        answer = "accepted"
        while answer == "accepted":
            key = next(keys, None)
            if key is None:
                return
            began = time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE):
                    answer = await door.submit(key)
            except _Answered as said:
                answer = str(said)
            except (OSError, EOFError, TimeoutError):
                answer = "none"
            work.note(key, answer, time.monotonic() - began)
        door.close()
        await asyncio.sleep(BETWEEN)


async def _run(asked: dict[str, Any]) -> None:
    work = _Work(asked)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.stop)
    async with asyncio.TaskGroup() as group:
        for number in range(asked["sessions"]):
            door = _Smtp(work.start) if number % 2 else _Api(work.start)
            group.create_task(_submit_all(work, door))


if __name__ == "__main__":
    uvloop.run(_run(json.loads(sys.stdin.read())))
