"""What a server says to EHLO is read whatever it is: nothing in it can stop the mail for it."""

import asyncio
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.transactional.wire.conftest import Run
from tests.transactional.wire.smtp_parts import Script, connect, deliver, scripted
from transactional.wire import session as wire_session
from transactional.wire.outcome import Capabilities, SessionRefused, TlsPolicy, read_capabilities
from transactional.wire.reply import Reply, ReplyError, ReplyParser, Stage

LONGEST = 10**20 - 1
SIZES = {
    "SIZE 1000": 1000,
    "size 1000": 1000,
    "SIZE 0": None,
    "SIZE": None,
    f"SIZE {LONGEST}": LONGEST,
    f"SIZE {LONGEST}9": None,
    f"SIZE {LONGEST}X": None,
    "SIZE 1000X": None,
    "SIZE ٣٣٣": None,
    "SIZE ²": None,
    "SIZE -5": None,
    "SIZE +5": None,
    "SIZE 1_0": None,
    f"SIZE {'9' * 5000}": None,
}


@pytest.mark.parametrize("line", SIZES)
def test_a_size_is_up_to_twenty_digits_and_nothing_else(line: str) -> None:
    assert read_capabilities(Reply(250, None, ("sink", line))).size == SIZES[line]


words = st.sampled_from(["SIZE", "AUTH", "STARTTLS", "8BITMIME", "PIPELINING", "SMTPUTF8", ""])
ends = st.one_of(st.text(max_size=40), st.integers().map(str), st.from_regex(r"\d{18,22}\w?"))


@given(
    st.lists(st.one_of(st.text(max_size=60), st.builds("{} {}".format, words, ends)), max_size=8)
)
@example(["sink", f"SIZE {LONGEST}X"])
def test_no_line_stops_the_reading(lines: list[str]) -> None:
    found = read_capabilities(Reply(250, None, tuple(lines)))
    assert found.size is None or 0 < found.size <= LONGEST
    assert isinstance(found, Capabilities) and found.esmtp


@given(st.lists(st.binary(max_size=80), min_size=1, max_size=6))
@example([b"sink", b"SIZE \xd9\xa3", b"SIZE 99999999999999999999X"])
def test_nor_do_octets(lines: list[bytes]) -> None:
    said = b"".join(b"250-" + line + b"\r\n" for line in lines) + b"250 SIZE 7X\r\n"
    try:
        replies = ReplyParser().feed(said)
    except ReplyError:
        return  # no reply at all: the host is left, as for any nonsense
    for reply in replies:
        found = read_capabilities(reply)
        assert found.size is None or found.size <= LONGEST


def test_a_server_with_an_odd_size_gets_its_mail(run: Run) -> None:
    async def play(script: Script) -> None:
        await script.greet("SIZE 99999999999999999999X", "AUTH", b"\xff\xfe".decode("latin-1"))
        await script.envelope("250 ok", "250 ok", "354 go")
        await script.hear_content()
        await script.say("250 ok")

    async def go() -> None:
        async with scripted(play) as (port, scripts):
            session = await connect(port)
            assert (await deliver(session)).accepted
            session.close()
        assert scripts[0].heard[1] == "MAIL FROM:<a@b.example> SIZE=32"  # as RFC 1870 allows

    run(go())


@pytest.mark.parametrize("place", [Stage.EHLO, Stage.STARTTLS])
def test_what_nobody_foresaw_in_an_opening_is_an_outcome_of_that_host(
    run: Run,
    place: Stage,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged with its traceback, and neither raised nor counted against the message."""

    def broken(*given: Any, **named: Any) -> Any:
        raise KeyError("of ours")

    at = "read_capabilities" if place is Stage.EHLO else "client_context"
    monkeypatch.setattr(wire_session, at, broken)

    async def play(script: Script) -> None:
        await script.greet("STARTTLS")
        if place is Stage.STARTTLS:
            await script.hear()
            await script.say("220 go")
        await script.reader.read()

    async def go() -> None:
        async with scripted(play) as (port, _):
            with pytest.raises(SessionRefused) as refused:
                await connect(port, tls=TlsPolicy.REQUIRED)
        seen = refused.value.outcome
        assert (seen.stage, seen.reply, seen.error) == (place, None, "unexpected failure: KeyError")
        assert seen.transcript[1] == "C: EHLO out.example"

    run(go())
    assert "KeyError: 'of ours'" in caplog.text


def test_who_cancels_an_opening_gets_its_cancellation(run: Run) -> None:
    async def play(script: Script) -> None:
        await script.reader.read()

    async def go() -> None:
        async with scripted(play) as (port, _):
            opening = asyncio.ensure_future(connect(port))
            await asyncio.sleep(0.05)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening

    run(go())
