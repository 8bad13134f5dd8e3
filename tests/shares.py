"""How the tests are shared out to the processes of pytest-xdist: what goes together, and first.

What is left for the end are single files, so that no process waits long for another.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling
from xdist.scheduler.protocol import Scheduling

# One process for all of each, the longest first: those that share an installation, or Chromium.
# What is named more closely goes alone. Everything else goes file by file, in the order of collection.
TOGETHER = (
    "tests/faults/",
    "tests/browser/test_accessibility.py",
    "tests/config/stack/test_up.py",
    "tests/bench/",
    "tests/trips/",
    "tests/browser/",
    "tests/faults/test_clock.py",
    "tests/faults/test_receivers.py",
    "tests/analytics/webhooks/test_engine.py",
    "tests/config/stack/test_postgres.py",
    "tests/faults/test_disk.py",
    "tests/transactional/egress/test_fallback.py",
    "tests/transactional/egress/test_smarthost_ways.py",
    "tests/transactional/egress/test_poison.py",
    "tests/transactional/egress/test_shaping_engine.py",
    "tests/transactional/egress/test_two_hosts.py",
    "tests/transactional/submission/test_process.py",
    "tests/transactional/egress/test_rotation.py",
)


def share(nodeid: str) -> str:
    """What of TOGETHER a test belongs to, by the longest name that fits; '' for none."""
    return max((one for one in TOGETHER if nodeid.startswith(one)), key=len, default="")


class Shares(LoadScopeScheduling):
    """Gives out a file at a time, or a whole of TOGETHER."""

    def _split_scope(self, nodeid: str) -> str:
        return share(nodeid) or nodeid.split("::", 1)[0]


def _rank(item: pytest.Item) -> int:
    found = share(item.nodeid)
    return TOGETHER.index(found) if found else len(TOGETHER)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a process of pytest-xdist, put first what takes long."""
    if hasattr(config, "workerinput"):
        items.sort(key=_rank)  # which keeps the order within each


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    """In the order of the items, which is that of TOGETHER, and not by how many tests there are."""
    config.option.loadscopereorder = False
    return Shares(config, log)
