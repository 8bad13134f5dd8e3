"""End of DATA: only CRLF.CRLF, whatever the chunks; no other line ending ever (smuggling)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.security.smuggling_table import NOT_THE_END
from transactional.wire.dot import DataReader, is_canonical, stuff

SECOND = b"MAIL FROM:<x@evil.example>\r\nRCPT TO:<y@evil.example>\r\nDATA\r\nhello"

CANONICAL = st.lists(
    st.sampled_from([b".", b"..", b"a", b"\r\n", b"\r\n.", b" x"]), max_size=20
).map(b"".join)


def read(data: bytes, *, step: int, limit: int = 1_000_000) -> DataReader:
    reader = DataReader(limit)
    for start in range(0, len(data), step):
        if reader.feed(data[start : start + step]):
            reader.rest += data[start + step :]
            return reader
    raise AssertionError("the end of DATA was not seen")


@pytest.mark.parametrize(
    ("raw", "wire"),
    [
        (b"", b".\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b".a\r\n..b\r\n.", b"..a\r\n...b\r\n..\r\n.\r\n"),
        (b"a.b\r\n.\r\n", b"a.b\r\n..\r\n.\r\n"),
    ],
)
def test_stuff_exactly(raw: bytes, wire: bytes) -> None:
    assert stuff(raw) == wire


@pytest.mark.parametrize("variant", NOT_THE_END)
def test_stuff_refuses_or_defuses_every_variant(variant: bytes) -> None:
    raw = b"A: b\r\n\r\nbody" + variant + SECOND
    assert not is_canonical(raw)
    with pytest.raises(ValueError):
        stuff(raw)


@pytest.mark.parametrize("step", [1, 2, 3, 5, 7, 10_000])
@pytest.mark.parametrize("variant", NOT_THE_END)
def test_no_variant_ends_data(variant: bytes, step: int) -> None:
    sent = b"A: b\r\n\r\nbody" + variant + SECOND + b"\r\n.\r\nQUIT\r\n"
    reader = read(sent, step=step)
    assert reader.rest == b"QUIT\r\n"
    assert SECOND in reader.message()
    assert reader.bare_newline or reader.nul


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 100])
def test_what_was_sent_is_what_is_read(step: int) -> None:
    raw = b".first\r\n..\r\n.\r\n\r\nbody\r\n.\r\n"
    reader = read(stuff(raw) + b"MAIL", step=step)
    assert reader.message() == raw
    assert reader.rest == b"MAIL"
    assert reader.size == len(raw) + 4
    assert not (reader.bare_newline or reader.nul or reader.overflow)


def test_single_dot_at_once_is_an_empty_message() -> None:
    reader = read(b".\r\n", step=1)
    assert (reader.message(), reader.size) == (b"", 0)


def test_a_dot_before_other_text_is_removed() -> None:
    assert read(b"a\r\n.b\r\n.\r\n", step=2).message() == b"a\r\nb\r\n"


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_limit_is_exact_and_memory_bounded(step: int) -> None:
    assert read(b"a" * 98 + b"\r\n.\r\n", step=step, limit=100).message() == b"a" * 98 + b"\r\n"
    over = read(b"a" * 99 + b"\r\n.\r\nRSET", step=step, limit=100)
    assert over.overflow
    assert over.size == 101
    assert over.rest == b"RSET"
    with pytest.raises(ValueError):
        over.message()


def test_nothing_is_kept_past_the_limit() -> None:
    reader = DataReader(1_000)
    for _ in range(1_000):
        assert not reader.feed(b"x" * 1_000)
        assert len(reader._buffer) <= 2_004
    assert reader.feed(b"\r\n.\r\n")
    assert reader.size == 1_000_002


@given(CANONICAL, st.integers(1, 9))
def test_round_trip_in_any_chunks(raw: bytes, step: int) -> None:
    sent = stuff(raw)
    assert all(
        line == b"." or not line.startswith(b".") or line[1:2] == b"."
        for line in sent.split(b"\r\n")
    )
    reader = read(sent + b"REST", step=step)
    assert reader.message() == (raw if raw.endswith(b"\r\n") or not raw else raw + b"\r\n")
    assert reader.rest == b"REST"


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"\0", b"a"]), max_size=30).map(b"".join))
def test_the_end_is_where_the_five_octets_stand(data: bytes) -> None:
    whole = data + b"\r\n.\r\n"
    for step in (1, 2, 4, 64):
        reader = read(whole, step=step)
        end = (b"\r\n" + whole).index(b"\r\n.\r\n")
        assert reader.size == end
        assert reader.rest == whole[end + 3 :]
