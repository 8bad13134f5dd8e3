"""The only place that fetches a URL somebody else chose: the guard against SSRF.

The name is resolved once, every address judged, and the connection made to a judged address.
`config/post.py` posts behind the same guard.
"""

import ipaddress
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import httpcore
import idna

from config.addresses import Network, is_public
from config.within import Bounds, TooMuch, Within

SECONDS = 5.0  # from the name's look-up to the body's end: a reply that drips holds nobody longer
MOST = 64 * 1024  # octets read of a body
OVERHEAD = 192 * 1024  # octets read besides: handshake's rest, headers, 1xx answers, chunk sizes
PORTS = frozenset({80, 443})  # databases and mail servers listen elsewhere
Resolve = Callable[[str], Sequence[str]]
_HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*")


class FetchRefused(Exception):
    """The URL, or an address it leads to, is not one we talk to."""


class FetchFailed(Exception):
    """The fetch was allowed and did not succeed: connection, certificate, time or size."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A reply: its status and at most `MOST` octets of its body. A redirect is not followed."""

    status: int
    body: bytes


def get(
    url: str,
    *,
    resolve: Resolve,
    allowed: Sequence[Network] = (),
    ports: frozenset[int] = PORTS,
    context: ssl.SSLContext | None = None,
) -> Fetched:
    """GET a URL, in `SECONDS` in all. `resolve` gives a name's addresses; `allowed` nets may be private.

    Raises FetchRefused before anything is sent, FetchFailed after.
    """
    with _asked(url, resolve, allowed, ports, context) as response:
        body = b""
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > MOST:
                raise FetchFailed("The reply is too long.")
        return Fetched(response.status, body)


def status(
    url: str,
    *,
    resolve: Resolve,
    allowed: Sequence[Network] = (),
    ports: frozenset[int] = PORTS,
    context: ssl.SSLContext | None = None,
) -> int:
    """The status of a GET, whose body is not read. A redirect is not followed.

    Raises FetchRefused before anything is sent, FetchFailed after.
    """
    with _asked(url, resolve, allowed, ports, context) as response:
        return response.status


@contextmanager
def _asked(
    url: str,
    resolve: Resolve,
    allowed: Sequence[Network],
    ports: frozenset[int],
    context: ssl.SSLContext | None,
) -> Iterator[httpcore.Response]:
    """The reply to a GET, from an address that was judged; the connection ends with the block."""
    scheme, host, port, path = parts(as_uri(url), ports)
    bounds = Bounds(SECONDS, MOST + OVERHEAD)
    request = _request(scheme, host, port, path, _address(host, resolve, allowed))
    try:
        with httpcore.ConnectionPool(
            ssl_context=context or ssl.create_default_context(),
            max_keepalive_connections=0,
            network_backend=Within(bounds),
        ) as pool:
            response = pool.handle_request(request)
            try:
                yield response
            finally:
                response.close()
    except TooMuch as err:
        raise FetchFailed(str(err)) from err
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as err:
        raise FetchFailed(f"{host} could not be reached: {err}") from err


def _request(scheme: str, host: str, port: int, path: str, address: str) -> httpcore.Request:
    return httpcore.Request(
        "GET",
        httpcore.URL(
            scheme=scheme.encode(), host=address.encode(), port=port, target=path.encode()
        ),
        headers={
            "Host": host,
            "User-Agent": "Postino",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
        },
        # The certificate must be the name's, not the address's
        extensions={"sni_hostname": host},
    )


def parts(url: str, ports: frozenset[int] = PORTS) -> tuple[str, str, int, str]:
    """(scheme, host, port, path with query) of a URL we may fetch. Raises FetchRefused."""
    try:
        split = urlsplit(url)
        port = split.port or (443 if split.scheme == "https" else 80)
    except ValueError as err:
        raise FetchRefused("This is not a valid URL.") from err
    host = (split.hostname or "").lower()
    if split.scheme not in ("http", "https"):
        raise FetchRefused("Only http and https are fetched.")
    if split.username is not None or split.password is not None:
        raise FetchRefused("A URL with a user name is not fetched.")
    if port not in ports:
        raise FetchRefused(f"Port {port} is not fetched.")
    if any(ord(c) <= 32 or ord(c) == 127 for c in url):
        raise FetchRefused("A URL has no spaces or control characters.")
    # Numbers in other notations (2130706433, 0x7f.1, 127.1) are no names: refused with the rest
    if not _HOST.fullmatch(host) and not is_address(host):
        raise FetchRefused("The host is not a full name.")
    return (
        split.scheme,
        host,
        port,
        (split.path or "/") + (f"?{split.query}" if split.query else ""),
    )


def as_uri(url: str) -> str:
    """An IRI as the URI that is asked for (RFC 3987 §3.1): the host by IDNA, the rest percent-encoded.

    What is ASCII already stays as it is. Raises FetchRefused.
    """
    if url.isascii():
        return url
    try:
        split = urlsplit(url)
        host, port = split.hostname or "", split.port
        if not host.isascii():
            host = idna.encode(host, uts46=True).decode("ascii")
        user, at, _ = split.netloc.rpartition("@")
        shown = f"[{host}]" if ":" in host else host
        place = quote(user, safe=_KEPT) + at + shown + (f":{port}" if port else "")
        rest = (quote(part, safe=_KEPT) for part in (split.path, split.query, split.fragment))
        return urlunsplit((split.scheme, place, *rest))
    except (idna.IDNAError, UnicodeError) as err:
        raise FetchRefused("This host is no name that DNS can have.") from err
    except ValueError as err:
        raise FetchRefused("This is not a valid URL.") from err


# Everything that a URI may hold as it is, and escapes that are there already (RFC 3986 §2)
_KEPT = "%:/?#[]@!$&'()*+,;=-._~"


def _address(host: str, resolve: Resolve, allowed: Sequence[Network]) -> str:
    """The one address to connect to. One bad address among several refuses the name."""
    return judged(host, [host] if is_address(host) else resolve(host), allowed)[0]


def judged(host: str, addresses: Sequence[str], allowed: Sequence[Network]) -> list[str]:
    """The addresses, where we may connect to each. Raises FetchRefused, and FetchFailed for none."""
    if not addresses:
        raise FetchFailed(f"{host} has no address.")
    if not all(is_public(address, allowed) for address in addresses):
        raise FetchRefused(f"{host} leads to a private or local address.")
    return list(addresses)


def is_address(host: str) -> bool:
    """Whether a host is an address in its usual notation."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
