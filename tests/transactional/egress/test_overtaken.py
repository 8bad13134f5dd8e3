"""Mail that was sent back to the queue for want of a place, and mail that comes while it waits there."""

import asyncio
import threading
import time
from typing import Any

import pytest

from tests.dns_server import DnsServer
from tests.transactional.egress.peers import Talk, server
from tests.transactional.egress.test_engine import engine, eventually
from tests.transactional.egress.test_shaping_engine import delivered, nothing, receivers, send
from tokens.models import Account
from transactional.models import QueueRow

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEWER = 60, 500
STILL = 3.0  # seconds


class Standing:
    """A connection whose other side reads nothing while it stands still."""

    def __init__(self, reader: asyncio.StreamReader, still: threading.Event) -> None:
        self._reader = reader
        self._still = still

    async def readline(self) -> bytes:
        line = await self._reader.readline()
        while self._still.is_set():
            await asyncio.sleep(0.02)
        return line

    async def readuntil(self, end: bytes) -> bytes:
        return await self._reader.readuntil(end)


def standing(still: threading.Event) -> Talk:
    """An ordinary server, but for that."""
    ordinary: Any = server(nothing, pause=0.06)
    return lambda reader, writer: ordinary(Standing(reader, still), writer)


def test_what_a_standstill_sent_back_is_not_overtaken_for_a_minute(
    account: Account, settings: Any, dns_server: DnsServer
) -> None:
    """The receiver stands still for a moment and then takes all there is, while new mail comes all the time."""
    still = threading.Event()
    with (
        receivers(settings, dns_server, good=standing(still)),
        engine(sessions=16),
    ):
        send(account, "good.example", 1)
        eventually(lambda: delivered("good.example", 1))
        still.set()
        send(account, "good.example", OLD)
        old = list(QueueRow.objects.values_list("pk", flat=True))
        eventually(lambda: QueueRow.objects.exclude(parked=None).count() >= OLD // 2)
        time.sleep(STILL)
        still.clear()
        newer = 0
        while QueueRow.objects.filter(pk__in=old).exists() and newer < NEWER:
            send(account, "good.example", 3)
            newer += 3
            time.sleep(0.1)
        waiting = list(QueueRow.objects.filter(pk__in=old).values_list("parked", "due_at"))
        assert not waiting, f"{len(waiting)} of {OLD} were overtaken by {newer}: {waiting[:3]}"
