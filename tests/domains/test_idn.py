"""International names: shown as people read them, and told apart from what they look like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains import idn, names


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("Müller.example", "xn--mller-kva.example"), ("例え.テスト", "xn--r8jz45g.xn--zckzah")],
)
def test_both_forms(typed: str, kept: str) -> None:
    assert names.domain_name(typed) == kept
    assert idn.shown(kept) == typed.lower()


@pytest.mark.parametrize(
    ("name", "seems"),
    [("аррӏе.example", "apple"), ("ѕсоре.example", "scope"), ("ɡoogle.example", "google")],
)
def test_letters_that_look_latin_are_told(name: str, seems: str) -> None:
    found = idn.lookalike(names.domain_name(name))
    assert found is not None and found.seems == seems


def test_mixed_scripts_are_told() -> None:
    found = idn.lookalike(names.domain_name("pаypal.example"))  # its first a is Cyrillic
    assert found is not None and found.seems == "paypal"
    assert found.mixed == ("CYRILLIC", "LATIN")


@pytest.mark.parametrize(
    "name",
    ["shop.example", "müller.example", "пример.example", "例えばtest.example", "ελλάδα.example"],
)
def test_honest_names_are_not_blamed(name: str) -> None:
    assert idn.lookalike(names.domain_name(name)) is None


@given(st.text(max_size=40))
def test_any_text_is_shown(text: str) -> None:
    assert isinstance(idn.shown(f"xn--{text}"), str)
    idn.lookalike(text)
