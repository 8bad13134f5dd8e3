"""Minting and checking secrets: the only place where one is made, hashed or compared.

Secrets are random with at least 128 bits, so a fast keyed hash is enough; a slow password hash
here would cap how many SMTP sessions can sign in.
"""

import hashlib
import hmac
import re
import secrets

from config import keyring

PURPOSE = "credential"
DIGEST = 32
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that is read as something else
# `pk_` and the public prefix find the row; scanners for leaked secrets can find the whole
_API_KEY = re.compile(r"(pk_[a-z2-9]{12})_([A-Za-z0-9_-]{32,64})")


def word(length: int) -> str:
    """A random word in lower case letters and digits: 5 bits a character."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def mint_id() -> str:
    """A name for something public that nobody may guess: 128 random bits, safe in a URL."""
    return secrets.token_hex(16)


def mint_api_key() -> tuple[str, str]:
    """(public prefix, whole key) of a new API key: 192 random bits behind the prefix."""
    prefix = f"pk_{word(12)}"
    return prefix, f"{prefix}_{secrets.token_urlsafe(24)}"


def mint_smtp(account_id: int) -> tuple[str, str]:
    """(user name, password) of a new SMTP token: 160 random bits in the password."""
    return f"{word(12)}@{account_id}.smtp", mint_password()


def mint_password() -> str:
    """A new SMTP password."""
    return word(32)


def prefix_of(key: str) -> str | None:
    """The public prefix of an API key; None for what cannot be one of ours."""
    found = _API_KEY.fullmatch(key)
    return found[1] if found else None


def hashed(secret: str) -> bytes:
    """What is stored: the key id and a keyed BLAKE2b of the secret."""
    return bytes([keyring.current_id()]) + _digest(secret, keyring.current(PURPOSE))


# Compared against where there is no such credential, so that the work is the same
NOBODY = b"\0" * (DIGEST + 1)


def matches(secret: str, stored: bytes) -> bool:
    """Whether the secret is the one that was hashed; takes the same time whatever is wrong."""
    key = keyring.key(PURPOSE, stored[0]) if stored else None
    found = _digest(secret, key if key is not None else keyring.current(PURPOSE))
    return hmac.compare_digest(found, bytes(stored[1:])) and key is not None


def stamp(stored: bytes) -> str:
    """A short name of a stored hash, which changes when the secret is reset."""
    return hashlib.sha256(stored).hexdigest()[:16]


def _digest(secret: str, key: bytes) -> bytes:
    encoded = secret.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(encoded, key=key, digest_size=DIGEST).digest()
