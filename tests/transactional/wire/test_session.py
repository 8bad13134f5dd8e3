"""The outgoing session over real sockets, against our own server and against bad peers."""

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from tests.installation import free_port
from tests.transactional.wire.conftest import Run
from tests.transactional.wire.smtp_parts import (
    MESSAGE,
    Keeper,
    Script,
    connect,
    deliver,
    listening,
    scripted,
)
from transactional.wire.handler import ServerConfig
from transactional.wire.outcome import SessionRefused, Timeouts, TlsPolicy
from transactional.wire.reply import Reply, Stage
from transactional.wire.reply_stream import StreamError
from transactional.wire.session import Session, client_context

CONFIG = ServerConfig("mx.example", size_limit=100_000)
SHORT = Timeouts(marker=0.3)
PIPED = ("PIPELINING", "8BITMIME", "SIZE 1000000")


async def no() -> bool:
    return False


# -- against our own server


def test_it_works(run: Run) -> None:
    async def go() -> None:
        keeper = Keeper()
        async with listening(CONFIG, keeper) as port:
            session = await connect(port, source_address="127.0.0.1")
            outcome = await deliver(session, eight_bit=True)
            assert outcome.accepted and outcome.stage is Stage.DOT and not outcome.uncertain
            assert outcome.reply == Reply(250, "2.0.0", ("queued",))
            again = await deliver(session, mail_from=None, smtputf8=True, rcpt="δ@d.example")
            assert again.accepted
            assert session.is_usable
            await session.quit()
            assert not session.is_usable
        first, second = keeper.messages
        assert (first.mail_from, first.rcpts, first.data) == (
            "a@b.example",
            ("c@d.example",),
            MESSAGE,
        )
        assert first.helo == "out.example" and first.body_8bit
        assert second.mail_from is None and second.rcpts == ("δ@d.example",) and second.smtputf8
        said = outcome.transcript
        # The first message tells how the connection was opened, too; those after it only their own part
        assert said[0].startswith("S: 220 ") and said[1] == "C: EHLO out.example"
        assert said[2].startswith("S: 250 ")
        assert said[3] == "C: MAIL FROM:<a@b.example> SIZE=32 BODY=8BITMIME"
        assert again.transcript[0].startswith("C: MAIL FROM:<>")
        assert outcome.transcript[-1] == "S: 250 2.0.0 queued"
        assert "body" not in "".join(outcome.transcript)

    run(go())


@pytest.mark.parametrize(
    "policy", [TlsPolicy.OPPORTUNISTIC, TlsPolicy.REQUIRED, TlsPolicy.VERIFIED]
)
def test_starttls(
    run: Run, server_tls: ssl.SSLContext, tls_folder: Path, policy: TlsPolicy
) -> None:
    async def go() -> None:
        keeper = Keeper()
        trusting = ssl.create_default_context(cafile=str(tls_folder / "cert.pem"))
        async with listening(replace(CONFIG, tls_context=server_tls), keeper) as port:
            session = await connect(
                port,
                tls=policy,
                server_name="mx.example.",
                tls_context=trusting if policy is TlsPolicy.VERIFIED else None,
            )
            assert not session.capabilities.starttls
            for _ in range(3):
                outcome = await deliver(session, data=MESSAGE + b"x" * 50_000)
                assert outcome.accepted and outcome.tls_version == "TLSv1.3" and outcome.tls_cipher
            await session.quit()
        assert [m.tls for m in keeper.messages] == [True] * 3
        assert keeper.messages[0].data == MESSAGE + b"x" * 50_000 + b"\r\n"

    run(go())


def test_a_connection_that_is_reset_right_before_the_handshake_is_a_failure_like_any(
    run: Run,
) -> None:
    """uvloop then gives a transport without TLS: no error of ours, of which too many hold the mail."""

    async def go() -> None:
        async with listening(CONFIG, Keeper()) as port:
            session = await connect(port)
            transport = session._stream.transport
            assert transport is not None
            transport.abort()  # as the loop does with what it cannot read from: told a moment later
            assert session._stream.is_quiet
            with pytest.raises(StreamError, match="closed during the TLS handshake"):
                await session._handshake(client_context(verify=False))

    run(go())


def test_a_host_whose_name_tls_does_not_take_is_a_failure_like_any(
    run: Run, server_tls: ssl.SSLContext
) -> None:
    async def go() -> None:
        async with listening(replace(CONFIG, tls_context=server_tls), Keeper()) as port:
            with pytest.raises(SessionRefused) as failed:
                await connect(port, tls=TlsPolicy.REQUIRED, server_name="a" * 70 + ".example")
            assert failed.value.outcome.stage is Stage.STARTTLS

    run(go())


@pytest.mark.parametrize("name", ["mx.example", "other.example"])
def test_verified_refuses_a_stranger_certificate(
    run: Run, server_tls: ssl.SSLContext, tls_folder: Path, name: str
) -> None:
    async def go() -> None:
        keeper = Keeper()
        context = None  # the system's roots do not know the certificate
        if name == "other.example":  # known, but for another name
            context = ssl.create_default_context(cafile=str(tls_folder / "cert.pem"))
        async with listening(replace(CONFIG, tls_context=server_tls), keeper) as port:
            with pytest.raises(SessionRefused, match="CERTIFICATE_VERIFY_FAILED") as refused:
                await connect(port, tls=TlsPolicy.VERIFIED, server_name=name, tls_context=context)
        assert refused.value.outcome.stage is Stage.STARTTLS
        assert not keeper.messages

    run(go())


def test_a_refused_recipient_does_not_touch_the_next_message(run: Run) -> None:
    async def go() -> None:
        keeper = Keeper()
        async with listening(CONFIG, keeper) as port:
            session = await connect(port)
            for rcpt in ("nobody@d.example", "one@d.example", "nobody@d.example", "two@d.example"):
                outcome = await deliver(session, rcpt=rcpt)
                if rcpt.startswith("nobody"):
                    assert outcome.stage is Stage.RCPT
                    assert outcome.reply == Reply(550, "5.1.1", ("No such user",))
                    assert session.is_usable
                else:
                    assert outcome.accepted
            assert await session.reset()
            await session.quit()
        assert [m.rcpts for m in keeper.messages] == [("one@d.example",), ("two@d.example",)]

    run(go())


def test_a_big_message_arrives_whole(run: Run) -> None:
    async def go() -> None:
        keeper = Keeper()
        big = b"".join(b".%d line\r\n" % i for i in range(300_000))
        async with listening(replace(CONFIG, size_limit=10_000_000), keeper) as port:
            session = await connect(port)
            assert (await deliver(session, data=big)).accepted
            assert (await deliver(session)).accepted
            await session.quit()
        assert keeper.messages[0].data == big

    run(go())


def test_local_refusals_ask_nobody(run: Run) -> None:
    async def go() -> None:
        async def play(script: Script) -> None:
            await script.greet("PIPELINING", "SIZE 1000")
            await script.hear()
            await script.say("221 bye")

        async with scripted(play) as (port, scripts):
            session = await connect(port)
            wanted = [
                ({"data": b"x" * 1001}, "552 5.3.4"),
                ({"smtputf8": True}, "553 5.6.7"),
                ({"rcpt": "δ@d.example"}, "553 5.6.7"),
                ({"rcpt": "c@d>\r\nRCPT TO:<e@f"}, "553 5.1.3"),
                ({"mail_from": "a b@c"}, "553 5.1.3"),
            ]
            for options, status in wanted:
                outcome = await deliver(session, **options)
                assert outcome.local and str(outcome.reply).startswith(status)
            for data in (b"a\nb", b"a\rb", b"a\0b"):
                with pytest.raises(ValueError):
                    await deliver(session, data=data)
            await session.quit()
        assert scripts[0].heard == ["EHLO out.example", "QUIT"]

    run(go())


def test_addresses_only(run: Run) -> None:
    async def go() -> None:
        with pytest.raises(ValueError):
            await Session.connect("mx.example", 25, ehlo="out.example")
        with pytest.raises(ValueError):
            await Session.connect("127.0.0.1", 25, ehlo="x\r\nMAIL")
        with pytest.raises(ValueError):
            await Session.connect("127.0.0.1", 25, ehlo="x", tls=TlsPolicy.VERIFIED)

    run(go())


def test_nobody_listens(run: Run) -> None:
    async def go() -> None:
        async with scripted() as (port, _):
            pass
        with pytest.raises(SessionRefused) as refused:
            await connect(port)
        assert refused.value.outcome.stage is Stage.CONNECT and refused.value.outcome.error

    run(go())


# -- the marker


def test_lost_lease_sends_no_content(run: Run) -> None:
    async def go() -> None:
        keeper = Keeper()
        async with listening(CONFIG, keeper) as port:
            session = await connect(port)
            outcome = await deliver(session, before_dot=no)
            assert outcome.lease_lost and not outcome.uncertain and outcome.stage is Stage.DATA
            assert not session.is_usable
            session = await connect(port)
            outcome = await deliver(session, before_dot=no, rcpt="nobody@d.example")
            assert not outcome.lease_lost and outcome.stage is Stage.RCPT
            session.close()
        assert not keeper.messages

    run(go())


def test_marker_runs_once_the_peer_waits_for_the_content_and_before_it(run: Run) -> None:
    async def go() -> None:
        durable: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        asked, content = asyncio.Event(), asyncio.Event()

        async def play(script: Script) -> None:
            await script.greet(*PIPED)
            await script.hear(3)
            await script.say("250 ok", "250 ok")
            await asyncio.sleep(0.05)
            assert not asked.is_set()  # killed here, it would be in no doubt
            await script.say("354 go")
            await asyncio.wait_for(asked.wait(), 20)
            asyncio.get_running_loop().call_later(0.05, check_and_release)
            await script.hear_content()
            content.set()
            await script.say("250 ok")

        def check_and_release() -> None:
            assert not content.is_set()
            durable.set_result(True)

        async def marker() -> bool:
            asked.set()
            return await durable

        async with scripted(play) as (port, _):
            session = await connect(port)
            assert (await deliver(session, before_dot=marker)).accepted
            session.close()

    run(go())


def test_a_recipient_that_is_refused_costs_no_marker(run: Run) -> None:
    async def go() -> None:
        async def never() -> bool:
            raise AssertionError("marked")

        async with listening(CONFIG, Keeper()) as port:
            session = await connect(port)
            outcome = await deliver(session, before_dot=never, rcpt="nobody@d.example")
            assert outcome.stage is Stage.RCPT and outcome.reply is not None
            assert session.is_usable
            session.close()

    run(go())


@pytest.mark.parametrize("size", [100, 40_000, 80_000])
def test_no_dot_leaves_once_the_row_is_no_longer_ours(run: Run, size: int) -> None:
    """Paused behind its marker, or in the midst of the content, until its lease had run out."""

    async def go() -> None:
        data = b"Subject: x\r\n\r\n" + b"x" * 68 + b"\r\n" + (b"y" * 68 + b"\r\n") * (size // 70)
        for asked in range(1, 3 if size < 16_384 else 4):
            answers = iter([True] * (asked - 1) + [False] * 20)
            keeper = Keeper()
            async with listening(CONFIG, keeper) as port:
                session = await connect(port)
                outcome = await deliver(session, data=data, still_ours=lambda a=answers: next(a))
                assert outcome.lease_lost and not outcome.uncertain
                assert not session.is_usable
            assert not keeper.messages

    run(go())


def test_marker_that_fails_or_hangs(run: Run) -> None:
    async def go() -> None:
        async def broken() -> bool:
            raise RuntimeError("no database")

        async def hangs() -> bool:
            await asyncio.sleep(60)
            return True

        keeper = Keeper()
        async with listening(CONFIG, keeper) as port:
            session = await connect(port)
            with pytest.raises(RuntimeError, match="no database"):
                await deliver(session, before_dot=broken)
            assert not session.is_usable
            session = await connect(port, timeouts=SHORT)
            assert (await deliver(session, before_dot=hangs)).lease_lost
            session = await connect(port)
            work = asyncio.ensure_future(deliver(session, before_dot=hangs))
            await asyncio.sleep(0.05)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            assert not session.is_usable
        assert not keeper.messages

    run(go())


@pytest.mark.parametrize(("source", "ours"), [("127.0.0.1", False), ("192.0.2.1", True)])
def test_what_this_machine_lacks_is_told_apart_from_a_host_that_is_not_there(
    run: Run, source: str, ours: bool
) -> None:
    """Nobody listens; the other is no IP of this machine."""

    async def go() -> None:
        with pytest.raises(SessionRefused) as refused:
            await connect(int(free_port()), source_address=source)
        seen = refused.value.outcome
        assert (seen.stage, seen.reply, seen.ours) == (Stage.CONNECT, None, ours)

    run(go())
