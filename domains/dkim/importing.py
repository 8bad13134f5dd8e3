"""The only place that reads private keys people bring, with the selector they are published at."""

import base64
import binascii
import re
from collections.abc import Callable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from django.db import transaction
from django.utils import timezone

from config.errors import PostinoError, Refusal
from domains.dkim import keys
from domains.models import DkimKey, Domain, DomainState, KeyState

LONGEST = 20_000  # characters: an RSA-4096 key in PEM has 3,300
SHORTEST_RSA, LONGEST_RSA = 1024, 4096  # RFC 8301 §3.2; longer ones do not fit in UDP answers
ADVISED_RSA = 2048
MOST = 8  # living keys of a domain: each is a record that every check asks about
# Why a private key is not taken: code → what to do
UNREADABLE = {
    "KEY_TOO_LARGE": "This is too long for a private key.",
    "KEY_NOT_TEXT": "This is not text: export the key as PEM, then paste it.",
    "KEY_IS_PUBLIC": "This is the public half. Paste the private key.",
    "NOT_A_KEY": "This is not a private key: it begins with -----BEGIN PRIVATE KEY-----.",
    "SEVERAL_KEYS": "There are several keys here. Paste one.",
    "KEY_PASSPHRASE": "The key is protected by a passphrase. Remove it first.",
    "KEY_CUT_OFF": "The key cannot be read: copy all of it, with its first and last line.",
    "KEY_TOO_SHORT": "The key is too short: receivers refuse RSA keys below 1024 bits, and 2048 "
    "are advised.",
    "KEY_TOO_LONG": "The key is too long: receivers need not read RSA keys above 4096 bits.",
    "KEY_OF_OTHER_KIND": "DKIM signs with RSA and Ed25519 keys only; this one is of another kind.",
}
_LABEL = r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?"
SELECTOR = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
OURS = re.compile(r"p\d+[re]\d+")


def import_key(domain: Domain, *, selector: str, text: str) -> DkimKey:
    """Keep a key that its owner brings. Raises PostinoError, saying what is wrong.

    It signs at once for a domain that was never verified. For any other it becomes the next key
    of its algorithm and takes its turn as soon as it has been seen in DNS for long enough; the
    next key that was minted for this turn is destroyed, for it never signed.
    """
    selector = read_selector(selector)
    key = read_private(text)
    now = timezone.now()
    with transaction.atomic():
        locked = Domain.objects.select_for_update().get(pk=domain.pk)
        living = locked.dkim_keys.exclude(state=KeyState.RETIRED)
        if living.filter(selector=selector).exists():
            raise _refuse("SELECTOR_TAKEN", "Another key has this selector already.", "selector")
        if living.filter(public_key=key.public).exists():
            raise _refuse("KEY_EXISTS", "This key is here already.", "privateKey")
        if living.count() >= MOST:
            raise _refuse("TOO_MANY_KEYS", "This domain has as many keys as it may have.")
        fresh = locked.state == DomainState.PENDING
        given_up = (KeyState.NEXT, KeyState.ACTIVE) if fresh else (KeyState.NEXT,)
        living.filter(algorithm=key.algorithm, state__in=given_up).update(
            state=KeyState.RETIRED, retired_at=now, private_key=b""
        )
        state = KeyState.ACTIVE if fresh else KeyState.NEXT
        row = keys.store(locked, key, state=state, selector=selector, imported=True)
        Domain.objects.of(locked.account_id).filter(pk=locked.pk).update(
            keys_due_at=now, next_check_at=now
        )
    domain.refresh_from_db()
    keys.forget()
    assert row is not None  # noqa: S101 — the selector was given
    return row


def read_selector(text: str) -> str:
    """A selector in lower case (RFC 6376 §3.1). Raises PostinoError."""
    selector = text.strip().lower().removesuffix(".")
    selector = selector.partition("._domainkey")[0]
    if not selector or len(selector) > 63 or not SELECTOR.fullmatch(selector):
        raise _refuse(
            "INVALID_SELECTOR",
            "A selector is what stands before ._domainkey, like mail2026: letters, digits and "
            "hyphens, at most 63 characters.",
            "selector",
        )
    if OURS.fullmatch(selector):
        raise _refuse(
            "RESERVED_SELECTOR",
            "Selectors like p7r1 are kept for keys that are made here. Choose another one.",
            "selector",
        )
    return selector


def read_private(text: str) -> keys.KeyPair:
    """A private key as PEM (PKCS #1, PKCS #8, OpenSSH), or the base64 seed of an Ed25519 key."""
    if len(text) > LONGEST:
        raise _unreadable("KEY_TOO_LARGE")
    octets = text.strip().encode("utf-8", "replace")
    if not text.isprintable() and re.search(r"[^\s -~]", text):
        raise _unreadable("KEY_NOT_TEXT")
    seed = _seed(text)
    if seed is not None:
        return keys.pair(seed)
    if b"PRIVATE KEY-----" not in octets:
        public = b"PUBLIC KEY-----" in octets or "p=" in text
        raise _unreadable("KEY_IS_PUBLIC" if public else "NOT_A_KEY")
    if octets.count(b"-----BEGIN") > 1:
        raise _unreadable("SEVERAL_KEYS")
    return _fitting(_loaded(octets))


def _seed(text: str) -> ed25519.Ed25519PrivateKey | None:
    """The 32 octets of an Ed25519 key in base64, as some DKIM tools write them (RFC 8032 §5.1.5)."""
    try:
        octets = base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        return None
    return ed25519.Ed25519PrivateKey.from_private_bytes(octets) if len(octets) == 32 else None


def _loaded(octets: bytes) -> object:
    """The key that a PEM text holds, whatever its kind."""
    ssh = b"OPENSSH PRIVATE KEY" in octets
    load: Callable[..., object] = (
        serialization.load_ssh_private_key if ssh else serialization.load_pem_private_key
    )
    try:
        return load(octets, password=None)
    except TypeError as err:
        raise _unreadable("KEY_PASSPHRASE") from err
    except (ValueError, UnsupportedAlgorithm) as err:
        locked = b"ENCRYPTED" in octets or "assword" in str(err)
        raise _unreadable("KEY_PASSPHRASE" if locked else "KEY_CUT_OFF") from err


def _fitting(private: object) -> keys.KeyPair:
    """The key, if DKIM can sign with it (RFC 8301, RFC 8463)."""
    if isinstance(private, rsa.RSAPrivateKey):
        if private.key_size < SHORTEST_RSA:
            raise _unreadable("KEY_TOO_SHORT")
        if private.key_size > LONGEST_RSA:
            raise _unreadable("KEY_TOO_LONG")
        return keys.pair(private)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return keys.pair(private)
    raise _unreadable("KEY_OF_OTHER_KIND")


def _unreadable(code: str) -> PostinoError:
    return _refuse(code, UNREADABLE[code], "privateKey")


def _refuse(code: str, message: str, pointer: str = "") -> PostinoError:
    taken = code in ("SELECTOR_TAKEN", "KEY_EXISTS")
    return PostinoError(Refusal(code, message, http=409 if taken else 400, pointer=pointer))
