"""No test of delivery sees what DNS said to the one before."""

import pytest

from domains import dns


@pytest.fixture(autouse=True)
def _no_answers_yet() -> None:
    dns.forget()
