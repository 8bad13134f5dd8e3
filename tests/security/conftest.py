"""The real servers that section A is tried on: submission, and the intake of reports."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_django import Settings

from config import certificate
from tests.transactional.api.conftest import api, email  # noqa: F401 — fixtures
from tests.transactional.loops import running
from tests.transactional.submission.conftest import door, token  # noqa: F401 — fixtures
from transactional.inbound.server import Intake
from transactional.listener import Door, Listeners
from transactional.wire.handler import Envelope, ServerConfig
from transactional.wire.reply import Reply


class Recorded(Intake):
    """Intake, and what it was handed."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Envelope] = []

    async def message(self, envelope: Envelope) -> Reply:
        self.kept.append(envelope)
        return await super().message(envelope)


@dataclass(frozen=True)
class InboundDoor:
    port: int
    handler: Recorded


@pytest.fixture
def intake(transactional_db: None, settings: Settings, tmp_path: Path) -> Iterator[InboundDoor]:
    """The server of return-paths, on a free port."""
    handler = Recorded()
    files = certificate.given_or_own(
        cert="", key="", directory=tmp_path / "inbound", names=["localhost"]
    )

    async def serve() -> AsyncIterator[int]:
        config = ServerConfig(
            hostname=settings.MAIL_HOST,
            rcpt_limit=20,
            tls_context=files.server_context(),
            bare_newline="normalise",
        )
        listeners = Listeners()
        yield await listeners.open(Door("127.0.0.1", 0, config, handler))
        await listeners.close()
        await handler.close()

    with running(serve) as server:
        yield InboundDoor(server.value, handler)
