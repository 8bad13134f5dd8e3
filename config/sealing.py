"""The only place that encrypts what must be read again: private keys, passwords of other people's servers.

AES-256-GCM under a key of the key ring, one per purpose; old keys still open what they sealed.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from config import keyring

NONCE = 12  # octets (NIST SP 800-38D §8.2)


class Unreadable(Exception):
    """The key ring lacks the key that it was encrypted with, or the stored octets were altered."""


def seal(plain: bytes, *, purpose: str, context: bytes) -> bytes:
    """Encrypt at rest: key-id octet, nonce, text with its tag.

    `context` binds it to its row: moved to another one it does not open.
    """
    nonce = secrets.token_bytes(NONCE)
    sealed = AESGCM(keyring.current(purpose)).encrypt(nonce, plain, context)
    return bytes([keyring.current_id()]) + nonce + sealed


def unseal(sealed: bytes, *, purpose: str, context: bytes) -> bytes:
    """Decrypt what `seal` made. Raises Unreadable."""
    key = keyring.key(purpose, sealed[0]) if sealed else None
    if key is None:
        raise Unreadable("the key ring has no such key")
    try:
        return AESGCM(key).decrypt(sealed[1 : 1 + NONCE], sealed[1 + NONCE :], context)
    except (InvalidTag, ValueError) as err:
        raise Unreadable("what is stored was altered") from err
