"""The outgoing session against peers that refuse, drop, stall, talk nonsense or lie."""

import asyncio
from typing import Any

import pytest

from tests.transactional.wire.conftest import Run
from tests.transactional.wire.smtp_parts import Play, Script, connect, deliver, scripted
from transactional.wire.outcome import SessionRefused, Timeouts, TlsPolicy
from transactional.wire.reply import Reply, Stage

# For peers that keep silent; with all others a pause of the machine must not look like silence
SHORT = Timeouts(banner=0.3, ehlo=0.3, mail=0.3, rcpt=0.3, data=0.3, dot=0.3, quit=0.2)
PIPED = ("PIPELINING", "8BITMIME", "SIZE 1000000")

# -- bad peers: (what it plays, stage, reply's code or None, uncertain, usable afterwards)


def at(*steps: Any, capabilities: tuple[str, ...] = PIPED) -> Play:
    """A peer that greets, hears one piped envelope, then takes `steps`: bytes and lines to say,
    "drop", "content" (hear it), or a number of lines to hear."""

    async def play(script: Script) -> None:
        await script.greet(*capabilities)
        await script.hear(3)
        for step in steps:
            if step == "drop":
                script.drop()
                return
            if step == "content":
                await script.hear_content()
            elif step == "stall":
                await script.reader.read()
            elif isinstance(step, int):
                await script.hear(step)
            else:
                await script.say(step)
        await script.reader.read()

    return play


OK = ("250 ok", "250 ok", "354 go")
CASES = {
    "drop in MAIL": (at("drop"), Stage.MAIL, None, False, False),
    "drop in RCPT": (at("250 ok", "drop"), Stage.RCPT, None, False, False),
    "drop in DATA": (at("250 ok", "250 ok", "drop"), Stage.DATA, None, False, False),
    "drop after dot": (at(*OK, "content", "drop"), Stage.DOT, None, True, False),
    "silence after dot": (at(*OK, "content", "stall"), Stage.DOT, None, True, False),
    "silence in MAIL": (at("stall"), Stage.MAIL, None, False, False),
    "nonsense after dot": (at(*OK, "content", "999 ?"), Stage.DOT, None, True, False),
    "354 after dot": (at(*OK, "content", "354 ?"), Stage.DOT, None, True, False),
    "4xx after dot": (at(*OK, "content", "451 4.3.0 later"), Stage.DOT, 451, False, True),
    "5xx after dot": (at(*OK, "content", "554 5.7.1 no"), Stage.DOT, 554, False, True),
    "421 after dot": (at(*OK, "content", "421 bye"), Stage.DOT, 421, False, False),
    "4xx MAIL": (at("451 x", "503 x", "503 x"), Stage.MAIL, 451, False, True),
    "5xx MAIL": (at("550 x", "503 x", "503 x"), Stage.MAIL, 550, False, True),
    "421 MAIL": (at("421 x", "drop"), Stage.MAIL, 421, False, False),
    "5xx MAIL, drop": (at("550 x", "drop"), Stage.MAIL, 550, False, False),
    "4xx RCPT": (at("250 x", "450 x", "503 x"), Stage.RCPT, 450, False, True),
    "5xx RCPT": (at("250 x", "550 x", "554 x"), Stage.RCPT, 550, False, True),
    "5xx RCPT, drop": (at("250 x", "550 x", "drop"), Stage.RCPT, 550, False, False),
    "5xx RCPT but 354": (at("250 x", "550 x", "354 x", 1, "554 x"), Stage.RCPT, 550, False, True),
    "5xx MAIL but 354": (at("550 x", "250 x", "354 x", 1, "250 x"), Stage.MAIL, 550, False, True),
    "RCPT, 354, drop": (at("250 x", "550 x", "354 x", 1, "drop"), Stage.RCPT, 550, False, False),
    "5xx DATA": (at("250 x", "250 x", "554 x"), Stage.DATA, 554, False, True),
    "2xx DATA": (at("250 x", "250 x", "250 x"), Stage.DATA, None, False, False),
    "3xx MAIL": (at("354 x", "250 x", "354 x"), Stage.MAIL, None, False, False),
    "999": (at("999 x"), Stage.MAIL, None, False, False),
    "too many replies": (at(*OK, "250 early"), Stage.DATA, None, False, False),
    "421 for content": (at("250 ok", "250 ok", b"354 go\r\n421 x\r\n"), Stage.DATA, 421, False, False),
    "never ended": (at(b"250-x\r\n" * 300), Stage.MAIL, None, False, False),
    "100 KB line": (at(b"250 " + b"x" * 100_000 + b"\r\n", *OK[1:], "content", "250 k"), Stage.DOT, 250, False, True),
    "several lines": (at(b"250-a\r\n250-b\r\n250 c\r\n", *OK[1:], "content", b"250-\xff\r\n250\r\n"), Stage.DOT, 250, False, True),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_peers(run: Run, case: str) -> None:
    play, stage, code, uncertain, usable = CASES[case]

    async def go() -> None:
        async with scripted(play) as (port, scripts):
            session = await connect(port, timeouts=SHORT if "silence" in case else Timeouts())
            outcome = await deliver(session)
            assert (outcome.stage, outcome.uncertain) == (stage, uncertain)
            assert (outcome.reply.code if outcome.reply else None) == code
            assert (outcome.error is None) == (outcome.reply is not None)
            assert session.is_usable == usable
            assert not outcome.reusable_failure
            assert len("\n".join(outcome.transcript).encode()) <= 4096
            session.close()
        if "but 354" in case:
            assert scripts[0].heard[-1] == "."

    run(go())


def test_drop_in_mid_content_is_certain(run: Run) -> None:
    async def play(script: Script) -> None:
        await script.greet(*PIPED, "SIZE 90000000")
        await script.hear(3)
        await script.say(*OK)
        await script.reader.readexactly(300_000)
        script.drop()

    async def go() -> None:
        async with scripted(play) as (port, _):
            session = await connect(port)
            outcome = await deliver(session, data=b"x" * 30_000_000)
            assert outcome.stage is Stage.BODY and outcome.error and not outcome.uncertain

    async def play_reply(script: Script) -> None:
        await script.greet(*PIPED, "SIZE 90000000")
        await script.hear(3)
        await script.say(*OK)
        await script.reader.readexactly(300_000)
        await script.say("552 5.3.4 too much")
        await asyncio.sleep(0.1)
        script.drop()

    async def go_reply() -> None:
        async with scripted(play_reply) as (port, _):
            session = await connect(port)
            outcome = await deliver(session, data=b"x" * 30_000_000)
            assert outcome.stage is Stage.BODY and not outcome.uncertain
            assert outcome.reply is None or outcome.reply.code == 552

    run(go())
    run(go_reply())


@pytest.mark.parametrize("early", ["250 thanks", "552 5.3.4 too much"])
def test_a_reply_before_the_dot_is_not_the_answer_to_it(run: Run, early: str) -> None:
    async def play(script: Script) -> None:
        await script.greet(*PIPED, "SIZE 90000000")
        await script.hear(3)
        await script.say(*OK)
        await script.reader.readexactly(300_000)
        await script.say(early)
        while await script.reader.read(1_000_000):
            pass

    async def go() -> None:
        async with scripted(play) as (port, _):
            session = await connect(port)
            outcome = await deliver(session, data=b"x" * 30_000_000)
            assert outcome.stage is Stage.BODY and not outcome.uncertain and not outcome.accepted
            assert (outcome.reply is not None) == early.startswith("5")
            assert not session.is_usable

    run(go())


def test_replies_octet_by_octet(run: Run) -> None:
    async def play(script: Script) -> None:
        async def slowly(text: bytes) -> None:
            for octet in text:
                await script.say(bytes([octet]))
                await asyncio.sleep(0.0005)

        await slowly(b"220-hello\r\n220 sink\r\n")
        await script.hear()
        await slowly(b"250-sink\r\n250-PIPELINING\r\n250 SIZE 0\r\n")
        await script.hear(3)
        await slowly(b"250 ok\r\n250 2.1.5 ok\r\n354 go\r\n")
        assert await script.hear_content() == b"..\r\n.\r\n"
        await slowly(b"250-2.0.0 ok\r\n250 2.0.0 id\r\n")

    async def go() -> None:
        async with scripted(play) as (port, _):
            session = await connect(port)
            outcome = await deliver(session, data=b".")
            assert outcome.reply == Reply(250, "2.0.0", ("ok", "id"))

    run(go())


# -- greeting


def test_without_pipelining_each_command_waits(run: Run) -> None:
    async def play(script: Script) -> None:
        await script.greet("SIZE")
        await script.envelope("250 ok", "550 5.1.1 no", "250 reset", "250 ok", "250 ok", "354 go")
        await script.hear_content()
        await script.say("250 ok")

    async def go() -> None:
        async with scripted(play) as (port, scripts):
            session = await connect(port)
            assert (await deliver(session)).stage is Stage.RCPT
            assert (await deliver(session)).accepted
            session.close()
        assert [line.split(" ")[0] for line in scripts[0].heard] == [
            "EHLO", "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "DATA"
        ]  # fmt: skip

    run(go())


def test_helo_only(run: Run) -> None:
    async def play(script: Script) -> None:
        await script.say("220 old")
        await script.hear()
        await script.say("500 what")
        await script.hear()
        await script.say("250 old")
        await script.envelope("250 ok", "250 ok", "354 go")
        await script.hear_content()
        await script.say("250 ok")

    async def go() -> None:
        async with scripted(play) as (port, scripts):
            session = await connect(port, tls=TlsPolicy.OPPORTUNISTIC)
            assert not session.capabilities.esmtp and not session.capabilities.eight_bit_mime
            assert (await deliver(session, eight_bit=True)).accepted
            session.close()
        assert scripts[0].heard[1:3] == ["HELO out.example", "MAIL FROM:<a@b.example>"]

    run(go())


async def stay(script: Script) -> None:
    await script.reader.read()


def greeting(*lines: str | bytes, after: int = 0) -> Play:
    async def play(script: Script) -> None:
        await script.hear(after)
        await script.say(*lines)
        await script.reader.read()

    return play


def starttls(*lines: str | bytes) -> Play:
    async def play(script: Script) -> None:
        await script.greet("STARTTLS", "PIPELINING")
        await script.hear()
        await script.say(*lines)
        if lines[-1] == "454 no":
            await script.hear()
            await script.say("221 bye")
        else:
            await asyncio.sleep(0.05)

    return play


async def no_tls(script: Script) -> None:
    await script.greet("PIPELINING")
    await script.hear()
    await script.say("221 bye")


async def ehlo_451(script: Script) -> None:
    await script.say("220 x")
    await script.hear()
    await script.say("451 later")


REQ, OPP = TlsPolicy.REQUIRED, TlsPolicy.OPPORTUNISTIC
REFUSALS = {
    "silent": (stay, OPP, Stage.BANNER, "no answer"),
    "554 banner": (greeting("554 go away"), OPP, Stage.BANNER, "554 go away"),
    "421 banner": (greeting("421 4.7.0 slow"), OPP, Stage.BANNER, "421 4.7.0 slow"),
    "SSH": (greeting("SSH-2.0-x"), OPP, Stage.BANNER, "not an SMTP reply"),
    "451 EHLO": (ehlo_451, OPP, Stage.EHLO, "451 later"),
    "silent after banner": (greeting("220 x"), OPP, Stage.EHLO, "no answer"),
    "not offered": (no_tls, REQ, Stage.STARTTLS, "not offered"),
    "refused": (starttls("454 no"), REQ, Stage.STARTTLS, "454 no"),
    "closes after 220": (starttls("220 go"), OPP, Stage.STARTTLS, "TLS"),
    "no TLS after 220": (starttls("220 go", b""), REQ, Stage.STARTTLS, "TLS"),
    "injection": (starttls(b"220 go\r\n250-AUTH\r\n250 OK\r\n"), OPP, Stage.STARTTLS, "in clear"),
    "half injection": (starttls(b"220 go\r\n25"), OPP, Stage.STARTTLS, "in clear"),
    "late injection": (starttls("220 go", b"250 OK\r\n"), OPP, Stage.STARTTLS, ""),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refused_sessions(run: Run, case: str) -> None:
    play, policy, stage, text = REFUSALS[case]

    async def go() -> None:
        async with scripted(play) as (port, _):
            with pytest.raises(SessionRefused) as refused:
                await connect(port, tls=policy, timeouts=SHORT if "silent" in case else Timeouts())
        outcome = refused.value.outcome
        assert outcome.stage is stage and not outcome.uncertain
        assert text in f"{outcome.reply or ''}{outcome.error or ''}"
        assert outcome.duration >= 0

    run(go())


def test_opportunistic_goes_on_in_clear_where_starttls_is_refused(run: Run) -> None:
    async def play(script: Script) -> None:
        await script.greet("STARTTLS", "PIPELINING")
        await script.hear()
        await script.say("454 not now")
        await script.hear(3)
        await script.say(*OK)
        await script.hear_content()
        await script.say("250 ok")

    async def go() -> None:
        async with scripted(play) as (port, _):
            session = await connect(port, tls=TlsPolicy.OPPORTUNISTIC)
            outcome = await deliver(session)
            assert outcome.accepted and outcome.tls_version is None

    run(go())


# -- kept connections


async def one_then_close(script: Script) -> None:
    await script.greet(*PIPED)
    await script.hear(3)
    await script.say(*OK)
    await script.hear_content()
    await script.say("250 ok")


async def one_then_421(script: Script) -> None:
    await one_then_close(script)
    await script.hear(3)
    await script.say("421 4.7.0 enough for one connection")


async def one_then_talks(script: Script) -> None:
    await one_then_close(script)
    await script.say("421 idle too long")
    await script.reader.read()


async def one_then_drops_in_mail(script: Script) -> None:
    await one_then_close(script)
    await script.hear(3)
    script.drop()


@pytest.mark.parametrize("pause", [0.0, 0.05])
@pytest.mark.parametrize(
    "play", [one_then_close, one_then_421, one_then_talks, one_then_drops_in_mail]
)
def test_a_kept_connection_that_died_is_told_from_a_refusal(
    run: Run, play: Play, pause: float
) -> None:
    async def go() -> None:
        async with scripted(play) as (port, _):
            session = await connect(port)
            assert (await deliver(session)).accepted
            async with asyncio.timeout(20):
                while pause and session.is_usable and play in (one_then_close, one_then_talks):
                    await asyncio.sleep(pause)  # what came meanwhile is seen without a word of ours
            await asyncio.sleep(pause)
            outcome = await deliver(session)
            assert outcome.reusable_failure and outcome.stage is Stage.MAIL
            assert not outcome.uncertain and not session.is_usable

    run(go())


def test_refused_rset_is_no_refusal_of_the_message(run: Run) -> None:
    async def play(script: Script) -> None:
        await script.greet(*PIPED)
        await script.hear(3)
        await script.say("250 ok", "550 5.1.1 no", "503 no")
        await script.hear(4)
        await script.say("500 what", "503 x", "503 x", "503 x")

    async def go() -> None:
        async with scripted(play) as (port, scripts):
            session = await connect(port)
            assert (await deliver(session)).stage is Stage.RCPT
            outcome = await deliver(session)
            assert outcome.reusable_failure and outcome.reply is None
        assert scripts[0].heard[4] == "RSET"

    run(go())


def test_quit_is_bounded(run: Run) -> None:
    async def play(script: Script) -> None:
        await script.greet(*PIPED)
        await script.hear()
        await script.reader.read()  # and never says goodbye

    async def go() -> None:
        async with scripted(play) as (port, _):
            session = await connect(port, timeouts=Timeouts(quit=0.2))
            async with asyncio.timeout(20):
                await session.quit()
            assert not session.is_usable

    run(go())
