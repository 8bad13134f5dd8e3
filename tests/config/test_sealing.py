"""Sealed secrets open only with their key, their purpose and their row."""

import pytest

from config import sealing
from config.sealing import Unreadable


def test_what_was_sealed_opens_again_and_never_looks_the_same() -> None:
    one = sealing.seal(b"secret", purpose="smarthost", context=b"1")
    two = sealing.seal(b"secret", purpose="smarthost", context=b"1")
    assert one != two and b"secret" not in one
    assert sealing.unseal(one, purpose="smarthost", context=b"1") == b"secret"


@pytest.mark.parametrize(
    ("purpose", "context", "spoil"),
    [
        ("dkim", b"1", lambda sealed: sealed),
        ("smarthost", b"2", lambda sealed: sealed),
        ("smarthost", b"1", lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1])),
        ("smarthost", b"1", lambda sealed: sealed[:5]),
        ("smarthost", b"1", lambda sealed: b""),
        ("smarthost", b"1", lambda sealed: b"\xfe" + sealed[1:]),
    ],
    ids=["purpose", "row", "altered", "cut", "empty", "key"],
)
def test_all_else_is_unreadable(purpose: str, context: bytes, spoil: object) -> None:
    sealed = sealing.seal(b"secret", purpose="smarthost", context=b"1")
    with pytest.raises(Unreadable):
        sealing.unseal(spoil(sealed), purpose=purpose, context=context)  # type: ignore[operator]
