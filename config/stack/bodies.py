"""The only place that bounds how many of a web process's threads wait for content that clients send slowly.

granian hands a request to a thread once its header is complete, and a thread that reads content waits for
the client: a few dozen connections that drip an octet at a time would hold every thread, and with them the
pages, the links in mail and the API. So content is read here, before the application: by half of the
threads at most, and of one address by a quarter. Whoever finds no place is told 503 and to come again; what
brings no content goes on as ever. Where every place is taken, the connections of addresses that hold one
for long are ended.
"""

import io
import itertools
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from django.conf import settings

logger = logging.getLogger(__name__)

MOST, OF_ONE = 8, 4  # of the 16 threads of a web process (config/stack/processes.py)
PATIENCE = (
    0.25  # seconds that a request waits for a place: what is there already is read in microseconds
)
LATE = 5.0  # seconds after which content that is not there yet has to give way to others
WHOLE = (
    6 * 1024 * 1024
)  # octets that are read ahead; more is read by who takes the upload, in its place

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]
_BUSY = json.dumps(
    {
        "status": "error",
        "message": "The server is busy reading other requests. Try again in a second.",
        "category": "SERVICE_UNAVAILABLE",
    }
).encode()


class Places:
    """Who reads content now."""

    def __init__(
        self,
        *,
        most: int = MOST,
        of_one: int = OF_ONE,
        late: float = LATE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._of_one, self._late, self._clock = most, of_one, late, clock
        self._free = threading.Condition()
        self._numbers = itertools.count()
        self._held: dict[int, tuple[str, float]] = {}

    def enter(self, peer: str, *, many: bool = False, patience: float = PATIENCE) -> int | None:
        """A place for content of this address, to be given back; None: there is none for now.

        `many`: it is a proxy's, which brings the requests of many.
        """
        until = self._clock() + patience
        with self._free:
            while not self._fits(peer, self._most if many else self._of_one):
                left = until - self._clock()
                if left <= 0:
                    return None
                self._free.wait(left)
            number = next(self._numbers)
            self._held[number] = (peer, self._clock())
            return number

    def leave(self, number: int) -> None:
        """It has been read, or never will be."""
        with self._free:
            del self._held[number]
            self._free.notify()

    def in_the_way(self) -> set[str]:
        """Where every place is taken: addresses that hold one for long."""
        with self._free:
            if len(self._held) < self._most:
                return set()
            since = self._clock() - self._late
            return {peer for peer, began in self._held.values() if began < since}

    def _fits(self, peer: str, of_one: int) -> bool:
        if len(self._held) >= self._most:
            return False
        return sum(one == peer for one, _ in self._held.values()) < of_one


def guarded(application: Application, places: Places) -> Application:
    """The application, whose requests have their content read already."""

    def answer(environ: Environ, start_response: Any) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH") or "0"
        if length == "0" and "HTTP_TRANSFER_ENCODING" not in environ:
            return application(environ, start_response)
        peer = str(environ.get("REMOTE_ADDR", ""))
        place = places.enter(peer, many=bool(settings.TRUSTED_PROXIES))
        if place is None:
            for one in places.in_the_way():
                hang_up(one)
            return _say(start_response, "503 Service Unavailable", _BUSY)
        size = int(length) if length.isascii() and length.isdigit() else 0
        try:
            if not 0 < size <= WHOLE:
                return application(environ, start_response)
            content = _read(environ["wsgi.input"], size)
        finally:
            places.leave(place)
        if len(content) < size:
            return _say(start_response, "400 Bad Request", b"")  # it hung up, or was hung up on
        environ["wsgi.input"] = io.BytesIO(content)
        return application(environ, start_response)

    return answer


def _read(stream: Any, size: int) -> bytes:
    """So many octets; fewer where there are no more."""
    content: bytes = stream.read(size)
    while len(content) < size and (more := stream.read(size - len(content))):
        content += more
    return content


def _say(start_response: Any, status: str, body: bytes) -> Iterable[bytes]:
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(status, [*headers, ("Retry-After", "1")])
    return [body]


def hang_up(address: str) -> None:
    """End the connections that this process serves an address, but never a proxy's: granian tells of no other
    way. What the process itself has opened, to a database on the same machine, say, is none of them.
    """
    if settings.TRUSTED_PROXIES:
        return
    served = {one.getsockname()[1] for one in _sockets() if _listens(one)}
    ended = 0
    for one in _sockets():
        with suppress(OSError):  # closed meanwhile, or no connection
            if one.getsockname()[1] in served and _peer(one) == address:
                one.shutdown(socket.SHUT_RDWR)
                ended += 1
    logger.warning("%s holds threads with content that does not come: %d ended", address, ended)


def _sockets() -> Iterator[socket.socket]:
    """This process's, of IP; each is open for one step alone."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed meanwhile
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(name))) as one:
                if one.family in (socket.AF_INET, socket.AF_INET6):
                    yield one


def _listens(one: socket.socket) -> bool:
    return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _peer(one: socket.socket) -> str:
    return str(one.getpeername()[0]).removeprefix("::ffff:")
