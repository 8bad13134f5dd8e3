"""A mail server of the tests' own: keeps what it is given and answers as it is told."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvloop

from transactional.wire.handler import Envelope, Handler, ServerConfig
from transactional.wire.protocol import SmtpServerProtocol
from transactional.wire.reply import Reply


class Sink(Handler):
    """`answer` gets each envelope and the number of messages before it; None: 250."""

    def __init__(self, answer: Callable[[Envelope, int], Reply | None] | None = None) -> None:
        self.port = 0
        self.kept: list[Envelope] = []
        self.seen = 0
        self.connections = 0
        self._answer = answer

    async def message(self, envelope: Envelope) -> Reply:
        number, self.seen = self.seen, self.seen + 1
        reply = self._answer(envelope, number) if self._answer else None
        if reply is None:
            self.kept.append(envelope)
        return reply or Reply(250, "2.0.0", ("kept",))

    def wait_for(self, n: int, seconds: float = 60) -> None:
        """Until `n` messages have been seen."""
        limit = time.monotonic() + seconds
        while self.seen < n:
            assert time.monotonic() < limit, f"{self.seen} of {n} messages came"
            time.sleep(0.02)


@contextmanager
def running(sink: Sink) -> Iterator[Sink]:
    """Serve on a free loopback port, in a loop and a thread of its own."""
    started = threading.Event()
    stopping: list[Callable[[], None]] = []

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        config = ServerConfig(hostname="mx.sink.test", require_auth=False)

        def connected() -> SmtpServerProtocol:
            sink.connections += 1
            return SmtpServerProtocol(config, sink)

        server = await loop.create_server(connected, "127.0.0.1", 0)
        sink.port = server.sockets[0].getsockname()[1]
        stopping.append(lambda: loop.call_soon_threadsafe(done.set))
        started.set()
        await done.wait()
        server.close()

    thread = threading.Thread(target=lambda: uvloop.run(serve()), daemon=True)
    thread.start()
    assert started.wait(60)
    try:
        yield sink
    finally:
        stopping[0]()
        thread.join(10)
