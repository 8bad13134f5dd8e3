"""From which IP mail leaves: transactional mail from the dedicated one shown, marketing never."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.config.stack.process_table import eventually
from tests.installation import Installation
from tests.trips.browser import Browser
from tests.trips.reader import Mail, Reader
from tests.trips.test_simulators import Api

pytestmark = pytest.mark.stack
FIRST = """
from domains.models import *
print(sorted(SourceChange.objects.filter(event='first_mail').values_list('source__address', 'state')))
"""
SHOWN = """
from domains.models import *
print(list(EgressSource.objects.filter(account__isnull=False).values_list('address', flat=True)))
"""


def left_from(mail: Mail) -> str:
    """The IP that the receiving server saw."""
    found = re.search(r"\(\[([0-9.]+)\]\)", str(mail.parsed["Received"]))
    assert found is not None
    return found[1]


def test_transactional_mail_leaves_from_the_dedicated_ip_and_marketing_never(
    start: dict[str, Any],
    shop: Installation,
    reader: Reader,
    owner: Browser,
    receipt: Callable[..., int],
) -> None:
    api = Api(start)
    emails = {kind: receipt(f"IPs, {kind}", kind) for kind in ("transactional", "marketing")}
    addresses = [(kind, f"{kind}{n}@ips.example") for n in range(10) for kind in emails]
    for kind, to in addresses:
        assert api.send(emails[kind], to)["status"] == "PENDING"
    seen: dict[str, set[str]] = {"transactional": set(), "marketing": set()}
    for kind, to in addresses:
        seen[kind].add(left_from(reader.wait(to)))
    assert seen == {"transactional": {"127.0.0.20"}, "marketing": {"127.0.0.30"}}
    assert shop.shell(SHOWN) == "['127.0.0.20']"
    page = owner.get(f"{owner.home}domains/")
    assert "127.0.0.20" in page and "127.0.0.30" not in page
    # The first mail put both into use, and their history says so: a worker tells it beside its mail
    active = "[('127.0.0.20', 'active'), ('127.0.0.30', 'active')]"
    assert eventually(lambda: shop.shell(FIRST) == active, 30), shop.shell(FIRST)
