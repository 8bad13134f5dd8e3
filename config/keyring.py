"""The key ring: one derived key per purpose, a key-id byte, old keys still read.

Apart from SECRET_KEY, so that changing that one breaks no link and no token. To rotate it, a new key is
added and made current, the old one stays; `since` says from when on the new one holds:

    {"current": 2, "keys": {"1": "<64 hex digits>", "2": "…"}, "since": {"2": "2026-12-01T00:00:00Z"}}
"""

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

PURPOSES = frozenset(
    {
        "open",
        "click",
        "unsubscribe",
        "verp",
        "credential",
        "dkim",
        "confirm",
        "preferences",
        "opt_in",
        "web",
        "smarthost",
        "webhook",
    }
)


@dataclass(frozen=True, slots=True)
class _Ring:
    current: int
    keys: dict[int, bytes]
    since: dict[int, float]  # Unix time from which a key holds; one that is not in here: always


@lru_cache(maxsize=1)
def _ring() -> _Ring:
    """The ring as it was found first. Kept for the life of the process."""
    text = settings.KEYRING or _file_text(Path(settings.DATA_DIR) / "keyring.json")
    try:
        loaded = json.loads(text)
        keys = {int(k): bytes.fromhex(v) for k, v in loaded["keys"].items()}
        current = int(loaded["current"])
        if current not in keys or any(not 0 < k < 256 or len(v) < 32 for k, v in keys.items()):
            raise ValueError("a key id is out of range, or a key too short")
        since = {int(k): _moment(text) for k, text in loaded.get("since", {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise ImproperlyConfigured(
            'The key ring must be {"current": 1, "keys": {"1": "<64 hex digits>"}}'
        ) from err
    return _Ring(current, keys, since)


def _moment(text: str) -> float:
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _file_text(path: Path) -> str:
    """Read the ring's file; make it once, whole or not at all, readable by its owner alone."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}")
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as out:
            json.dump({"current": 1, "keys": {"1": secrets.token_hex(32)}}, out)
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(fresh, path)  # fails where another process was first: then its ring holds
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text()


@lru_cache(maxsize=256)
def key(purpose: str, key_id: int) -> bytes | None:
    """The 32-byte key of one purpose under one key id; None where the ring has no such id."""
    if purpose not in PURPOSES:
        raise ValueError(f"unknown purpose {purpose!r}")
    root = _ring().keys.get(key_id)
    if root is None:
        return None
    return hashlib.blake2b(purpose.encode(), key=root[:64], digest_size=32).digest()


def current_id() -> int:
    """The key id that new tokens carry."""
    return _ring().current


def id_at(moment: float) -> int:
    """The key id of what belongs to something made at a Unix time, and must not change with the ring:
    the current one, but where it did not hold yet (`since`) the one that held before.
    """
    ring = _ring()
    if ring.since.get(ring.current, 0.0) <= moment:
        return ring.current
    held = [(ring.since.get(key_id, 0.0), key_id) for key_id in ring.keys]
    return max((one for one in held if one[0] <= moment), default=(0.0, ring.current))[1]


def current(purpose: str) -> bytes:
    """The key that new tokens of this purpose are made with."""
    found = key(purpose, current_id())
    if found is None:
        raise ImproperlyConfigured("The key ring lacks its current key")
    return found
