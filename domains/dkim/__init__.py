"""The only place for DKIM (RFC 6376, RFC 8463): our keys, and what signs with them."""

from domains.dkim.keys import KeyUnreadable, choose, create_keys, forget, signing_keys
from domains.dkim.signature import SigningKey, sign

__all__ = [
    "KeyUnreadable",
    "SigningKey",
    "choose",
    "create_keys",
    "forget",
    "sign",
    "signing_keys",
]
