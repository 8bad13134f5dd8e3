"""What leaves and comes back: only what we wrote, exactly as we wrote it."""

import base64
import json
import string
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import keyring
from transactional import signing

RECIPIENT = uuid.UUID("0192f3a4-0000-7000-8000-00000000002a")
URL = "https://shop.example/o/1?a=1&b=%20x&c=è#frag"
BASE64URL = string.ascii_letters + string.digits + "-_"
TOKENS = [
    (signing.open_token(RECIPIENT), signing.read_open),
    (signing.click_token(RECIPIENT, 2, URL) or "", signing.read_click),
    (signing.click_token(RECIPIENT, 2, "https://shop.example/" + "ab/" * 90) or "", signing.read_click),
    (signing.unsubscribe_token(RECIPIENT), signing.read_unsubscribe),
]  # fmt: skip


@pytest.fixture
def ring(settings: Any) -> Iterator[Any]:
    """Lets a test set KEYRING; the session's own ring comes back afterwards."""
    forget()
    yield settings
    forget()


def forget() -> None:
    keyring._ring.cache_clear()
    keyring.key.cache_clear()


@given(st.uuids(), st.integers(0, 65535), st.text(max_size=300))
def test_what_was_signed_is_read_back(recipient: uuid.UUID, index: int, rest: str) -> None:
    url = f"https://shop.example/{rest}"
    token = signing.click_token(recipient, index, url)
    assert token is not None and set(token) <= set(BASE64URL)
    assert signing.read_click(token) == signing.Click(recipient, index, url)
    assert signing.read_open(signing.open_token(recipient)) == recipient
    assert signing.read_unsubscribe(signing.unsubscribe_token(recipient)) == recipient


@pytest.mark.parametrize(("token", "read"), TOKENS, ids=lambda one: getattr(one, "__name__", ""))
def test_every_change_of_a_character_is_refused(token, read) -> None:  # type: ignore[no-untyped-def]
    assert read(token) is not None
    for place, was in enumerate(token):
        for other in BASE64URL:
            if other != was:
                assert read(token[:place] + other + token[place + 1 :]) is None


@pytest.mark.parametrize(("token", "read"), TOKENS, ids=lambda one: getattr(one, "__name__", ""))
@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_insertions_and_cuts_are_refused(token, read, data) -> None:  # type: ignore[no-untyped-def]
    place = data.draw(st.integers(0, len(token)))
    extra = data.draw(st.text(min_size=1, max_size=4))
    assert read(token[:place] + extra + token[place:]) is None
    assert read(token[: min(place, len(token) - 1)]) is None


@pytest.mark.parametrize(("token", "read"), TOKENS, ids=lambda one: getattr(one, "__name__", ""))
def test_aliases_of_a_token_are_refused(token, read) -> None:  # type: ignore[no-untyped-def]
    aliases = {
        token + "=", token + "==", token + "\n", " " + token, token + "A", token + ".",
        token.lower(), token.upper(), token.replace("-", "+").replace("_", "/"), f"{token}%3D",
        token[:4] + "\r\n" + token[4:], token + "\x00", "".join(chr(ord(c) + 0xFEE0) for c in token),
    } - {token}  # fmt: skip
    # The last digit's unused bits: same octets, other spelling
    octets = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for digit in BASE64URL:
        alias = token[:-1] + digit
        same = base64.urlsafe_b64decode(alias + "=" * (-len(alias) % 4)) == octets
        if same and alias != token:
            aliases.add(alias)
    for alias in aliases:
        assert read(alias) is None, alias


def test_a_token_serves_one_purpose() -> None:
    opened, unsubscribed = signing.open_token(RECIPIENT), signing.unsubscribe_token(RECIPIENT)
    assert opened != unsubscribed
    assert signing.read_unsubscribe(opened) is None
    assert signing.read_open(unsubscribed) is None
    assert signing.read_click(opened) is None


@given(st.text(max_size=200))
def test_no_text_is_a_token(text: str) -> None:
    for read in (
        signing.read_open,
        signing.read_click,
        signing.read_unsubscribe,
        signing.read_verp,
    ):
        assert read(text) is None  # type: ignore[operator]


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "//shop.example/", "/o/1", "mailto:a@b.example",
     "https:shop.example", "https://", "https:// x", "ftp://shop.example/", "", "https://\ud800/",
     "https://shop.example/\udfff", "https://shop.example/" + "x" * 70000],
)  # fmt: skip
def test_what_cannot_be_tracked_gets_no_token(url: str) -> None:
    assert signing.click_token(RECIPIENT, 0, url) is None
    assert signing.click_url("https://t.example", RECIPIENT, 0, url) is None


def test_a_long_repetitive_link_travels_deflated() -> None:
    url = "https://shop.example/?" + "&".join(f"utm_field_{n}=newsletter" for n in range(300))
    token = signing.click_token(RECIPIENT, 7, url)
    assert token is not None and len(token) < len(url) / 2
    found = signing.read_click(token)
    assert found is not None and found.url == url


def test_urls() -> None:
    base = "https://t1.shop.example"
    assert signing.pixel_url(base, RECIPIENT) == f"{base}/o/{signing.open_token(RECIPIENT)}.gif"
    assert signing.click_url(base, RECIPIENT, 0, URL) == (
        f"{base}/c/{signing.click_token(RECIPIENT, 0, URL)}"
    )
    assert signing.unsubscribe_url(base, RECIPIENT).startswith(f"{base}/u/")


@given(st.uuids())
def test_verp_round_trip(recipient: uuid.UUID) -> None:
    address = signing.verp(recipient, "b1.shop.example")
    local, _, host = address.partition("@")
    assert host == "b1.shop.example"
    assert len(local) <= 64 and local == local.lower() and local.isalnum()
    assert signing.verp(recipient, "b1.shop.example") == address
    assert signing.read_verp(local) == recipient
    assert signing.read_verp(local.upper()) == recipient


def test_a_changed_verp_is_refused() -> None:
    local = signing.verp(RECIPIENT, "h").partition("@")[0]
    for place, was in enumerate(local):
        for other in string.ascii_lowercase + string.digits + "=-":
            if other != was:
                assert signing.read_verp(local[:place] + other + local[place + 1 :]) is None
    for alias in (local + "a", local[:-1], " " + local, local + "=", local.replace("k", "\u212a")):
        if alias != local:
            assert signing.read_verp(alias) is None


def test_old_keys_are_read_and_foreign_ones_refused(ring: Any) -> None:
    old, new = "11" * 32, "22" * 32

    def use(current: int, keys: dict[str, str]) -> None:
        ring.KEYRING = json.dumps({"current": current, "keys": keys})
        forget()

    use(1, {"1": old})
    tokens = signing.open_token(RECIPIENT), signing.click_token(RECIPIENT, 1, URL) or ""
    local = signing.verp(RECIPIENT, "h").partition("@")[0]
    use(2, {"1": old, "2": new})
    assert signing.read_open(tokens[0]) == RECIPIENT
    assert signing.read_click(tokens[1]) == signing.Click(RECIPIENT, 1, URL)
    assert signing.read_verp(local) == RECIPIENT
    assert signing.open_token(RECIPIENT) != tokens[0]
    use(2, {"2": new})
    assert signing.read_open(tokens[0]) is None
    assert signing.read_click(tokens[1]) is None
    assert signing.read_verp(local) is None
    use(1, {"1": new})
    assert signing.read_open(tokens[0]) is None


def test_a_return_path_stays_when_the_ring_is_rotated_between_two_tries(ring: Any) -> None:
    keys = {"1": "11" * 32, "2": "22" * 32, "3": "33" * 32}
    since = {"2": "2026-06-01T00:00:00Z", "3": "2026-12-01T00:00:00Z"}

    def use(current: int, *known: str) -> None:
        ring.KEYRING = json.dumps(
            {
                "current": current,
                "keys": {k: keys[k] for k in known},
                "since": {k: at for k, at in since.items() if k in known},
            }
        )
        forget()

    def made(at: str) -> uuid.UUID:
        ms = int(datetime.fromisoformat(at).timestamp() * 1000)
        return uuid.UUID(int=ms << 80 | 0x7000 << 64 | 0x8 << 60 | 42)

    old, middle, new = (
        made(f"{day}T00:00:00Z") for day in ("2026-05-31", "2026-11-30", "2026-12-02")
    )
    use(1, "1")
    first = signing.verp(old, "b1.shop.example")
    use(2, "1", "2")
    assert signing.verp(old, "b1.shop.example") == first
    second = signing.verp(middle, "b1.shop.example")
    use(3, "1", "2", "3")
    assert signing.verp(old, "b1.shop.example") == first
    assert signing.verp(middle, "b1.shop.example") == second
    for one in (old, middle, new):
        assert signing.read_verp(signing.verp(one, "x").partition("@")[0]) == one
    # The old keys are gone: what is left is used; without `since` the current key holds for all
    use(3, "3")
    assert signing.verp(old, "b1.shop.example") != first
    ring.KEYRING = json.dumps({"current": 2, "keys": {"1": keys["1"], "2": keys["2"]}})
    forget()
    assert keyring.id_at(datetime(2020, 1, 1, tzinfo=UTC).timestamp()) == 2
