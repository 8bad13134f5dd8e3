"""The outgoing session logging in to a server that relays for us (RFC 4954)."""

import asyncio
import ssl
from dataclasses import replace

import pytest

from tests.transactional.wire.conftest import Run
from tests.transactional.wire.smtp_parts import (
    Keeper,
    Script,
    connect,
    deliver,
    listening,
    scripted,
)
from transactional.wire.handler import ServerConfig
from transactional.wire.outcome import Login, SessionRefused, TlsPolicy, read_capabilities
from transactional.wire.reply import Reply, Stage

CONFIG = ServerConfig("mx.example", size_limit=100_000, require_auth=True, auth_delay=0.0)
ALICE = Login("alice", "secret")


def test_it_logs_in_and_tells_nobody_the_password(run: Run, server_tls: ssl.SSLContext) -> None:
    async def go() -> None:
        keeper = Keeper()
        async with listening(replace(CONFIG, tls_context=server_tls), keeper) as port:
            session = await connect(port, tls=TlsPolicy.REQUIRED, login=ALICE)
            assert (await deliver(session)).accepted
            assert (await deliver(session)).accepted
            await session.quit()
        assert [one.auth.username for one in keeper.messages if one.auth] == ["alice", "alice"]

    run(go())
    assert "secret" not in repr(ALICE)


def test_a_wrong_password_is_an_outcome(run: Run, server_tls: ssl.SSLContext) -> None:
    async def go() -> None:
        async with listening(replace(CONFIG, tls_context=server_tls), Keeper()) as port:
            with pytest.raises(SessionRefused) as refused:
                await connect(port, tls=TlsPolicy.REQUIRED, login=Login("alice", "wr0ng-one"))
        outcome = refused.value.outcome
        assert outcome.stage is Stage.AUTH and outcome.reply and outcome.reply.code == 535
        said = "\n".join(outcome.transcript)
        assert "C: AUTH PLAIN …" in said
        assert "wr0ng" not in said and "YWxpY2U" not in said and "AGFsaWNl" not in said

    run(go())


def test_no_password_in_clear(run: Run) -> None:
    async def play(script: Script) -> None:
        await script.greet("AUTH PLAIN LOGIN")
        await script.reader.read()

    async def go() -> None:
        async with scripted(play) as (port, scripts):
            with pytest.raises(SessionRefused) as refused:
                await connect(port, tls=TlsPolicy.OPPORTUNISTIC, login=ALICE)
            await asyncio.sleep(0.05)
        assert refused.value.outcome.stage is Stage.AUTH
        assert not any("AUTH" in line for line in scripts[0].heard)

    run(go())


@pytest.mark.parametrize(
    ("replies", "reached"),
    [
        (("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 ok"), None),
        (("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "535 5.7.8 no"), 535),
        (("504 5.5.4 no such mechanism",), 504),
        (("334 VXNlcm5hbWU6", "421 bye"), 421),
    ],
)
def test_login_where_plain_is_not_offered(
    run: Run, server_tls: ssl.SSLContext, replies: tuple[str, ...], reached: int | None
) -> None:
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = Script(reader, writer)
        await script.greet("STARTTLS")
        await script.hear()
        await script.say("220 go")
        await writer.start_tls(server_tls)
        await script.hear()
        await script.say("250-sink", "250 AUTH LOGIN XOAUTH2")
        for reply in replies:
            heard.append(await script.hear())
            await script.say(reply)
        await reader.read()
        writer.close()

    async def go() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            if reached is None:
                (await connect(port, tls=TlsPolicy.REQUIRED, login=ALICE)).close()
                return
            with pytest.raises(SessionRefused) as refused:
                await connect(port, tls=TlsPolicy.REQUIRED, login=ALICE)
            reply = refused.value.outcome.reply
            assert reply is not None and reply.code == reached
            assert refused.value.outcome.stage is Stage.AUTH
        finally:
            server.close()

    run(go())
    assert heard == ["AUTH LOGIN", "YWxpY2U=", "c2VjcmV0"][: len(replies)]


def test_what_is_offered_is_read_whatever_its_case() -> None:
    reply = Reply(250, None, ("sink", "auth plain LOGIN x-Strange"))
    assert read_capabilities(reply).auth == {"PLAIN", "LOGIN", "X-STRANGE"}
    assert read_capabilities(Reply(250, None, ("sink", "AUTH"))).auth == frozenset()


def test_a_server_without_a_known_mechanism_is_not_told(
    run: Run, server_tls: ssl.SSLContext
) -> None:
    async def go() -> None:
        config = replace(CONFIG, tls_context=server_tls, require_auth=False)
        async with listening(config, Keeper()) as port:
            with pytest.raises(SessionRefused) as refused:
                await connect(port, tls=TlsPolicy.REQUIRED, login=ALICE)
        assert refused.value.outcome.stage is Stage.AUTH

    run(go())
