"""Limits and rules are the operator's rows; what is shipped is where they begin."""

from typing import Any

import pytest

from domains.sites import Site
from tests.dns_server import DnsServer
from tests.transactional.egress.peers import server
from tests.transactional.egress.test_engine import engine, eventually
from tests.transactional.egress.test_shaping_engine import receivers, send
from tokens.models import Account
from transactional.egress import profiles
from transactional.egress.profiles import Limits
from transactional.models import QueueRow, ShapingProfile, ShapingRule

pytestmark = pytest.mark.django_db(transaction=True)
SMALL = Site("small.example")
GOOGLE = Site("google", "google")


def filled() -> None:
    profiles.fill(ShapingProfile, ShapingRule)


def test_the_rows_that_are_shipped_say_what_the_table_says() -> None:
    filled()
    assert profiles.load().of(SMALL, ["mx.small.example"], direct=True).connections == 20
    assert profiles.load().of(GOOGLE, [], direct=True) == Limits("google", 10, 1200, 50)
    names = {rule.name for rule in profiles.shipped().rules}
    assert {rule.name for rule in profiles.load().rules} == names and names


def test_what_an_operator_writes_counts() -> None:
    filled()
    ShapingProfile.objects.filter(name="google").update(connections=2, per_minute=33, per_session=4)
    ShapingProfile.objects.filter(name="default").update(connections=3)
    ShapingProfile.objects.create(
        name="ours", endings=".mx.small.example\n.other.example", connections=1, per_minute=6
    )
    found = profiles.load()
    assert profiles.load() is found  # nobody has changed anything
    assert found.of(GOOGLE, [], direct=True) == Limits("google", 2, 33, 4)
    assert found.of(SMALL, ["a.mx.small.example"], direct=True) == Limits("ours", 1, 6)
    assert found.of(SMALL, ["mx.elsewhere.example"], direct=True).connections == 3
    ShapingProfile.objects.filter(name="ours").delete()
    found = profiles.load()
    assert found.of(SMALL, ["a.mx.small.example"], direct=True).name == "default"


def test_an_operators_rules_count_and_one_that_is_off_does_not() -> None:
    filled()
    ShapingRule.objects.all().delete()
    for name, more in (
        ("ours", {"pattern": "House is FULL", "provider": "google"}),
        ("off", {"pattern": "full", "enabled": False}),
        ("broken", {"pattern": "(full"}),
        ("all", {"pattern": "full", "hits": 3, "within": 60, "value": 5}),
    ):
        ShapingRule.objects.create(name=name, action="rate", minutes=2, **more)
    found = profiles.load()
    said = "451 the house is full"
    assert [one.name for one in found.rules_on(said, "google")] == ["all", "ours"]
    [one] = found.rules_on(said, "")
    assert (one.name, one.hits, one.within, one.value, one.seconds) == ("all", 3, 60, 5, 120.0)


def test_an_engine_goes_by_the_operators_rows_from_its_first_message_on(
    account: Account, settings: Any, dns_server: DnsServer
) -> None:
    filled()
    ShapingProfile.objects.filter(name="default").update(connections=1)
    ShapingRule.objects.create(name="ours", pattern="house is full", action="suspend", minutes=60)

    def answers(line: str) -> str | None:
        return "451 4.3.0 The house is full" if line.startswith("RCPT") else None

    with receivers(settings, dns_server, full=server(answers, pause=0.05)) as peers:
        send(account, "full.example", 6)
        with engine(sessions=8):
            eventually(lambda: QueueRow.objects.filter(parked="ours mx.full.example").count() >= 5)
        assert peers.most["127.0.3.1"] == 1
