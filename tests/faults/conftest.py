"""One installation for all fault cases, small and quick unless at full scale."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.site import Sink, Site
from tests.installation import free_port, running


@dataclass(frozen=True)
class Scale:
    """How much, how often, how long (seconds)."""

    messages: int
    stopped: float  # Valkey
    database_stopped: float
    lease: int
    sessions: int
    retry: float
    submitters: int
    ledger: Mapping[float, tuple[int, int]]  # messages and kills, by the sink's seconds
    worker_kills: int
    worker_pause: float


FULL = Scale(
    messages=2000,
    stopped=600,
    database_stopped=300,
    lease=30,
    sessions=50,
    retry=1.0,
    submitters=16,
    ledger={0.02: (100_000, 50), 0.3: (20_000, 20)},
    worker_kills=60,
    worker_pause=5.0,
)
SMALL = Scale(
    messages=150,
    stopped=5,
    database_stopped=3,
    lease=10,  # which a process outlives that gets no turn for six seconds
    sessions=8,
    retry=0.02,
    submitters=8,
    ledger={0.02: (240, 2), 0.3: (120, 1)},
    worker_kills=3,
    worker_pause=1.0,
)


@pytest.fixture(scope="package")
def scale(full_scale: bool) -> Scale:
    return FULL if full_scale else SMALL


@pytest.fixture(scope="package")
def webhook_port() -> int:
    """Where the receiver of webhooks listens: the installation has to allow it."""
    return int(free_port())


@pytest.fixture(scope="package")
def site(
    scale: Scale, webhook_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    sink = Sink(Path(tmp_path_factory.mktemp("sink")))
    environment = {
        "EGRESS": f"relay://127.0.0.1:{sink.port}",
        "LEASE_SECONDS": str(scale.lease),
        "EGRESS_SESSIONS": str(scale.sessions),
        "EGRESS_WORKERS": "2",
        "RETRY_SCALE": str(scale.retry),
        "WEBHOOK_PRIVATE_NETS": "127.0.0.0/8",
        "WEBHOOK_PORTS": f"80,443,{webhook_port}",
        # Less than the slow endpoint takes; of a healthy one on a slow machine it is still enough
        "WEBHOOK_SECONDS": "4",
        "SMTP_SIZE_LIMIT": str(48 << 20),
    }
    try:
        with running(**environment) as installation:
            yield Site(installation, sink)
    finally:
        sink.close()
