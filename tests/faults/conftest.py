"""One installation for all fault cases, small and quick unless at full scale."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.site import Sink, Site
from tests.installation import running


@dataclass(frozen=True)
class Scale:
    """How much, how often, how long (seconds)."""

    messages: int
    kills: int
    stopped: float
    lease: int
    sessions: int
    retry: float


FULL = Scale(messages=2000, kills=10, stopped=60, lease=30, sessions=20, retry=1.0)
SMALL = Scale(messages=150, kills=3, stopped=8, lease=4, sessions=4, retry=0.02)


@pytest.fixture(scope="package")
def scale(full_scale: bool) -> Scale:
    return FULL if full_scale else SMALL


@pytest.fixture(scope="package")
def site(scale: Scale, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    sink = Sink(Path(tmp_path_factory.mktemp("sink")))
    environment = {
        "EGRESS": f"relay://127.0.0.1:{sink.port}",
        "LEASE_SECONDS": str(scale.lease),
        "EGRESS_SESSIONS": str(scale.sessions),
        "EGRESS_WORKERS": "2",
        "RETRY_SCALE": str(scale.retry),
    }
    try:
        with running(**environment) as installation:
            yield Site(installation, sink)
    finally:
        sink.close()
