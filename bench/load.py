"""`python -m bench.load`: the one load generator, for SMTP (STARTTLS, AUTH) and HTTP alike.

Closed loop: each of a few kept connections sends its next message when the last one was accepted. Open loop,
with a `rate`: each message has its moment, whatever became of those before it. Messages are made before the
clock starts. Prints one line of JSON: see `Work.told`.
"""

import asyncio
import base64
import json
import ssl
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop

from bench import message

SESSIONS = 20
OPEN_SESSIONS = 40  # of an open loop: so many acceptances may be under way


class Unexpected(Exception):
    """The server answered something else than an acceptance."""


@dataclass
class Work:
    """The messages still to be sent, and what was seen so far."""

    door: str
    run: str
    count: int
    where: dict[str, Any]
    rate: float = 0.0  # messages a second; 0: closed loop
    taken: list[float] = field(default_factory=list)
    accepted_at: dict[str, float] = field(default_factory=dict)
    began: float = 0.0

    def __post_init__(self) -> None:
        self.numbers: Iterator[int] = iter(range(self.count))
        make = self._mail if self.door == "smtp" else self._call
        self.made = [make(number) for number in range(self.count)]

    def key(self, number: int) -> str:
        """The ledger's key of a message."""
        return f"{self.run}-{number:06d}"

    def _mail(self, number: int) -> tuple[bytes, bytes]:
        """Envelope and content of one message, as they are written."""
        domain = self.where.get("domain", message.DOMAIN)
        data = message.raw(self.key(number), number, domain)
        to, sender = message.recipient(number), message.sender(domain)
        envelope = f"MAIL FROM:<{sender}> SIZE={len(data)}\r\nRCPT TO:<{to}>\r\nDATA\r\n"
        return envelope.encode(), data.replace(b"\r\n.", b"\r\n..") + b".\r\n"

    def _call(self, number: int) -> tuple[bytes, bytes]:
        """Head and body of one request."""
        key = self.key(number)
        body = json.dumps(
            {
                "emailId": self.where["email_id"],
                "message": {"to": message.recipient(number), "sendId": key},
                "contactProperties": {"firstname": "Anna"},
                "customProperties": message.properties(key),
            }
        ).encode()
        head = (
            f"POST {self.where['path']} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {self.where['api_key']}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode(), body

    def took(self, number: int, since: float) -> None:
        """A message that was due at `since` has just been accepted."""
        now = time.monotonic()
        self.taken.append(now - since)
        self.accepted_at[self.key(number)] = now

    def told(self) -> str:
        """When the first message was sent, the seconds until the last acceptance, the milliseconds that
        each took, when each was accepted (CLOCK_MONOTONIC, as the sink's times).
        """
        seconds = max(self.accepted_at.values()) - self.began
        ms = [1000 * one for one in self.taken]
        found: dict[str, object] = {"began": self.began, "seconds": seconds, "ms": ms}
        return json.dumps(found | {"accepted_at": self.accepted_at if self.rate else {}})


def unverified() -> ssl.SSLContext:
    """TLS with whoever answers."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Door(asyncio.Protocol):
    """A kept connection: one message at a time, `done` at each acceptance."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer  # kept: it closes what it belongs to when it goes
        self._transport = cast(asyncio.Transport, writer.transport)
        self._rest = b""
        self.done: Callable[[Door], None] = lambda door: None
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.number, self.since = -1, 0.0
        self._transport.set_protocol(self)

    def send(self, number: int, parts: tuple[bytes, bytes], since: float) -> None:
        """Begin with a message."""
        self.number, self.since = number, since
        self._begin(*parts)

    def _begin(self, first: bytes, second: bytes) -> None:
        raise NotImplementedError

    def refuse(self, said: bytes) -> None:
        """This is no acceptance."""
        if not self.failed.done():
            self.failed.set_exception(Unexpected(said[:500].decode()))

    def connection_lost(self, exc: Exception | None) -> None:
        """Never by us while messages are left."""
        self.refuse(b"the connection was lost")

    def close(self) -> None:
        """Hang up."""
        self.failed.cancel()
        self._transport.close()


class SmtpDoor(Door):
    """Envelopes are pipelined; content follows the 354."""

    def _begin(self, first: bytes, second: bytes) -> None:
        self._content = second
        self._waits = 3
        self._transport.write(first)

    def data_received(self, data: bytes) -> None:
        """Replies: one of each command, then the last one."""
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        for line in lines:
            if line[:1] not in (b"2", b"3"):
                return self.refuse(line)
            if line[3:4] == b"-":
                continue
            self._waits -= 1
            if self._waits == 0:
                self._transport.write(self._content)
            elif self._waits < 0:
                self.done(self)


class HttpDoor(Door):
    """One request after the other."""

    def _begin(self, first: bytes, second: bytes) -> None:
        self._transport.write(first + second)

    def data_received(self, data: bytes) -> None:
        """One answer, in however many pieces."""
        self._rest += data
        head, ended, body = self._rest.partition(b"\r\n\r\n")
        if not ended:
            return
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
        if len(body) < int(length):
            return
        self._rest = b""
        if head[9:12] != b"200" or b'"PENDING"' not in body:
            return self.refuse(head[:100] + body)
        self.done(self)


async def _say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: str) -> None:
    if line:
        writer.write(line.encode() + b"\r\n")
    while (answer := await reader.readline())[3:4] == b"-":
        pass
    if answer[:1] not in (b"2", b"3"):
        raise Unexpected(answer.decode())


async def smtp(work: Work) -> Door:
    """A session after STARTTLS and AUTH PLAIN."""
    reader, writer = await asyncio.open_connection("127.0.0.1", work.where["port"])
    await _say(reader, writer, "")
    await _say(reader, writer, "EHLO bench.example")
    await _say(reader, writer, "STARTTLS")
    await writer.start_tls(unverified())
    await _say(reader, writer, "EHLO bench.example")
    if "username" in work.where:  # the yardstick trusts this machine
        secret = f"\0{work.where['username']}\0{work.where['password']}".encode()
        await _say(reader, writer, "AUTH PLAIN " + base64.b64encode(secret).decode())
    return SmtpDoor(writer)


async def http(work: Work) -> Door:
    """A connection that is kept alive."""
    _, writer = await asyncio.open_connection("127.0.0.1", work.where["port"])
    return HttpDoor(writer)


def _closed_loop(work: Work, doors: list[Door], over: asyncio.Event) -> None:
    def go_on(door: Door) -> None:
        number = next(work.numbers, None)
        if number is not None:
            door.send(number, work.made[number], time.monotonic())

    def done(door: Door) -> None:
        work.took(door.number, door.since)
        go_on(door)
        if len(work.taken) == work.count:
            over.set()

    for door in doors:
        door.done = done
        go_on(door)


def _open_loop(work: Work, doors: list[Door], over: asyncio.Event) -> None:
    """What finds no free connection at its moment waits for one, and its wait is counted."""
    loop = asyncio.get_running_loop()
    free, late = list(doors), deque[int]()
    began = loop.time()

    def due(number: int) -> None:
        if number + 1 < work.count:
            loop.call_at(began + (number + 1) / work.rate, due, number + 1)
        late.append(number)
        hand_out()

    def hand_out() -> None:
        while late and free:
            number = late.popleft()
            free.pop().send(number, work.made[number], work.began + number / work.rate)

    def done(door: Door) -> None:
        work.took(door.number, door.since)
        free.append(door)
        hand_out()
        if len(work.taken) == work.count:
            over.set()

    for door in doors:
        door.done = done
    due(0)


async def _run(work: Work) -> None:
    one = smtp if work.door == "smtp" else http
    sessions = min(OPEN_SESSIONS if work.rate else SESSIONS, work.count)
    doors = await asyncio.gather(*(one(work) for _ in range(sessions)))
    over = asyncio.Event()
    work.began = time.monotonic()
    (_open_loop if work.rate else _closed_loop)(work, doors, over)
    waits = {asyncio.ensure_future(over.wait()), *(door.failed for door in doors)}
    done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for finished in done:
        finished.result()
    for door in doors:
        door.close()
    print(work.told(), flush=True)


if __name__ == "__main__":
    uvloop.run(_run(Work(**json.loads(sys.stdin.read()))))
