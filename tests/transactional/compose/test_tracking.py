"""Links that carry a secret or let somebody in are never counted."""

import pytest

from transactional.compose import tracking

BASE = "https://click.shop.example"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://shop.example/o/1?utm_source=mail", "TRACKED"),
        ("https://shop.example/?code=SPRING", "TRACKED"),
        ("https://shop.example/tokens/list", "TRACKED"),
        (f"{BASE}/u/abc", "OWN_LINK"),
        ("https://shop.example/reset?token=9f8a7b6c5d", "TOKEN_IN_LINK"),
        ("https://shop.example/reset?a=1&reset_token=9f8a7b6c5d", "TOKEN_IN_LINK"),
        ("https://shop.example/#access_token=9f8a7b6c5d", "TOKEN_IN_LINK"),
        ("https://shop.example/l/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOjF9.sig", "TOKEN_IN_LINK"),
        ("https://shop.example/x/s3cr%2Ft/y", "SECRET_IN_LINK"),
        ("https://shop.example/x?v=s3cr/t", "SECRET_IN_LINK"),
    ],
)
def test_why_a_link_is_counted_or_not(url: str, code: str) -> None:
    found = tracking.decide(url, base=BASE, secrets=frozenset({"s3cr/t"}))
    assert (found.code, found.yes) == (code, code == "TRACKED")


@pytest.mark.parametrize(
    "url",
    [
        "https://[::1",
        "https://[x/?token=aaaaaaa",
        "https://x/?" + "token" * 40_000,
        "https://x/?=&;#=",
    ],
)
def test_odd_links_are_judged(url: str) -> None:
    assert tracking.decide(url, base=BASE).code in {"TRACKED", "TOKEN_IN_LINK"}
