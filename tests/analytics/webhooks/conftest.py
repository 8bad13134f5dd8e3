"""A receiver that endpoints may name, and the engine that posts to it."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvloop

from analytics.models import WebhookDelivery, WebhookEndpoint
from analytics.webhooks import endpoints
from analytics.webhooks.engine import Engine
from tests.analytics.webhooks.receiver import Receiver
from tests.dns_server import DnsServer
from tokens.models import Account

BY = "alice@shop.example"


@pytest.fixture
def receiver(dns_server: DnsServer, settings: Any) -> Iterator[Receiver]:
    """Reached as hook.example and other.example, at a port and in a network that are allowed."""
    found = Receiver()
    settings.WEBHOOK_PRIVATE_NETS = ["127.0.0.0/8"]
    settings.WEBHOOK_PORTS = [80, 443, found.port]
    for name in ("hook.example", "other.example"):
        dns_server.publish(name, "A", "127.0.0.1")
    yield found
    found.close()


@pytest.fixture
def endpoint(transactional_db: None, account: Account, receiver: Receiver) -> WebhookEndpoint:
    return endpoints.create(account, {"url": receiver.url()}, by=BY)[0]


@contextmanager
def working() -> Iterator[Engine]:
    """An engine, in a thread of its own as in a worker."""
    engine = Engine()

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(engine.main())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield engine
    finally:
        engine.stop()
        thread.join(20)
        assert not thread.is_alive()


def eventually(what: Callable[[], Any], seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.02)


def states(row: WebhookEndpoint) -> list[str]:
    rows = WebhookDelivery.objects.of(row.account_id).filter(endpoint_id=row.pk)
    return list(rows.order_by("id").values_list("state", flat=True))
