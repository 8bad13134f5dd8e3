"""Names people type: what is taken, and what is refused in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import PostinoError
from domains.names import domain_name, host_name, organisational


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("shop.example", "shop.example"),
        (" Shop.Example. ", "shop.example"),
        ("caffè.it", "xn--caff-8oa.it"),
        ("mail.shop.co.uk", "mail.shop.co.uk"),
        ("xn--caff-8oa.it", "xn--caff-8oa.it"),
    ],
)
def test_it_takes_domains(typed: str, name: str) -> None:
    assert domain_name(typed) == name


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("", "not a valid name"),
        ("localhost", "with a dot"),
        ("co.uk", "public suffix"),
        ("com", "with a dot"),
        ("gmail.com", "mailbox provider"),
        ("127.0.0.1", "not an IP address"),
        ("[::1]", "not an IP address"),
        ("10.1", "not a valid name"),
        ("my_shop.example", "underscore"),
        ("https://shop.example/", "bare name"),
        ("a@shop.example", "bare name"),
        ("shop..example", "not a valid name"),
        ("-shop.example", "not a valid name"),
        ("shop example.com", "not a valid name"),
        ("shop.example\r\nX: y", "not a valid name"),
        ("a" * 64 + ".example", "not a valid name"),
        (".".join(["abcdefgh"] * 27), "too long"),
        ("xn--a.it", "international"),
        ("a\u202eb.example", "international"),
    ],
)
def test_it_refuses_and_says_why(typed: str, word: str) -> None:
    with pytest.raises(PostinoError) as caught:
        domain_name(typed)
    assert word in caught.value.refusal.message
    assert caught.value.refusal.pointer == "name"


@given(st.text(max_size=300))
def test_whatever_is_typed_is_a_name_or_a_refusal(typed: str) -> None:
    try:
        name = host_name(typed)
    except PostinoError:
        return
    assert name.isascii() and len(name) <= 253 and "." in name and " " not in name


def test_organisational_domains() -> None:
    assert organisational("a.b.shop.co.uk") == "shop.co.uk"
    assert organisational("news.shop.example") == "shop.example"
