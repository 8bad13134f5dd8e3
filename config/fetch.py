"""The only place that fetches a URL somebody else chose: the guard against SSRF.

The name is resolved once, every address judged, and the connection made to a judged address.
`config/post.py` posts behind the same guard.
"""

import ipaddress
import re
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import httpx
import idna

from config.addresses import Network, is_public

SECONDS = 5.0  # for the whole fetch: a reply that drips never holds a worker longer
MOST = 64 * 1024  # octets read of a body
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
    """GET a URL. `resolve` gives the addresses of a name; `allowed` nets may be private.

    Raises FetchRefused before anything is sent, FetchFailed after.
    """
    scheme, host, port, path = parts(url, ports)
    request = _request(scheme, host, port, path, _address(host, resolve, allowed))
    try:
        with _client(context) as client:
            return _read(client, request)
    except httpx.HTTPError as err:
        raise FetchFailed(f"{host} could not be reached: {err}") from err


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
    scheme, host, port, path = parts(url, ports)
    request = _request(scheme, host, port, path, _address(host, resolve, allowed))
    try:
        with _client(context) as client:
            response = client.send(request, stream=True, follow_redirects=False)
            response.close()
            return response.status_code
    except httpx.HTTPError as err:
        raise FetchFailed(f"{host} could not be reached: {err}") from err


def _request(scheme: str, host: str, port: int, path: str, address: str) -> httpx.Request:
    shown = f"[{address}]" if ":" in address else address
    return httpx.Request(
        "GET",
        f"{scheme}://{shown}:{port}{path}",
        headers={"Host": host, "User-Agent": "Postino", "Accept-Encoding": "identity"},
        # The certificate must be the name's, not the address's
        extensions={"sni_hostname": host, "timeout": dict.fromkeys(_PHASES, SECONDS)},
    )


def _client(context: ssl.SSLContext | None) -> httpx.Client:
    transport = httpx.HTTPTransport(verify=context or ssl.create_default_context())
    return httpx.Client(transport=transport, trust_env=False)


_PHASES = ("connect", "read", "write", "pool")


def _read(client: httpx.Client, request: httpx.Request) -> Fetched:
    """Send and read, within the time and size that bound the whole."""
    until = time.monotonic() + SECONDS
    response = client.send(request, stream=True, follow_redirects=False)
    body = b""
    try:
        for chunk in response.iter_raw(4096):
            body += chunk
            if len(body) > MOST:
                raise FetchFailed("The reply is too long.")
            if time.monotonic() > until:
                raise FetchFailed("The reply takes too long.")
    finally:
        response.close()
    return Fetched(response.status_code, body)


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
