"""The only place that signs what webhooks carry, by the Standard Webhooks specification (symmetric, v1)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
OCTETS = 32  # of a new secret; the specification allows 24 to 64


def mint() -> str:
    """A new secret, in the form in which people are shown it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(OCTETS)).decode()


def headers(event_id: str, timestamp: int, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """The three headers that say what this is and prove who sent it; one signature per secret.

    `timestamp` is of the try, in Unix seconds, so that a receiver may refuse old copies.
    """
    signed = f"{event_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{_sign(key, signed)}" for key in keys),
    }


def _sign(key: str, signed: bytes) -> str:
    raw = base64.b64decode(key.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(raw, signed, hashlib.sha256).digest()).decode()
