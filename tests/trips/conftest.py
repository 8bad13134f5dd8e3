"""The installation of all trips: what `make run` starts, on ports of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.installation import Installation, running
from tests.trips.browser import Browser
from tests.trips.reader import Reader

RECEIPT = """
from transactional.models import *
from transactional.compose import versions
old = Email.objects.get(name='Order receipt')
new = Email.objects.create(
    account=old.account, name='{name}', kind='{kind}', subject=old.subject,
    campaign=Campaign.objects.create(account=old.account, name='{name}'),
    html=old.html + '<p><a href="{{{{ unsubscribe_link }}}}">Unsubscribe</a></p>',
    from_name='Demo shop', from_address=old.from_address,
)
versions.publish(new, by='the tests')
print(new.pk)
"""
# A deferral comes back within a second
QUICK = {"RETRY_SCALE": "0.01"}
# Complaints of tens of messages are judged; of the demo's own domain they are far less than these per cent
JUDGED = {"COMPLAINT_PAUSE_PERCENT": "10", "COMPLAINT_PAUSE_DELIVERED": "30"}


@pytest.fixture(scope="package")
def shop() -> Iterator[Installation]:
    with running(**QUICK, **JUDGED) as installation:
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


@pytest.fixture(scope="package")
def receipt(shop: Installation) -> Callable[..., int]:
    """Makes an email like the demo's receipt, with numbers of its own; its id."""

    def make(name: str, kind: str = "transactional") -> int:
        return int(shop.shell(RECEIPT.format(name=name, kind=kind)))

    return make
