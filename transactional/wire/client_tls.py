"""TLS as a client: what peers are asked for, the handshake on a connection that is open, and what of
its failures another try could change (RFC 3207, RFC 7435).
"""

import asyncio
import ssl
from functools import lru_cache
from typing import Any

from transactional.wire.reply_stream import ReplyStream, StreamError

# What ssl calls a connection that has ended
_LOST = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


class BrokenTls(StreamError):
    """What the server speaks as TLS is none, or none of ours: another try would not change it."""


@lru_cache(maxsize=2)
def client_context(*, verify: bool) -> ssl.SSLContext:
    """The TLS context for peers: TLS 1.2 or newer; certificates are checked only on `verify`."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        # RFC 7435: without a policy, encryption to whoever answers still beats clear text.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def start(
    stream: ReplyStream, context: ssl.SSLContext, server_name: str | None, timeout: float
) -> tuple[asyncio.Transport, ssl.SSLObject]:
    """Handshake on the stream's connection, which goes on under TLS: its transport, and what was agreed.

    Raises StreamError where the connection ended or `timeout` seconds passed, BrokenTls where the two
    cannot agree. The connection is of no more use then.
    """
    plain = stream.transport
    if plain is None:
        raise StreamError("not connected")
    try:
        secured = await asyncio.get_running_loop().start_tls(
            plain,
            stream,
            context,
            server_hostname=server_name,
            ssl_handshake_timeout=timeout,
        )
    # ssl.SSLError, TimeoutError and resets are all OSErrors; ValueError: DNS names a host that no
    # certificate can be for
    except (OSError, ValueError) as error:
        plain.abort()
        lost = not isinstance(error, (ssl.SSLError, ValueError)) or isinstance(error, _LOST)
        failed = StreamError if lost else BrokenTls
        raise failed(f"TLS handshake failed: {error}") from error
    about: ssl.SSLObject | None = secured.get_extra_info("ssl_object") if secured else None
    if secured is None or about is None:  # uvloop gives one without TLS where the peer was quicker
        plain.abort()
        raise StreamError("connection closed during the TLS handshake")
    stream.adopt(secured)
    return secured, about


def chain(about: Any) -> list[bytes]:
    """The certificates that a server showed, DER, its own first. Public only from Python 3.13."""
    asked = getattr(about, "get_unverified_chain", None)
    if asked is not None:
        return [bytes(one) for one in asked() or ()]
    return [one.public_bytes(2) for one in about._sslobj.get_unverified_chain() or ()]
