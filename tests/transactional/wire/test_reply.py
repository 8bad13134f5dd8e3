"""Replies: what parses, what is refused, and what each means for the retry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.wire.reply import (
    MAX_STORED_BYTES,
    Reply,
    ReplyClass,
    ReplyError,
    ReplyParser,
    Stage,
    classify,
)


def parse(data: bytes) -> list[Reply]:
    return ReplyParser().feed(data)


def feed_repeatedly(parser: ReplyParser, data: bytes, *, times: int) -> None:
    for _ in range(times):
        parser.feed(data)


def test_it_works() -> None:
    (reply,) = parse(b"250 2.1.5 Recipient ok\r\n")
    assert reply == Reply(250, "2.1.5", ("Recipient ok",))
    assert reply.text == "Recipient ok"
    assert str(reply) == "250 2.1.5 Recipient ok"


def test_it_reads_several_lines_and_several_replies() -> None:
    replies = parse(
        b"250-mx.example\r\n250-SIZE 1000\r\n250 HELP\r\n550-5.1.1 No\r\n550 5.1.1 such\r\n"
    )
    assert replies == [
        Reply(250, None, ("mx.example", "SIZE 1000", "HELP")),
        Reply(550, "5.1.1", ("No", "such")),
    ]


@pytest.mark.parametrize("data", [b"250\r\n", b"250 \r\n", b"250\n"])
def test_it_takes_a_reply_without_text(data: bytes) -> None:
    (reply,) = parse(data)
    assert reply.code == 250 and reply.text == ""


def test_enhanced_code_of_another_class_stays_text() -> None:
    (reply,) = parse(b"550 4.1.1 odd\r\n")
    assert reply.enhanced is None and reply.text == "4.1.1 odd"


def test_last_line_decides_the_code() -> None:
    (reply,) = parse(b"250-a\r\n550 b\r\n")
    assert reply.code == 550


@pytest.mark.parametrize(
    "data",
    [b"999 what\r\n", b"150 x\r\n", b"2x0 x\r\n", b"\r\n", b"25\r\n", b"250_x\r\n", b"+OK\r\n"],
)
def test_it_refuses_nonsense(data: bytes) -> None:
    with pytest.raises(ReplyError):
        parse(data)


@pytest.mark.parametrize("size", [2_000, 100_000])
def test_long_line_is_kept_to_four_kilobytes(size: int) -> None:
    parser = ReplyParser()
    data = b"550 5.7.1 " + b"x" * size + b"\r\n250 ok\r\n"
    replies = [r for i in range(0, len(data), 1000) for r in parser.feed(data[i : i + 1000])]
    assert [r.code for r in replies] == [550, 250]
    assert replies[0].enhanced == "5.7.1"
    assert len(replies[0].text) <= MAX_STORED_BYTES
    assert parse(data)[0].text[:1900] == replies[0].text[:1900]


def test_endless_line_is_an_error() -> None:
    parser = ReplyParser()
    parser.feed(b"250 ")
    with pytest.raises(ReplyError, match="without end"):
        feed_repeatedly(parser, b"x" * 10_000, times=100)


@pytest.mark.parametrize("line", [b"250-\r\n", b"250-" + b"y" * 900 + b"\r\n"])
def test_never_ended_reply_is_an_error(line: bytes) -> None:
    parser = ReplyParser()
    with pytest.raises(ReplyError, match="without end"):
        feed_repeatedly(parser, line, times=500)


def test_octets_that_are_no_utf8_and_controls_are_escaped() -> None:
    (reply,) = parse(b"550 caf\xe9 \x1b[31m\x00 caf\xc3\xa9\r\n")
    assert reply.text == "caf\\xe9 \\x1b[31m\\x00 café"
    (long,) = parse(b"550 " + b"\xff" * 4096 + b"\r\n")
    assert len(long.text.encode()) <= MAX_STORED_BYTES


def test_encode_puts_the_status_on_each_line_and_adds_no_line() -> None:
    assert Reply(550, "5.7.1", ("a", "b")).encode() == b"550-5.7.1 a\r\n550 5.7.1 b\r\n"
    assert Reply(250).encode() == b"250 \r\n"
    assert Reply(550, None, ("x\r\n250 ok",)).encode() == b"550 x  250 ok\r\n"


@given(
    st.lists(
        st.tuples(
            st.integers(200, 599),
            st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126)), min_size=1),
        ),
        min_size=1,
        max_size=5,
    ),
    st.data(),
)
def test_splits_change_nothing(wanted: list[tuple[int, list[str]]], data: st.DataObject) -> None:
    stream = b"".join(Reply(code, None, tuple(lines)).encode() for code, lines in wanted)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    parser, replies = ReplyParser(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        replies += parser.feed(stream[start:end])
    assert replies == parse(stream)
    assert [r.code for r in replies] == [code for code, _ in wanted]
    assert parser.is_clean


@given(st.binary(max_size=400))
def test_hostile_bytes_never_crash(data: bytes) -> None:
    try:
        replies = parse(data)
    except ReplyError:
        return
    assert all(200 <= r.code <= 599 for r in replies)


C = ReplyClass


@pytest.mark.parametrize(
    ("line", "stage", "wanted"),
    [
        ("250 ok", Stage.DOT, C.OK),
        ("450 4.2.0 Greylisted, see help", Stage.RCPT, C.GREYLISTED),
        ("451 4.7.1 Graylisting in action", Stage.RCPT, C.GREYLISTED),
        ("421 4.7.0 Try again later", Stage.BANNER, C.THROTTLED),
        ("421 too many connections", Stage.BANNER, C.THROTTLED),
        ("450 4.7.28 unusual rate", Stage.DOT, C.THROTTLED),
        ("452 4.3.1 insufficient system storage", Stage.MAIL, C.TEMPORARY),
        ("452 4.2.2 over quota", Stage.RCPT, C.MAILBOX_FULL),
        ("451 local error", Stage.DOT, C.TEMPORARY),
        ("550 5.1.1 no such user", Stage.RCPT, C.BAD_RECIPIENT),
        ("550 no such user", Stage.RCPT, C.BAD_RECIPIENT),
        ("550 5.1.1 unknown", Stage.DOT, C.BAD_RECIPIENT),
        ("550 5.1.1 unknown", Stage.MAIL, C.PERMANENT),
        ("552 5.2.2 full", Stage.RCPT, C.MAILBOX_FULL),
        ("552 mailbox exceeded", Stage.RCPT, C.MAILBOX_FULL),
        ("552 5.3.4 too big", Stage.MAIL, C.PERMANENT),
        ("550 5.7.1 no", Stage.RCPT, C.POLICY_BLOCK),
        ("554 your address is listed at rbl", Stage.DOT, C.POLICY_BLOCK),
        ("554 go away", Stage.BANNER, C.POLICY_BLOCK),
        ("556 5.1.10 null MX", Stage.RCPT, C.DNS),
        ("554 5.6.0 bad content", Stage.DOT, C.PERMANENT),
        ("500 what", Stage.DATA, C.PERMANENT),
    ],
)
def test_classes(line: str, stage: Stage, wanted: ReplyClass) -> None:
    (reply,) = parse(line.encode() + b"\r\n")
    assert classify(reply, stage=stage) is wanted
