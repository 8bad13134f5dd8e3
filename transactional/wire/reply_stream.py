"""The client's end of one connection as asyncio sees it: replies in, octets out, flow control.

Opens nothing: `session` hands it a transport. RFC 5321 §3.8 (lost connections).
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from transactional.wire.reply import Reply, ReplyError, ReplyParser

# Content goes out in pieces of this size, so that a slow peer holds little of it in our buffers
# and so that we know, while a piece is unsent, that the final dot is unsent too.
BLOCK_BYTES = 131_072
# Up to this size all of it goes to the kernel in one write: it has room for so much on a connection
# that waits for the content
WHOLE_BYTES = 16_384


class StreamError(Exception):
    """The connection is of no further use; the message says why."""


class Witness(Protocol):
    """Who is told, in the same turn of the loop, of the two moments that decide what is known of a message.

    Must not raise, nor take long.
    """

    def leaving(self) -> None:
        """Its last octets, the final dot, are about to be handed to the transport."""

    def answered(self, reply: Reply) -> None:
        """The answer to it has been read; nothing has been done about it."""


class ReplyStream(asyncio.Protocol):
    """Replies in order of arrival, one reader at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.failure: str | None = None
        #: The peer, or the way to it, ended the connection: neither silence nor nonsense.
        self.hung_up = False
        self._loop = asyncio.get_running_loop()
        self._parser = ReplyParser()
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        # One timer for many waits: it is set anew only when it goes off before the wait is due
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._due, self._limit = 0.0, 0.0
        self._carrier: asyncio.Transport | None = None
        self._paused = False
        self._refused = False
        self._witness: Witness | None = None  # who waits for the next reply

    # -- called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.adopt(cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        if self.failure is not None:
            return
        try:
            self._replies.extend(self._parser.feed(data))
        except ReplyError as error:
            self.fail(str(error))
        else:
            if self._replies:
                if self._witness is not None:
                    self._witness.answered(self._replies[0])
                    self._witness = None
                self._wake()

    def eof_received(self) -> bool:
        self._hang_up("connection closed by the peer")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._hang_up(f"connection lost: {exc}" if exc else "connection closed by the peer")

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake()

    # -- called by the session

    def adopt(self, transport: asyncio.Transport) -> None:
        """Use `transport` from now on, with a fresh parser: nothing read before counts."""
        self.transport = transport
        # Under TLS this stays the TCP transport, which knows best what became of our octets.
        self._carrier = self._carrier or transport
        # Paused then means exactly: some octets have not been handed to the kernel.
        transport.set_write_buffer_limits(high=1, low=0)
        self._parser = ReplyParser()
        self._replies.clear()

    @property
    def is_quiet(self) -> bool:
        """Alive, and nothing has come that nobody asked for."""
        return self.failure is None and not self._replies and self._parser.is_clean

    @property
    def has_unsent(self) -> bool:
        """Some of what was written has certainly not reached the peer."""
        return self._paused or self._refused

    def write(self, data: bytes | memoryview) -> None:
        """Send octets; StreamError when the connection is known to be gone."""
        if self.failure is not None or self.transport is None or self._carrier is None:
            raise StreamError(self.failure or "not connected")
        self.transport.write(data)
        if self._carrier.is_closing():
            # The kernel refused these octets; the transport will tell us only later.
            self._refused = True
            self._hang_up("connection lost while writing")
            raise StreamError(self.failure or "connection lost while writing")

    async def reply(self, timeout: float) -> Reply:
        """The next reply. StreamError when the connection ends or `timeout` seconds pass first."""
        if not self._replies:
            await self._until(lambda: bool(self._replies), timeout)
        return self._replies.popleft()

    async def write_blocks(
        self,
        data: bytes,
        tail: int,
        timeout: float,
        go_on: Callable[[], bool],
        witness: Witness | None = None,
    ) -> bool:
        """Send `data`; False where `go_on` said no on the way, which is asked right before each write.
        `witness` is told before the last one, and of the first reply behind it.

        Of what does not go in one write the last `tail` octets go alone, once all before them is out
        of our hands. Raises StreamError as `reply` does, with `timeout` seconds for each piece; the
        tail has then not been written.
        """
        view, body = memoryview(data), len(data) - tail
        if len(data) <= WHOLE_BYTES:
            pieces = [view]
        else:
            pieces = [view[at : min(at + BLOCK_BYTES, body)] for at in range(0, body, BLOCK_BYTES)]
            pieces.append(view[body:])
        for piece in pieces:
            if self._paused:
                await self._until(lambda: not self._paused or bool(self._replies), timeout)
            if self._replies:
                raise StreamError("the peer spoke during the content")
            if not go_on():
                return False
            if witness is not None and piece is pieces[-1]:
                witness.leaving()
                self._witness = witness
            self.write(piece)
        return True

    async def _until(self, ready: Callable[[], bool], timeout: float) -> None:
        self._due, self._limit = self._loop.time() + timeout, timeout
        if self._timer is None or self._timer_at > self._due:
            self._set_timer()
        try:
            while not ready():
                if self.failure is not None:
                    raise StreamError(self.failure)
                self._waiter = self._loop.create_future()
                await self._waiter
        finally:
            self._waiter = None

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._due
        self._timer = self._loop.call_at(self._due, self._expire)

    def _expire(self) -> None:
        self._timer = None
        if self._waiter is None or self.failure is not None:
            return
        if self._loop.time() < self._due:
            self._set_timer()
        else:
            self.fail(f"no answer in {self._limit:g} s")

    def early_reply(self) -> Reply | None:
        """A reply that came before anything asked for it, if there is one."""
        return self._replies.popleft() if self._replies else None

    def fail(self, reason: str) -> None:
        """Give the connection up at once."""
        self._lose(reason)
        if self.transport is not None:
            self.transport.abort()

    def _hang_up(self, reason: str) -> None:
        self.hung_up = self.hung_up or self.failure is None
        self._lose(reason)

    def _lose(self, reason: str) -> None:
        if self.failure is None:
            self.failure = reason
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
