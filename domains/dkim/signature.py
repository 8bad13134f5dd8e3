"""Canonical forms and signatures: relaxed/relaxed, RSA-2048 and Ed25519 (RFC 6376 §3.4, RFC 8463).

The body is hashed once for all keys; canonical forms are made by whole-buffer operations.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

# Signed where present, every instance of them (RFC 6376 §5.4.1, RFC 8058 §4)
SIGNED = (
    b"from",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"message-id",
    b"reply-to",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"feedback-id",
)
_WANTED = frozenset(SIGNED)
LINE = 76  # octets of a folded line, without CRLF (RFC 5322 §2.1.1 advises 78)
# Base64 of an RSA-2048 signature is 344 octets; pieces of 72 leave room for " b="
PIECE = 72
_PKCS1 = padding.PKCS1v15()
_SHA256 = hashes.SHA256()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A parsed private key and where its public half is published."""

    domain: str
    selector: str
    algorithm: str
    private: RSAPrivateKey | Ed25519PrivateKey

    @property
    def a_tag(self) -> bytes:
        """The signature algorithm as DKIM names it."""
        return b"rsa-sha256" if self.algorithm == "rsa" else b"ed25519-sha256"


def sign(message: bytes, *, keys: Sequence[SigningKey], at: int) -> bytes:
    """The DKIM-Signature fields to put before `message`, CRLF-terminated, one for each key.

    `message` has CRLF line ends throughout; `at` is the t= tag in seconds since 1970. Without
    keys the result is empty.
    """
    if not keys:
        return b""
    head, _, body = message.partition(b"\r\n\r\n")
    if not _:
        head = message.removesuffix(b"\r\n")
    names, canonical = signed_fields(head)
    body_hash = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest())
    tail = b";\r\n t=%d;%s\r\n bh=%s;\r\n b=" % (at, _h_tag(names), body_hash)
    return b"".join(_signature(key, canonical, tail) for key in keys)


def relaxed_body(body: bytes) -> bytes:
    """The body in relaxed form (RFC 6376 §3.4.4). A last line without CRLF is given one first."""
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"  # as DATA will end it (RFC 5321 §4.1.1.4)
    if b"\t" in body:
        body = body.replace(b"\t", b" ")
    while b"  " in body:
        # Runs of any length shrink by powers of two, so that a megabyte of blanks stays cheap
        body = body.replace(b"        ", b" ").replace(b"  ", b" ")
    body = body.replace(b" \r\n", b"\r\n")
    stripped = body.rstrip(b"\r\n")
    ending = body[len(stripped) :]
    pairs = len(ending) // 2
    if ending != b"\r\n" * pairs:  # bare CR or LF before the end belongs to the text
        stripped, pairs = body, 0
        while stripped.endswith(b"\r\n"):
            stripped, pairs = stripped[:-2], pairs + 1
    return stripped + b"\r\n" if stripped else b""


def signed_fields(head: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """The h= list for a header block, and the fields' relaxed forms in its order (§3.4.2, §5.4.2).

    Of repeated fields the last comes first. From is listed once more than it occurs, so that a
    second one added on the way breaks the signature (§8.15).
    """
    unfolded = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    found: dict[bytes, list[bytes]] = {}
    for line in unfolded.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        name = name.rstrip(b" \t").lower()
        if colon and name in _WANTED:
            words = value.replace(b"\t", b" ").split(b" ")
            found.setdefault(name, []).append(b" ".join(filter(None, words)))
    names: list[bytes] = []
    parts: list[bytes] = []
    for name in SIGNED:
        for value in reversed(found.get(name, ())):
            names.append(name)
            parts.append(b"%s:%s\r\n" % (name, value))
        if name == b"from":
            names.append(name)
    return tuple(names), b"".join(parts)


@lru_cache(maxsize=256)
def _h_tag(names: tuple[bytes, ...]) -> bytes:
    """The folded h= tag, from its line break to its semicolon."""
    lines = [b" h=" + names[0]]
    for name in names[1:]:
        if len(lines[-1]) + len(name) + 2 > LINE:
            lines[-1] += b":"
            lines.append(b"  " + name)
        else:
            lines[-1] += b":" + name
    return b"\r\n" + b"\r\n".join(lines) + b";"


@lru_cache(maxsize=1024)
def _opening(a_tag: bytes, domain: str, selector: str) -> bytes:
    """The field up to its s= tag; d= and s= have lines of their own, for names can be long."""
    return b"DKIM-Signature: v=1; a=%s; c=relaxed/relaxed;\r\n d=%s;\r\n s=%s" % (
        a_tag,
        domain.encode("ascii"),
        selector.encode("ascii"),
    )


def _signature(key: SigningKey, canonical: bytes, tail: bytes) -> bytes:
    """One whole field."""
    field = _opening(key.a_tag, key.domain, key.selector) + tail
    # Its own relaxed form: every fold is CRLF and one or two spaces, never a space before it
    own = field[len(b"DKIM-Signature: ") :].replace(b"\r\n", b"").replace(b"  ", b" ")
    data = b"%sdkim-signature:%s" % (canonical, own)
    private = key.private
    if isinstance(private, RSAPrivateKey):
        raw = private.sign(data, _PKCS1, _SHA256)
    else:
        raw = private.sign(hashlib.sha256(data).digest())  # RFC 8463 §3: over the SHA-256 hash
    text = base64.b64encode(raw)
    pieces = [text[i : i + PIECE] for i in range(0, len(text), PIECE)]
    return field + b"\r\n  ".join(pieces) + b"\r\n"
