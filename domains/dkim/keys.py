"""DKIM keys: the only place that mints, encrypts, decrypts and parses them.

Parsing an RSA key costs 38 ms with its checks and 10 µs without; ours are checked when minted.
"""

import base64
import re
import secrets
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import transaction

from config import keyring
from domains.dkim.signature import SigningKey
from domains.models import DkimKey, Domain, DomainState

RSA_BITS = 2048  # 1024 is refused by large receivers; 4096 does not fit one TXT string well
FRESH = 1.0  # seconds a domain's keys are kept: a revoked key signs no longer than that
KEPT = 20_000  # domains kept before the cache is emptied: bounds memory with many tenants
NONCE = 12  # octets (NIST SP 800-38D §8.2)

_parsed: dict[int, SigningKey] = {}
_by_domain: dict[tuple[int, str], tuple[float, tuple[SigningKey, ...]]] = {}


class KeyUnreadable(Exception):
    """The key ring lacks the key that a private key was encrypted with, or the row was altered."""


def create_keys(domain: Domain) -> list[DkimKey]:
    """Mint an RSA-2048 and an Ed25519 key under the next free selectors, both active.

    Selectors carry the account's number (`p7r1`, `p7e1`), so that one account's records never
    verify another's.
    """
    private_rsa = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    rsa_der = private_rsa.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private_ed = ed25519.Ed25519PrivateKey.generate()
    ed_raw = private_ed.public_key().public_bytes_raw()
    with transaction.atomic():
        # The lock keeps two rotations from taking one number
        Domain.objects.select_for_update().get(pk=domain.pk)
        number = _next_number(domain)
        made = []
        for algorithm, private, public in (
            ("rsa", private_rsa, rsa_der),
            ("ed25519", private_ed, ed_raw),
        ):
            selector = f"p{domain.account_id}{algorithm[0]}{number}"
            made.append(
                DkimKey.objects.create(
                    domain=domain,
                    selector=selector,
                    algorithm=algorithm,
                    private_key=seal(
                        _private_bytes(private), context=_context(domain.pk, selector)
                    ),
                    public_key=base64.b64encode(public).decode("ascii"),
                )
            )
    return made


def _next_number(domain: Domain) -> int:
    """One more than the highest number in use, retired keys included."""
    taken = [
        int(found.group(1))
        for selector in domain.dkim_keys.values_list("selector", flat=True)
        if (found := re.search(r"(\d+)$", selector))
    ]
    return max(taken, default=0) + 1


def _private_bytes(private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    """PKCS #8 in DER, for either algorithm."""
    return private.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _context(domain_id: int, selector: str) -> bytes:
    """Binds a sealed key to its row: moved to another row it does not open."""
    return f"{domain_id}:{selector}".encode()


def seal(plain: bytes, *, context: bytes) -> bytes:
    """Encrypt at rest: key-id octet, nonce, AES-256-GCM text with its tag."""
    nonce = secrets.token_bytes(NONCE)
    sealed = AESGCM(keyring.current("dkim")).encrypt(nonce, plain, context)
    return bytes([keyring.current_id()]) + nonce + sealed


def unseal(sealed: bytes, *, context: bytes) -> bytes:
    """Decrypt what `seal` made. Raises KeyUnreadable."""
    key = keyring.key("dkim", sealed[0]) if sealed else None
    if key is None:
        raise KeyUnreadable("the key ring has no such key")
    try:
        return AESGCM(key).decrypt(sealed[1 : 1 + NONCE], sealed[1 + NONCE :], context)
    except (InvalidTag, ValueError) as err:
        raise KeyUnreadable("the stored key was altered") from err


def signing_keys(account_id: int, name: str) -> tuple[SigningKey, ...]:
    """The keys that sign for a domain of an account, RSA first.

    At most `FRESH` seconds old. Of a domain whose records broke, only keys that DNS still
    publishes sign, unless none is left. An unknown domain has none. Raises KeyUnreadable.
    """
    now = time.monotonic()
    hit = _by_domain.get((account_id, name))
    if hit and now - hit[0] < FRESH:
        return hit[1]
    if len(_by_domain) >= KEPT:
        _by_domain.clear()
    found = _load(account_id, name)
    _by_domain[account_id, name] = (now, found)
    return found


def forget() -> None:
    """Drop what is kept: for tests, and after a change that must count at once."""
    _by_domain.clear()
    _parsed.clear()


def _load(account_id: int, name: str) -> tuple[SigningKey, ...]:
    """Read a domain's active keys and parse those not seen before."""
    rows = DkimKey.objects.filter(
        active=True, domain__account_id=account_id, domain__name=name
    ).select_related("domain")
    keys = list(rows.order_by("-algorithm", "pk"))  # rsa before ed25519
    published = [key for key in keys if _published(key)]
    return tuple(_parse(key) for key in published or keys)


def _published(key: DkimKey) -> bool:
    """Whether the last check saw the key in DNS; a domain that is not broken has all of them."""
    if key.domain.state != DomainState.BROKEN:
        return True
    host = f"{key.selector}._domainkey.{key.domain.name}"
    return any(f.get("host") == host and f.get("status") == "ok" for f in key.domain.findings)


def _parse(row: DkimKey) -> SigningKey:
    """The parsed key of a row, once per process."""
    kept = _parsed.get(row.pk)
    if kept is not None:
        return kept
    plain = unseal(bytes(row.private_key), context=_context(row.domain_id, row.selector))
    private = serialization.load_der_private_key(
        plain, password=None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(private, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise KeyUnreadable("the stored key is of another kind")
    if len(_parsed) >= KEPT:
        _parsed.clear()
    _parsed[row.pk] = SigningKey(
        domain=row.domain.name, selector=row.selector, algorithm=row.algorithm, private=private
    )
    return _parsed[row.pk]
