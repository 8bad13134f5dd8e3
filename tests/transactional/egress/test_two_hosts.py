"""Two machines with IPs of their own: real Celery workers, each with a name; what came from where."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection

from config import shared
from domains import hosts, pools
from domains.models import EgressSource, PoolMember, WorkerHost
from tests.cast import Cast
from tests.transactional.egress.processes import database_url
from tests.transactional.egress.sink import Sink, running
from tests.transactional.egress.test_engine import HTML_MAIL, drained, eventually, send_raw
from transactional.models import DeliveryAttempt, Recipient

pytestmark = pytest.mark.django_db(transaction=True)
THEIRS = HTML_MAIL.replace(b"shop.example", b"stranger.example")
EACH = 15  # messages of each account
KNOWN = 3 * hosts.FRESH  # seconds: what is kept of reports, of pools by them, and by the engine


@contextmanager
def worker(name: str, egress: str) -> Iterator[subprocess.Popen[bytes]]:
    """A delivery process of a machine of this name."""
    process = subprocess.Popen(
        [
            *(sys.executable, "manage.py", "worker"),
            *("-Q", f"egress,egress@{name}", "-n", f"egress@{name}"),
        ],
        cwd=django_settings.BASE_DIR,
        env={
            **os.environ,
            "DATABASE_URL": database_url(),
            "WORKER_HOST": name,
            "EGRESS": egress,
            "EGRESS_PRIVATE_NETS": "127.0.0.0/8",
            "LEASE_SECONDS": "5",
        },
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def _hosts(settings: Any) -> Iterator[None]:
    settings.WORKER_HOST = "web"  # the tests' own process delivers nothing
    hosts.forget()
    yield
    hosts.forget()
    shared.ask(lambda redis: redis.delete("egress:hosts"), otherwise=0)


@pytest.mark.usefixtures("_hosts")
def test_each_message_leaves_from_the_ip_of_its_own_machine(cast: Cast) -> None:
    one, two = cast.account, cast.other_account
    EgressSource.objects.of(one).update(host="one")
    EgressSource.objects.of(two).update(host="two")
    far = EgressSource.objects.create(
        account=two, address="127.0.0.12", ehlo_name="n.stranger.example", state="ready", host="one"
    )
    with (
        running(Sink()) as sink,
        worker("one", f"relay://127.0.0.1:{sink.port}") as first,
        worker("two", f"relay://127.0.0.1:{sink.port}") as second,
    ):
        wanted = {"one": ["127.0.0.10", "127.0.0.12"], "two": ["127.0.0.11"]}
        # A machine reports itself first, and its IPs once it has tried to bind them
        eventually(lambda: dict(WorkerHost.objects.values_list("name", "bindable")) == wanted, 150)
        assert first.poll() is None and second.poll() is None
        # Both machines know of each other's pools before any mail waits
        time.sleep(KNOWN)
        send_raw(one, EACH)
        send_raw(two, EACH, THEIRS)
        sink.wait_for(2 * EACH, 120)
        eventually(drained)
        assert Counter(e.peer for e in sink.kept) == {"127.0.0.10": EACH, "127.0.0.11": EACH}

        # A pool with an IP on each machine is served by both: one goes on when the other stops
        PoolMember.objects.create(pool=pools.dedicated_pool(two), source=far)
        time.sleep(KNOWN)
        second.terminate()
        second.wait(60)
        send_raw(two, EACH, THEIRS)
        sink.wait_for(3 * EACH, 120)
        eventually(drained)
        assert Counter(e.peer for e in sink.kept)["127.0.0.12"] == EACH
    connection.close()
    for account, addresses in ((one, {"127.0.0.10"}), (two, {"127.0.0.11", "127.0.0.12"})):
        tries = DeliveryAttempt.objects.of(account).values_list("source_address", "code")
        assert set(tries) == {(address, 250) for address in addresses}
    assert set(Recipient.objects.values_list("status", "attempts")) == {("delivered", 1)}
    peers = sorted({e.peer for e in sink.kept})
    assert peers == ["127.0.0.10", "127.0.0.11", "127.0.0.12"]
