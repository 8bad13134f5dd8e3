"""The only place that bounds a blocking HTTP exchange as a whole: its time, and the octets that come.

A socket's own timeout bounds one read: a server that drips holds its reader for as long as it likes.
Here each connect, handshake, read and write gets what is left of the one time.
"""

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore


class TooMuch(Exception):
    """The time is over, or more came than is read."""


class Bounds:
    """What is left: seconds from now on, and octets that may come in, headers and 1xx answers too."""

    def __init__(self, seconds: float, octets: int) -> None:
        self._until = time.monotonic() + seconds
        self._octets = octets

    @contextmanager
    def step(self, asked: float | None = None) -> Iterator[float]:
        """Seconds that one step may take. Raises TooMuch where there are none, before it or after."""
        left = self._left()
        try:
            yield left if asked is None else min(left, asked)
        except httpcore.TimeoutException:
            self._left()
            raise

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TooMuch("The reply takes too long.")
        return left

    def took(self, octets: int) -> None:
        """So many came. Raises TooMuch where that is more than is read."""
        self._octets -= octets
        if self._octets < 0:
            raise TooMuch("The reply is too long.")


class Within(httpcore.NetworkBackend):
    """Connects as httpcore does, within the bounds. Raises TooMuch besides httpcore's own errors."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """One connection to an address, whose every step is bounded."""
        with self._bounds.step(timeout) as left:
            opened = self._plain.connect_tcp(host, port, left, local_address, socket_options)
        return _Stream(opened, self._bounds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, plain: httpcore.NetworkStream, bounds: Bounds) -> None:
        self._plain = plain
        self._bounds = bounds

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with self._bounds.step(timeout) as left:
            data = self._plain.read(max_bytes, left)
        self._bounds.took(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with self._bounds.step(timeout) as left:
            self._plain.write(buffer, left)

    def close(self) -> None:
        self._plain.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        try:
            # Python's handshake keeps a socket's timeout over all its reads together
            with self._bounds.step(timeout) as left:
                secured = self._plain.start_tls(ssl_context, server_hostname, left)
        except TooMuch:
            self.close()
            raise
        return _Stream(secured, self._bounds)

    def get_extra_info(self, info: str) -> Any:
        return self._plain.get_extra_info(info)
