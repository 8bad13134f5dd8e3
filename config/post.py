"""The only place that POSTs to a URL somebody else chose: connections kept, each made behind the guard.

At every connect the name is resolved once, every address judged (`config/fetch.py`), and the connection
made to a judged address; certificate and Host stay the name's. Redirects are not followed.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore

from config import fetch
from config.addresses import Network
from config.fetch import FetchFailed, FetchRefused

Resolve = Callable[[str], Awaitable[Sequence[str]]]
MOST = (
    fetch.MOST
)  # octets read of a reply's body: nobody looks at them, they only free the connection
IDLE = 4.0  # seconds a connection is kept without use: less than servers usually keep theirs
CONNECT = 5.0  # seconds for one address; a name with several gets the next one tried

OK = "ok"  # 2xx
REDIRECT = "redirect"  # 3xx: not followed, a redirect may lead anywhere
STATUS = "status"  # any other status
FORBIDDEN = "forbidden"  # the URL, or an address it leads to, is not one we talk to
NO_ADDRESS = "no_address"
UNREACHABLE = "unreachable"
TLS = "tls"
TIMEOUT = "timeout"
BROKEN = "broken"  # the connection ended, or what came over it is not HTTP


@dataclass(frozen=True, slots=True)
class Posted:
    """How a POST went: one of the words above, and the status where there was one (0: none).

    `wait` is what the server asks for in Retry-After (RFC 9110 §10.2.3), in seconds. Its body is
    not kept.
    """

    outcome: str
    status: int = 0
    wait: int = 0


class Poster:
    """POSTs from one event loop, over connections that it keeps. Close it at the end."""

    def __init__(
        self,
        *,
        resolve: Resolve,
        allowed: Sequence[Network] = (),
        ports: frozenset[int] = fetch.PORTS,
        connections: int = 100,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._ports = ports
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context or ssl.create_default_context(),
            max_connections=connections,
            keepalive_expiry=IDLE,
            network_backend=_Guarded(resolve, allowed),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, seconds: float
    ) -> Posted:
        """POST and read the status, within `seconds` in all. Never raises for what a server does."""
        try:
            url = fetch.as_uri(url)
            scheme, host, port, path = fetch.parts(url, self._ports)
        except FetchRefused:
            return Posted(FORBIDDEN)
        request = httpcore.Request(
            "POST",
            httpcore.URL(
                scheme=scheme.encode(), host=host.encode(), port=port, target=path.encode()
            ),
            headers=[
                (b"Host", _authority(url)),
                *_encoded(headers),
                (b"Content-Length", b"%d" % len(body)),
            ],
            content=body,
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), seconds)},
        )
        seen: list[Posted] = []
        try:
            async with asyncio.timeout(seconds):
                await self._converse(request, seen)
        except (TimeoutError, httpcore.TimeoutException):
            # The status is the answer; a body that drips does not take it back
            return seen[0] if seen else Posted(TIMEOUT)
        except FetchRefused:
            return Posted(FORBIDDEN)
        except FetchFailed:
            return Posted(NO_ADDRESS)
        except httpcore.ConnectError as err:
            return Posted(TLS if _is_tls(err) else UNREACHABLE)
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
            return seen[0] if seen else Posted(BROKEN)
        return seen[0]

    async def _converse(self, request: httpcore.Request, seen: list[Posted]) -> None:
        response = await self._pool.handle_async_request(request)
        try:
            seen.append(_judged(response))
            read = 0
            async for chunk in response.aiter_stream():
                read += len(chunk)
                if read > MOST:
                    return
        finally:
            await response.aclose()


class _Guarded(httpcore.AsyncNetworkBackend):
    """Connects to judged addresses alone, whatever a name says the next time it is asked."""

    def __init__(self, resolve: Resolve, allowed: Sequence[Network]) -> None:
        self._resolve = resolve
        self._allowed = tuple(allowed)
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises FetchRefused, FetchFailed (no address) and httpcore's own errors."""
        known = [host] if fetch.is_address(host) else await self._resolve(host)
        addresses = fetch.judged(host, known, self._allowed)
        most = min(timeout or CONNECT, CONNECT)
        for address in addresses[:-1]:
            try:
                return await self._plain.connect_tcp(address, port, most, None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._plain.connect_tcp(addresses[-1], port, most, None, socket_options)

    async def sleep(self, seconds: float) -> None:
        """As httpcore asks for it between its own retries (which are off)."""
        await asyncio.sleep(seconds)


def _judged(response: httpcore.Response) -> Posted:
    status = response.status
    if 200 <= status < 300:
        return Posted(OK, status)
    wait = 0
    for name, value in response.headers:
        if name.lower() == b"retry-after" and value.isdigit() and len(value) < 9:
            wait = int(value)
    return Posted(REDIRECT if 300 <= status < 400 else STATUS, status, wait)


def _authority(url: str) -> bytes:
    split = urlsplit(url)
    host = (split.hostname or "").lower()
    shown = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}.get(split.scheme)
    return (shown if split.port in (None, usual) else f"{shown}:{split.port}").encode()


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _is_tls(err: BaseException | None) -> bool:
    """Whether the handshake failed, or its certificate."""
    while err is not None:
        if isinstance(err, ssl.SSLError):
            return True
        err = err.__cause__ or err.__context__
    return False
