"""What is minted, what is kept of it, and what opens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import keyring
from tokens import secrets


def test_an_api_key_names_its_prefix_and_no_two_are_equal() -> None:
    made = [secrets.mint_api_key() for _ in range(200)]
    assert len({key for _, key in made}) == len({prefix for prefix, _ in made}) == 200
    for prefix, key in made:
        assert key.startswith(prefix)
        assert secrets.prefix_of(key) == prefix


def test_an_smtp_user_name_tells_its_account() -> None:
    username, password = secrets.mint_smtp(62515)
    local, _, host = username.partition("@")
    assert len(local) >= 10
    assert local.isalnum() and local == local.lower()
    assert host == "62515.smtp"
    assert len(password) >= 24


def test_what_is_stored_carries_its_key_and_not_the_secret() -> None:
    stored = secrets.hashed("open sesame")
    assert stored[0] == keyring.current_id()
    assert b"sesame" not in stored
    assert secrets.matches("open sesame", stored)
    assert not secrets.matches("open sesamf", stored)


def test_a_secret_is_hashed_for_this_purpose_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = secrets.hashed("open sesame")
    monkeypatch.setattr(secrets, "PURPOSE", "click")
    assert not secrets.matches("open sesame", stored)


def test_a_hash_under_a_key_that_is_gone_opens_for_nobody() -> None:
    stored = secrets.hashed("open sesame")
    assert not secrets.matches("open sesame", bytes([stored[0] ^ 0x80]) + stored[1:])
    assert not secrets.matches("", b"")


@given(st.text())
def test_nothing_opens_the_empty_place(text: str) -> None:
    assert not secrets.matches(text, secrets.NOBODY)


@given(st.text())
def test_any_text_has_a_prefix_only_if_it_is_a_key(text: str) -> None:
    assert not secrets.prefix_of(text)


def test_the_stamp_changes_with_the_secret_and_tells_nothing_of_it() -> None:
    stored = secrets.hashed("open sesame")
    assert secrets.stamp(stored) == secrets.stamp(bytes(stored))
    assert secrets.stamp(stored) != secrets.stamp(secrets.hashed("another"))
    assert secrets.stamp(stored) not in stored.hex()
