"""Quoted-printable: what comes out is what went in, in lines that nobody has to break."""

from binascii import a2b_qp

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transactional.wire import cte

# Long lines, whose ends fall on white space and escapes
lines = st.text(st.sampled_from(" \t=.aé\r"), max_size=4).flatmap(
    lambda end: st.integers(60, 160).map(lambda n: "x" * n + end)
)
texts = st.lists(lines | st.text(max_size=90), max_size=5).map("\n".join)


@given(texts)
@example("x" * 75 + " \n")
@example("x" * 74 + "\t\n")
@example("x" * 76 + " ")
@example("x" * 73 + "é \n")
def test_no_line_has_more_than_76_characters_and_nothing_is_lost(text: str) -> None:
    data = text.replace("\r", "").encode()
    encoded = cte.encode_quoted_printable(data)
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert a2b_qp(encoded).replace(b"\r\n", b"\n") == data
    assert not [one for one in encoded.split(b"\r\n") if one.endswith((b" ", b"\t"))]


@pytest.mark.parametrize("space", [" ", "\t"])
@pytest.mark.parametrize("length", range(70, 80))
def test_white_space_at_the_end_of_a_nearly_full_line_is_kept(length: int, space: str) -> None:
    data = ("y" * length + space).encode()
    encoded = cte.encode_quoted_printable(data + b"\n")
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert a2b_qp(encoded) == data + b"\r\n"
