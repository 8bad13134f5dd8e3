"""Fixtures of this floor's tests."""

from functools import cache
from itertools import count

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

_generate = rsa.generate_private_key
DIFFERENT = 3  # a key, the next and the one after it


@cache
def _rsa_key(number: int) -> rsa.RSAPrivateKey:
    return _generate(65537, 2048)


@pytest.fixture
def few_rsa_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Minting one takes a third of a second: three take turns. Minting is tested elsewhere."""
    number = count()
    monkeypatch.setattr(
        "domains.dkim.keys.rsa.generate_private_key",
        lambda **_: _rsa_key(next(number) % DIFFERENT),
    )
