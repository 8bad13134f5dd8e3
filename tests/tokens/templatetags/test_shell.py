"""Addresses on pages: whole, escaped, and with places to break between their parts."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokens.templatetags.shell import parts


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ann@mx.example", "ann@<wbr>mx.<wbr>example"),
        ("a.b+c_d@e.example", "a.<wbr>b+<wbr>c_<wbr>d@<wbr>e.<wbr>example"),
        ("<b>@x..", "&lt;b&gt;@<wbr>x.."),
        ("", ""),
    ],
)
def test_an_address_may_break_between_its_parts(address: str, shown: str) -> None:
    assert parts(address) == shown


@given(st.text())
def test_nothing_is_lost_and_nothing_unescaped(text: str) -> None:
    shown = str(parts(text))
    assert html.unescape(re.sub("<wbr>", "", shown)) == html.unescape(html.escape(text))
    assert "<" not in shown.replace("<wbr>", "")
