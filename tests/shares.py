"""How the tests are shared out to the processes of pytest-xdist: what must not run at once."""

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling
from xdist.scheduler.protocol import Scheduling

# One process each, from the first test to the last: whole installations one after the other,
# Chromium once. Everything else goes file by file.
TOGETHER = {
    "installations": (
        "tests/bench/",
        "tests/config/stack/test_up.py",
        "tests/faults/",
        "tests/transactional/submission/test_process.py",
        "tests/trips/",
    ),
    "browser": ("tests/browser/",),
}


class Shares(LoadScopeScheduling):
    """Gives out a file at a time, or a whole of TOGETHER, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        for name, beginnings in TOGETHER.items():
            if nodeid.startswith(beginnings):
                return name
        return nodeid.split("::", 1)[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    """In the order of collection the two long shares begin early, one in each process."""
    config.option.loadscopereorder = False
    return Shares(config, log)
