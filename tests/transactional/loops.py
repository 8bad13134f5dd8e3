"""Servers in a thread of their own, for clients that block."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


class Running:
    """An event loop in a thread, and what its server gave."""

    def __init__(self, loop: asyncio.AbstractEventLoop, value: Any) -> None:
        self.loop = loop
        self.value = value

    def call(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run something in the loop and wait for it."""

        async def run() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(60)


@contextmanager
def running(server: Callable[[], AsyncIterator[Any]]) -> Iterator[Running]:
    """Run an async generator that yields once, while it serves."""
    ready, stop = threading.Event(), asyncio.Event()
    found: list[Any] = []

    async def main() -> None:
        try:
            async with asynccontextmanager(server)() as value:
                found.append(Running(asyncio.get_running_loop(), value))
                ready.set()
                await stop.wait()
        finally:
            ready.set()

    thread = threading.Thread(target=lambda: uvloop.run(main()), daemon=True)
    thread.start()
    ready.wait(30)
    assert found, "the server did not start"
    try:
        yield found[0]
    finally:
        found[0].loop.call_soon_threadsafe(stop.set)
        thread.join(30)
