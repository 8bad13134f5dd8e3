"""Content framing: what is stuffed comes back, and only one sequence ends it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.wire.dots import (
    DataCollector,
    DataFault,
    has_bare_newline,
    normalise_newlines,
    stuff,
)

LINES = st.lists(
    st.sampled_from([b"", b".", b"..", b".x", b"hello", b". .", b"a.b"]), max_size=12
).map(lambda lines: b"".join(line + b"\r\n" for line in lines))


def collect(wire: bytes, limit: int = 10_000, *, step: int = 0) -> tuple[bytes | DataFault, bytes]:
    collector = DataCollector(limit)
    step = step or max(1, len(wire))
    for start in range(0, len(wire), step):
        rest = collector.feed(wire[start : start + step])
        if rest is not None:
            return collector.finish(normalise=False), rest + wire[start + step :]
    raise AssertionError("no end of data seen")


@given(LINES, st.integers(1, 7))
def test_stuffed_content_comes_back(content: bytes, step: int) -> None:
    assert collect(stuff(content) + b"QUIT\r\n", step=step) == (content, b"QUIT\r\n")


def test_an_unended_last_line_is_ended() -> None:
    assert stuff(b"a") == b"a\r\n.\r\n"
    assert stuff(b"") == b".\r\n"
    assert stuff(b".a\r\n.") == b"..a\r\n..\r\n.\r\n"


@pytest.mark.parametrize("step", [1, 3, 5000])
@pytest.mark.parametrize(("size", "fits"), [(100, True), (101, False), (5000, False)])
def test_size_is_counted_without_stuffing(size: int, fits: bool, step: int) -> None:
    content = (b".\r\n" * 2000)[: size - 2] + b"\r\n" if size > 200 else b"." * (size - 2) + b"\r\n"
    got, rest = collect(stuff(content) + b"NOOP\r\n", 100, step=step)
    assert got == (content if fits else DataFault.TOO_BIG)
    assert rest == b"NOOP\r\n"


def test_stuffing_at_the_limit_does_not_count() -> None:
    content = b".\r\n" * 33 + b"\r\n"
    assert len(content) == 101
    assert collect(stuff(content), 101)[0] == content
    assert collect(stuff(content), 100)[0] is DataFault.TOO_BIG


def test_memory_is_bounded_and_overflow_is_told() -> None:
    collector = DataCollector(1000)
    for _ in range(12):
        assert collector.feed(b"x" * 100_000) is None
        assert len(collector._buffer) <= 4
    assert collector.overflowed


def test_nul_and_bare_newlines() -> None:
    assert collect(b"a\0b\r\n.\r\n")[0] is DataFault.NUL
    assert collect(b"a\nb\r\n.\r\n")[0] is DataFault.BARE_NEWLINE
    assert collect(b"a\rb\r\n.\r\n")[0] is DataFault.BARE_NEWLINE
    collector = DataCollector(100)
    assert collector.feed(b"a\nb\n.\r\nc\r\n.\r\n") == b""
    assert collector.finish(normalise=True) == b"a\r\nb\r\n.\r\nc\r\n"


@given(st.binary(max_size=50).map(lambda raw: raw.replace(b"\0", b"")))
def test_normalised_content_has_no_bare_newline(raw: bytes) -> None:
    assert not has_bare_newline(normalise_newlines(raw))
    assert normalise_newlines(normalise_newlines(raw)) == normalise_newlines(raw)
