"""DKIM keys: the only place that mints, encrypts, decrypts and parses them.

Parsing an RSA key costs 38 ms with its checks and 10 µs without; ours are checked when minted.
"""

import base64
import time
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from config import sealing
from domains.dkim.signature import SigningKey
from domains.models import DkimKey, Domain, KeyState
from domains.records import selectors

Private = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
ALGORITHMS = ("rsa", "ed25519")  # in the order in which they sign
RSA_BITS = 2048  # 1024 is refused by large receivers; 4096 does not fit one TXT string well
FRESH = 1.0  # seconds a domain's keys are kept: a revoked key signs no longer than that
KEPT = 20_000  # domains kept before the cache is emptied: bounds memory with many tenants
KeyUnreadable = sealing.Unreadable

_parsed: dict[int, SigningKey] = {}
_by_domain: dict[tuple[int, str], tuple[float, tuple[SigningKey, ...]]] = {}


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key with what DNS needs of it. `public` is the p= value."""

    algorithm: str
    private: Private
    public: str
    bits: int


def pair(private: Private) -> KeyPair:
    """What is stored and published of a private key (RFC 6376 §3.6.1, RFC 8463 §4)."""
    if isinstance(private, rsa.RSAPrivateKey):
        public = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return KeyPair("rsa", private, _base64(public), private.key_size)
    return KeyPair("ed25519", private, _base64(private.public_key().public_bytes_raw()), 256)


def mint(algorithm: str) -> KeyPair:
    """A new key. RSA-2048 takes a third of a second: not to be done while a row is locked."""
    if algorithm == "rsa":
        return pair(rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS))
    return pair(ed25519.Ed25519PrivateKey.generate())


def create_keys(domain: Domain, *, state: str = KeyState.ACTIVE) -> list[DkimKey]:
    """Mint an RSA-2048 and an Ed25519 key under the next free selectors.

    Selectors carry the account's number (`p7r1`, `p7e1`), so that one account's records never
    verify another's. Of an algorithm whose two selectors are taken none is made.
    """
    made = [store(domain, mint(algorithm), state=state) for algorithm in ALGORITHMS]
    return [key for key in made if key is not None]


def store(
    domain: Domain, key: KeyPair, *, state: str, selector: str = "", imported: bool = False
) -> DkimKey | None:
    """Keep a key under a selector, by default the algorithm's free one; None where none is."""
    with transaction.atomic():
        # The lock keeps two rotations from taking one selector
        Domain.objects.select_for_update().get(pk=domain.pk)
        selector = selector or free_selector(domain, key.algorithm)
        if not selector:
            return None
        return DkimKey.objects.create(
            domain=domain,
            selector=selector,
            algorithm=key.algorithm,
            bits=key.bits,
            private_key=seal(_private_bytes(key.private), context=_context(domain.pk, selector)),
            public_key=key.public,
            state=state,
            imported=imported,
            active_at=timezone.now() if state == KeyState.ACTIVE else None,
        )


def free_selector(domain: Domain, algorithm: str) -> str:
    """The first of the algorithm's selectors that no living key has; empty where both are taken."""
    living = domain.dkim_keys.exclude(state=KeyState.RETIRED).values_list("selector", flat=True)
    taken = set(living)
    return next((s for s in selectors(domain, algorithm) if s not in taken), "")


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


def _private_bytes(private: Private) -> bytes:
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
    """Encrypt a private key at rest."""
    return sealing.seal(plain, purpose="dkim", context=context)


def unseal(sealed: bytes, *, context: bytes) -> bytes:
    """Decrypt what `seal` made. Raises KeyUnreadable."""
    return sealing.unseal(sealed, purpose="dkim", context=context)


def signing_keys(account_id: int, name: str) -> tuple[SigningKey, ...]:
    """The keys that sign for a domain of an account, RSA first.

    At most `FRESH` seconds old; `choose` says which. An unknown domain has none. Raises
    KeyUnreadable.
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
    """Read a domain's living keys, choose, and parse those not seen before."""
    rows = DkimKey.objects.filter(domain__account_id=account_id, domain__name=name)
    return tuple(_parse(key) for key in choose(rows.exclude(state=KeyState.RETIRED)))


def choose(keys: "QuerySet[DkimKey]") -> list[DkimKey]:
    """Of a domain's living keys those that sign now, RSA first.

    Of each algorithm the active one, unless DNS is known to have lost it: then one that DNS still
    has (a selector that is valid keeps signing when another breaks). Where DNS has none at all,
    the active ones sign.
    """
    listed = list(keys.select_related("domain").order_by("-algorithm", "pk"))  # rsa first
    signing = []
    for algorithm in ALGORITHMS:
        mine = [key for key in listed if key.algorithm == algorithm]
        active = [
            key for key in mine if key.state == KeyState.ACTIVE and key.published is not False
        ]
        signing += active or [key for key in mine if key.published][:1]
    return signing or [key for key in listed if key.state == KeyState.ACTIVE]


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
