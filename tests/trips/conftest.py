"""The installation of all trips: what `make run` starts, on ports of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.installation import Installation, running
from tests.trips.browser import Browser
from tests.trips.reader import Reader

# A deferral comes back within a second
QUICK = {"RETRY_SCALE": "0.01"}


@pytest.fixture(scope="package")
def shop() -> Iterator[Installation]:
    with running(**QUICK) as installation:
        yield installation


@pytest.fixture(scope="package")
def start(shop: Installation) -> dict[str, Any]:
    """quickstart.json."""
    return shop.quickstart


@pytest.fixture(scope="package")
def reader(start: dict[str, Any]) -> Reader:
    """Whoever looks into the Maildir."""
    return Reader(Path(start["maildir"]), start["dns"]["host"], start["dns"]["port"])


@pytest.fixture(scope="package")
def owner(start: dict[str, Any]) -> Iterator[Browser]:
    """The demo's owner, signed in through the form."""
    with Browser(start["url"]) as browser:
        browser.sign_in(start["username"], start["password"])
        yield browser
