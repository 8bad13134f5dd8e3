"""`python -m bench.load`: the one load generator, for SMTP (STARTTLS, AUTH) and HTTP alike.

Closed loop: each of a few kept connections sends its next message when the last one was accepted. Prints one
line of JSON: seconds in all, and the milliseconds each acceptance took.
"""

import asyncio
import base64
import json
import ssl
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import uvloop

from bench import message

SESSIONS = 20


class Unexpected(Exception):
    """The server answered something else than an acceptance."""


@dataclass
class Work:
    """The messages still to be sent, and what was seen so far."""

    door: str
    run: str
    count: int
    where: dict[str, Any]
    taken: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.numbers: Iterator[int] = iter(range(self.count))

    def key(self, number: int) -> str:
        """The ledger's key of a message."""
        return f"{self.run}-{number:06d}"


def unverified() -> ssl.SSLContext:
    """TLS with whoever answers."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: str) -> bytes:
    writer.write(line.encode() + b"\r\n")
    return await _reply(reader)


async def _reply(reader: asyncio.StreamReader) -> bytes:
    while (line := await reader.readline())[3:4] == b"-":
        pass
    if line[:1] not in (b"2", b"3"):
        raise Unexpected(line.decode())
    return line


async def smtp(work: Work) -> None:
    """One session: STARTTLS, AUTH PLAIN, then messages with pipelined envelopes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", work.where["port"])
    await _reply(reader)
    await _say(reader, writer, "EHLO bench.example")
    await _say(reader, writer, "STARTTLS")
    await writer.start_tls(unverified())
    await _say(reader, writer, "EHLO bench.example")
    if "username" in work.where:  # the yardstick trusts this machine
        secret = f"\0{work.where['username']}\0{work.where['password']}".encode()
        await _say(reader, writer, "AUTH PLAIN " + base64.b64encode(secret).decode())
    for number in work.numbers:
        data = message.raw(work.key(number), number)
        began = time.perf_counter()
        to = message.recipient(number)
        envelope = f"MAIL FROM:<{message.FROM}> SIZE={len(data)}\r\nRCPT TO:<{to}>\r\nDATA\r\n"
        writer.write(envelope.encode())
        for _ in range(3):
            await _reply(reader)
        writer.write(data.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        await _reply(reader)
        work.taken.append(time.perf_counter() - began)
    await _say(reader, writer, "QUIT")
    writer.close()


async def http(work: Work) -> None:
    """One kept connection: single sends, one after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", work.where["port"])
    head = (
        f"POST {work.where['path']} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {work.where['api_key']}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    ).encode()
    for number in work.numbers:
        key = work.key(number)
        body = json.dumps(
            {
                "emailId": work.where["email_id"],
                "message": {"to": message.recipient(number), "sendId": key},
                "contactProperties": {"firstname": "Anna"},
                "customProperties": message.properties(key),
            }
        ).encode()
        began = time.perf_counter()
        writer.write(head + f"{len(body)}\r\n\r\n".encode() + body)
        status, answer = await _response(reader)
        if status != b"200" or b'"PENDING"' not in answer:
            raise Unexpected(f"{status.decode()} {answer.decode()[:500]}")
        work.taken.append(time.perf_counter() - began)
    writer.close()


async def _response(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head.split(b" ", 2)[1], await reader.readexactly(length)


async def _run(work: Work) -> None:
    one = smtp if work.door == "smtp" else http
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(min(SESSIONS, work.count)):
            group.create_task(one(work))
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "ms": [1000 * one for one in work.taken]}), flush=True)


if __name__ == "__main__":
    uvloop.run(_run(Work(**json.loads(sys.stdin.read()))))
